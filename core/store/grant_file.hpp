#pragma once

#include "base/result.hpp"
#include "model/calls.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace eco2::store {

/// The SQLite file behind GrantStore: an outbox of promised grants, and the grants, one row per user and code.
///
/// Rollback journal and synchronous=FULL: what a call reports as written survives the process and the machine. After a failure
/// the connection is closed and the next call opens it again.
///
/// Thread-safety: none.
/// Errors:        store_failed everywhere, with the file's name and SQLite's reason.
/// Blocks:        every function; for the busy time-out where another process holds the lock.
class GrantFile {
public:
    struct Options {
        std::string path;
        std::chrono::milliseconds busy_timeout;
        std::size_t pages_max = 0;  // 0: SQLite's own limit
        explicit Options(std::string path_of_file);
    };

    explicit GrantFile(Options options);
    ~GrantFile();

    /// Creates directory, file (mode 0600) and tables where they are missing, and checks the file. A file whose schema is newer
    /// than this program is refused untouched.
    Result<void> prepare();

    /// Puts the grants into the outbox in one transaction, those aside that are granted already. The number of new rows.
    Result<std::size_t> append(std::span<const Grant* const> grants, std::int64_t created_ns);

    /// Moves up to `rows_max` rows from the outbox to the grants in one transaction. The number of rows moved.
    Result<std::size_t> settle(std::size_t rows_max);

    /// What is durable for this user, in the outbox or settled, by code.
    Result<std::vector<Grant>> grants_of(const std::string& user_id);

    /// Deletes what is durable for this user. The number of grants.
    Result<std::size_t> forget_user(const std::string& user_id);

    /// Deletes up to `rows_max` grants that were acquired before. The number.
    Result<std::size_t> expire(std::int64_t before_ns, std::size_t rows_max);

private:
    class Connection;

    template <class Work>
    auto with_connection(Work&& work) -> decltype(work(std::declval<Connection&>()));

    Options options_;
    std::unique_ptr<Connection> connection_;
};

}  // namespace eco2::store
