#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "store/ledger_file.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace eco2::store {

/// Sums up what attempts have cost and keeps it in a SQLite file. Sums are exact in memory at once; one thread of its own
/// ("eco2-ledger") adds what is new to the file, at most once in a commit window. A crash loses what came since.
///
/// Thread-safety: any thread; stop and destruction: control thread.
/// Lifetime:      log and clock outlive it.
/// Limits:        limits::kLedgerRowsPendingMax sums that wait for a disk that fails. Beyond it new ones lose provider, key,
/// model and
///                route ("other"), then the caller's name in the file too: no cost and no attempt is lost. Callers are kept in
///                memory, about 100 bytes each.
/// Cost:          record: a look-up under a mutex, below 2 µs.
class LedgerStore {
public:
    struct Options {
        std::chrono::milliseconds commit_window;
        std::chrono::milliseconds busy_timeout;
        std::size_t rows_pending_max;
        std::size_t pages_max = 0;  // of the file; 0: SQLite's own limit
        Options();
    };

    struct Counters {
        std::uint64_t attempts = 0;  // recorded
        std::uint64_t written = 0;   // of them, in the file
        std::uint64_t commits = 0;
        std::uint64_t failed = 0;  // commits that did not come to be; their sums wait for the next
    };

    /// Blocks: opens, checks and reads the file. Errors: store_failed, also for a schema that is newer than this program.
    static Result<std::unique_ptr<LedgerStore>> open(std::string path,
                                                     Log& log,
                                                     const Clock& clock,
                                                     Options options = Options());

    ~LedgerStore();

    /// Adds one attempt or several; `key.day` is filled in where it is empty. Never blocks.
    void record(LedgerKey key, const LedgerSums& sums);

    /// What a caller has cost, in this process and all before it, in picousd.
    std::int64_t spent(std::string_view caller) const;

    /// Writes what is there, ends the thread. What is recorded later counts in memory alone. Blocks: until the file has it.
    /// Errors: store_failed: what has not been written is lost, and the log says how much.
    Result<void> stop();

    Counters counters() const;
    std::size_t rows_pending() const;

private:
    LedgerStore(LedgerFile::Options file, Log& log, const Clock& clock, Options options);

    void merge(LedgerKey key, const LedgerSums& sums);  // with mutex_ held
    void run();
    Result<void> write();

    Log& log_;
    const Clock& clock_;
    const Options options_;

    LedgerFile file_;  // the thread's own, after open

    mutable std::mutex mutex_;  // guards all below
    std::condition_variable changed_;
    LedgerRows pending_;
    std::map<std::string, std::int64_t, std::less<>> spent_;
    std::int64_t day_number_ = -1;  // since 1970, of day_
    std::string day_;
    Counters counters_;
    bool is_stopping_ = false;

    std::mutex stop_mutex_;
    Result<void> last_;  // guarded by stop_mutex_, once the thread has ended
    std::thread thread_;
};

}  // namespace eco2::store
