#pragma once

#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "model/calls.hpp"
#include "store/grant_file.hpp"
#include "store/known_grants.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace eco2::store {

/// Makes grants durable in a SQLite file, once per user and code, many in one commit.
///
/// A reward engine decides; this store promises. A grant is first written to an outbox, then its asker is told, then it is
/// settled into the table of grants. What a crash leaves in the outbox is settled at the next start. One thread of its own
/// ("eco2-grants") does all file work.
///
/// Thread-safety: any thread; stop and destruction: control thread.
/// Lifetime:      the executor, log and clock outlive the store; the executor still runs tasks while stop() waits.
/// Limits:        limits::kGrantQueueMax waiting writes (then `overloaded`); limits::kGrantFieldBytesMax a field.
/// Errors:        store_failed (disk full, locked, damaged: the whole commit fails, later writes try again), overloaded,
///                limit_exceeded, draining (after stop).
/// Cost:          one commit, 0.4 ms of CPU, for all that arrives within limits::kGrantCommitWindow; none for a known grant.
class GrantStore final : public GrantDoor {
public:
    struct Options {
        std::chrono::milliseconds commit_window;
        std::size_t batch_max;
        std::size_t queue_max;
        std::size_t known_max;
        std::size_t settle_rows;
        std::chrono::milliseconds settle_interval;
        std::chrono::milliseconds busy_timeout;
        std::size_t pages_max = 0;         // of the file; 0: SQLite's own limit
        std::chrono::seconds lifetime{0};  // of a grant; 0: for ever
        Options();
    };

    struct Counters {
        std::uint64_t written = 0;  // new rows
        std::uint64_t known = 0;    // answered without a write
        std::uint64_t failed = 0;
        std::uint64_t commits = 0;  // of writes, not of settling
        std::uint64_t settled = 0;
    };

    /// Blocks: opens and checks the file. Errors: store_failed, also for a schema that is newer than this program.
    static Result<std::unique_ptr<GrantStore>> open(std::string path, Executor& executor, Log& log, const Clock& clock);
    static Result<std::unique_ptr<GrantStore>> open(
        std::string path, Executor& executor, Log& log, const Clock& clock, Options options);

    ~GrantStore() override;

    void write(Grant grant, std::function<void(Result<void>)> done) override;

    /// Deletes a user's grants, after all that was asked for before; `done` as for write, with the number of grants.
    void forget_user(std::string user_id, std::function<void(Result<std::size_t>)> done);

    /// Writes what is queued, settles, ends the thread. Later writes get `draining`. Blocks: until the file has it all.
    void stop();

    /// For the command line and tests. Blocks.
    Result<std::vector<Grant>> grants_of(const std::string& user_id) const;

    Counters counters() const;
    std::size_t queue_depth() const;

private:
    using Done = std::function<void(Result<void>)>;
    using Time = std::chrono::steady_clock::time_point;
    struct Waiting {
        Grant grant;
        std::string key;
        Done done;
        int thread = -1;
    };

    /// Other work for the writer thread, after the writes that were there before it.
    struct Order {
        std::uint64_t after;
        std::function<void()> work;
    };

    GrantStore(GrantFile::Options file, Executor& executor, Log& log, const Clock& clock, Options options);

    void answer(int thread, std::vector<Done> dones, Result<void> result);
    void run();
    std::vector<Waiting> take_batch();
    void commit(std::vector<Waiting> batch);
    void remember(std::vector<Waiting>& batch, std::size_t rows);
    void run_orders();
    void settle_where_due(bool is_last);
    void expire_where_due();
    bool settle_all();

    Executor& executor_;
    Log& log_;
    const Clock& clock_;
    const Options options_;
    const GrantFile::Options file_options_;

    // the writer thread's own
    GrantFile file_;
    std::size_t unsettled_ = 0;
    Time settle_at_ = Time::max();
    bool has_settling_failed_ = false;
    Time expire_at_ = Time::max();  // never, where grants live for ever

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Waiting> queue_;
    std::deque<Order> orders_;
    std::uint64_t queued_ = 0;  // writes ever put into the queue
    std::uint64_t taken_ = 0;   // of them, those that are no longer in it
    KnownGrants known_;
    Counters counters_;
    bool is_stopping_ = false;

    std::mutex stop_mutex_;
    std::thread writer_;
};

}  // namespace eco2::store
