#include "rules_sqlite/rule_table.hpp"

#include <utility>

namespace rules_sqlite {

RuleTable::RuleTable(std::vector<Rule> rules, std::int64_t version) : version_(version) {
    for (Rule& rule : rules) {
        ByKey& keys = rules_[rule.category];
        std::string key = rule.key;
        size_ += keys.try_emplace(std::move(key), std::move(rule)).second ? 1 : 0;
    }
}

const Rule* RuleTable::find(std::string_view category, std::string_view key) const {
    const auto keys = rules_.find(category);
    if (keys == rules_.end()) {
        return nullptr;
    }
    auto rule = keys->second.find(key);
    if (rule == keys->second.end()) {
        rule = keys->second.find(std::string_view());
    }
    return rule == keys->second.end() ? nullptr : &rule->second;
}

}  // namespace rules_sqlite
