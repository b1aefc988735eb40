#pragma once

#include "rules_sqlite/result.hpp"
#include "rules_sqlite/rule_database.hpp"
#include "rules_sqlite/rule_table.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

namespace rules_sqlite {

/// Rules of a database, served from memory. Look-ups go to the table that snapshot() hands out; whoever holds one keeps it,
/// however often the rules change meanwhile. Whatever goes wrong with the database later, the last good table keeps serving.
/// Thread-safety: any thread.
class RuleStore {
public:
    struct Options {
        std::string database;
        std::string seed_directory;  // imported if the database has no rules; empty: none
        int busy_timeout_ms = RuleDatabase::kBusyTimeoutMs;
    };
    struct ImportSummary {
        std::size_t imported = 0;
        std::int64_t version = 0;
    };
    struct Health {
        std::size_t rules = 0;
        std::int64_t version = 0;
        std::string problem;  // why the table may be older than the database; empty: it is up to date
    };

    /// Opens the database, seeds it where it is empty, loads the table.
    /// Blocks: for the disk. Errors: those of RuleDatabase, and of read_rule_directory for the seed.
    static Result<std::unique_ptr<RuleStore>> open(const Options& options);

    /// Never null. Blocks: never (a pointer is copied under a lock).
    std::shared_ptr<const RuleTable> snapshot() const;

    /// Loads the table again if another process has changed the database since; true if so. After a failure the next call
    /// tries again.
    /// Blocks: for the disk. Errors: those of RuleDatabase, and `no_rules`, where there were some before.
    Result<bool> refresh();

    /// Replaces all rules by the files of a directory: all, or nothing where any file is bad.
    /// Blocks: for the disk. Errors: those of RuleDatabase and of read_rule_directory.
    Result<ImportSummary> import_directory(const std::filesystem::path& directory);

    Health health() const;

private:
    explicit RuleStore(std::unique_ptr<RuleDatabase> database) : database_(std::move(database)) {}
    Result<bool> refresh_locked();
    void publish(RuleTable table);
    void note_problem(const Failure& failure);

    // Taken in this order; the second one never across I/O.
    std::mutex database_mutex_;
    mutable std::mutex table_mutex_;

    std::unique_ptr<RuleDatabase> database_;  // under database_mutex_
    std::shared_ptr<const RuleTable> table_;  // under table_mutex_; shared with the runs that hold it
    std::string problem_;                     // under table_mutex_
};

}  // namespace rules_sqlite
