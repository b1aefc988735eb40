#include "rules_sqlite/rule_store.hpp"

#include "rules_sqlite/rule_files.hpp"

#include <utility>

namespace rules_sqlite {

Result<std::unique_ptr<RuleStore>> RuleStore::open(const Options& options) {
    auto database = RuleDatabase::open(options.database, options.busy_timeout_ms);
    if (!database) {
        return database.error();
    }
    auto table = (*database)->load();
    if (!table) {
        return table.error();
    }
    if (table->size() == 0 && !options.seed_directory.empty()) {
        auto rules = read_rule_directory(options.seed_directory);
        if (!rules) {
            return rules.error();
        }
        if (auto seeded = (*database)->replace(*rules, RuleDatabase::When::only_if_empty); !seeded) {
            return seeded.error();
        }
        // Not simply these rules: another process may have been faster with others.
        table = (*database)->load();
        if (!table) {
            return table.error();
        }
    }
    std::unique_ptr<RuleStore> store(new RuleStore(*std::move(database)));
    store->publish(*std::move(table));
    return store;
}

std::shared_ptr<const RuleTable> RuleStore::snapshot() const {
    const std::lock_guard lock(table_mutex_);
    return table_;
}

Result<bool> RuleStore::refresh() {
    const std::lock_guard lock(database_mutex_);
    auto refreshed = refresh_locked();
    if (!refreshed) {
        note_problem(refreshed.error());
    }
    return refreshed;
}

Result<bool> RuleStore::refresh_locked() {
    auto changed = database_->changed();
    if (!changed) {
        return changed.error();
    }
    // `changed` tells of a change once only: after a failed load the noted problem is what keeps us trying.
    if (!*changed && health().problem.empty()) {
        return false;
    }
    auto table = database_->load();
    if (!table) {
        return table.error();
    }
    if (table->size() == 0 && health().rules > 0) {
        // An import never leaves nothing: this is a wrong or emptied file.
        return fail(Status::not_found, "no_rules", "the database has no rules any more");
    }
    publish(*std::move(table));
    return true;
}

Result<RuleStore::ImportSummary> RuleStore::import_directory(const std::filesystem::path& directory) {
    auto rules = read_rule_directory(directory);
    if (!rules) {
        return rules.error();
    }
    const std::lock_guard lock(database_mutex_);
    auto version = database_->replace(*rules);
    if (!version) {
        return version.error();
    }
    const ImportSummary summary{rules->size(), *version};
    publish(RuleTable(*std::move(rules), *version));
    return summary;
}

RuleStore::Health RuleStore::health() const {
    const std::lock_guard lock(table_mutex_);
    return {table_->size(), table_->version(), problem_};
}

void RuleStore::publish(RuleTable table) {
    auto fresh = std::make_shared<const RuleTable>(std::move(table));
    const std::lock_guard lock(table_mutex_);
    table_.swap(fresh);  // the old table is freed after the lock, if nobody holds it
    problem_.clear();
}

void RuleStore::note_problem(const Failure& failure) {
    const std::lock_guard lock(table_mutex_);
    problem_ = failure.code + ": " + failure.message;
}

}  // namespace rules_sqlite
