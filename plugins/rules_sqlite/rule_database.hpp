#pragma once

#include "rules_sqlite/result.hpp"
#include "rules_sqlite/rule_table.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rules_sqlite {

/// The rules in one SQLite file, over one connection that is kept. Several processes may have it open: one writes, all see.
///   rules(category, key, body, file), meta(version); PRAGMA user_version is the layout's number.
/// Rollback journal and synchronous=FULL: what was imported has reached the disk, and a crash leaves the old or the new set.
/// Thread-safety: one thread at a time.
/// Blocks: for the disk, and up to the busy time-out for another process's lock.
/// Errors: all functions: `database_locked` (another process is writing), `database_damaged`, `database_failed` (anything
/// else); the message has the file's name and SQLite's reason. The object stays usable.
class RuleDatabase {
public:
    /// An import of the largest set takes well under a second.
    static constexpr int kBusyTimeoutMs = 3'000;

    /// Opens or creates the file; its folder must exist. Errors also: `database_layout`, the file was made by a newer version.
    static Result<std::unique_ptr<RuleDatabase>> open(const std::string& path, int busy_timeout_ms = kBusyTimeoutMs);

    ~RuleDatabase();
    RuleDatabase(const RuleDatabase&) = delete;
    RuleDatabase& operator=(const RuleDatabase&) = delete;

    /// All rules and their version, from one transaction. Errors also: `database_damaged` if a body is no JSON object.
    Result<RuleTable> load();

    enum class When { always, only_if_empty };

    /// Replaces all rules in one transaction and returns the new version; on an error nothing has changed. With only_if_empty
    /// and rules there already, changes nothing and returns the version that is.
    Result<std::int64_t> replace(const std::vector<Rule>& rules, When when = When::always);

    /// True once after somebody else has changed the file, and also when the path now leads to another file: that is then
    /// opened. Cost: a stat and one page read.
    Result<bool> changed();

private:
    struct Connection;

    RuleDatabase(std::string path, int busy_timeout_ms);
    Result<void> connect();
    template <class Work>
    auto guarded(Work work) -> decltype(work());

    std::string path_;
    int busy_timeout_ms_;
    std::unique_ptr<Connection> connection_;
};

}  // namespace rules_sqlite
