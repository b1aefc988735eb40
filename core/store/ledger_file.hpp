#pragma once

#include "base/result.hpp"

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace eco2::store {

enum class LedgerOutcome { ok = 0, failed = 1, cancelled = 2 };

/// What attempts are summed up by.
struct LedgerKey {
    std::string day;  // UTC, "2026-01-31"
    std::string caller;
    std::string provider;
    std::string key;    // id of the provider's key
    std::string model;  // that answered, or was asked where nobody told
    std::string route;
    std::string price_version;
    bool is_estimated = false;
    LedgerOutcome outcome = LedgerOutcome::ok;

    auto operator<=>(const LedgerKey&) const = default;
};

struct LedgerSums {
    std::int64_t attempts = 0;
    std::int64_t unpriced = 0;  // of them, those whose cost is not known
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
    std::int64_t cached_input_tokens = 0;
    std::int64_t cost_picousd = 0;  // 10^-12 USD: 9 million USD fit

    LedgerSums& operator+=(const LedgerSums& other) noexcept;
    bool operator==(const LedgerSums&) const = default;
};

using LedgerRows = std::map<LedgerKey, LedgerSums>;

/// The SQLite file behind LedgerStore: one row for each LedgerKey.
///
/// Rollback journal and synchronous=FULL: what a call reports as written survives the process and the machine. After a failure
/// the connection is closed and the next call opens it again.
///
/// Thread-safety: none.
/// Errors:        store_failed everywhere, with the file's name and SQLite's reason.
/// Blocks:        every function; for the busy time-out where another process holds the lock.
class LedgerFile {
public:
    struct Options {
        std::string path;
        std::chrono::milliseconds busy_timeout;
        std::size_t pages_max = 0;  // 0: SQLite's own limit
        bool is_read_only = false;  // for a look at another process's file
        explicit Options(std::string path_of_file);
    };

    explicit LedgerFile(Options options);
    ~LedgerFile();

    /// Creates directory, file (mode 0600) and table where they are missing, and checks the file. A file whose schema is newer
    /// than this program is refused untouched.
    Result<void> prepare();

    /// Adds all of them to what is there, in one transaction. An error: nothing was added.
    Result<void> add(const LedgerRows& rows);

    /// What each caller has cost so far, in picousd; callers without a name are left out.
    Result<std::map<std::string, std::int64_t, std::less<>>> spent();

    enum class By { day, caller, provider, key, model, route };
    struct Query {
        By by = By::day;
        std::string since;  // day; empty: from the beginning
    };
    struct Group {
        std::string name;  // empty: nobody in particular, none
        LedgerSums sums;
        LedgerSums estimated;  // of them
        std::int64_t failed = 0;
        std::int64_t cancelled = 0;
    };
    /// Days in their order, all else dearest first.
    Result<std::vector<Group>> groups(const Query& query);
    /// All rows.
    Result<LedgerRows> rows();

private:
    class Connection;

    template <class Work>
    auto with_connection(Work&& work) -> decltype(work(std::declval<Connection&>()));

    const Options options_;
    std::unique_ptr<Connection> connection_;
};

}  // namespace eco2::store
