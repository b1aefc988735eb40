#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rules_sqlite {

struct Rule {
    std::string category;
    std::string key;   // empty: the category alone
    std::string body;  // minified JSON object
    std::string file;  // name of the file that it came from, without ".json": what clients see as the rule's id
};

/// All rules as they were at one moment.
/// Thread-safety: immutable, any thread.
class RuleTable {
public:
    RuleTable() = default;
    /// Of two rules with equal category and key the first counts; the database and the import do not let that happen.
    RuleTable(std::vector<Rule> rules, std::int64_t version);

    /// The rule for both; else the one for the category alone; else null. Exact comparison. Lifetime: the table's.
    /// Blocks: never. Cost: two tree searches.
    const Rule* find(std::string_view category, std::string_view key) const;

    std::size_t size() const { return size_; }
    std::int64_t version() const { return version_; }

private:
    using ByKey = std::map<std::string, Rule, std::less<>>;

    std::map<std::string, ByKey, std::less<>> rules_;
    std::size_t size_ = 0;
    std::int64_t version_ = 0;
};

}  // namespace rules_sqlite
