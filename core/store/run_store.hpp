#pragma once

#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "model/run_store.hpp"
#include "store/run_file.hpp"

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

/// Keeps submitted runs in a SQLite file, many writes in one commit. One thread of its own ("eco2-runs") does all file work, in
/// the order of the calls.
///
/// Thread-safety: any thread; recover, stop and destruction: control thread.
/// Lifetime:      the executor, log and clock outlive the store; the executor still runs tasks while stop() waits.
/// Limits:        limits::kRunQueueMax waiting calls (then `overloaded`).
/// Cost:          one commit, 0.4 ms of CPU, for all that arrives within limits::kRunCommitWindow, and 12 to 28 µs a step;
///                0.14 ms a run, 0.57 ms with a photo of 100 KB (tests/bench/README.md).
class RunStore final : public RunStoreDoor {
public:
    struct Options {
        KeepPhotos keep_photos = KeepPhotos::never;
        std::chrono::seconds idempotency_lifetime;
        std::chrono::seconds result_lifetime;
        std::chrono::seconds dead_letter_lifetime;
        std::chrono::milliseconds commit_window;
        std::chrono::milliseconds busy_timeout;
        std::size_t batch_max;
        std::size_t queue_max;
        std::size_t pages_max = 0;  // of the file; 0: SQLite's own limit
        Options();
    };

    struct Counters {
        std::uint64_t submitted = 0;
        std::uint64_t ended = 0;
        std::uint64_t commits = 0;
        std::uint64_t operations = 0;  // committed
        std::uint64_t failed = 0;      // not written
        std::uint64_t expired = 0;
    };

    /// Blocks: opens and checks the file. Errors: store_failed, also for a schema that is newer than this program.
    static Result<std::unique_ptr<RunStore>> open(
        std::string path, Executor& executor, Log& log, const Clock& clock, Options options = Options());

    ~RunStore() override;

    /// Every run that an earlier process left unfinished, oldest first. Before the first other call; those that come while it
    /// goes on wait for its end. Blocks.
    Result<void> recover(const std::function<void(StoredRun)>& each);

    void submit(SubmittedRun run, std::function<void(Result<Submitted>)> done) override;
    void find_submitted(IdempotencyKey key, std::function<void(Result<std::optional<Submitted>>)> done) override;
    void append(RunStep step, std::function<void(Result<void>)> done) override;
    void load(std::string run_id, std::function<void(Result<StoredRun>)> done) override;
    void list(RunFilter filter, std::function<void(Result<std::vector<RunSummary>>)> done) override;
    void count_replay(std::string run_id, std::function<void(Result<void>)> done) override;
    void forget_user(std::string user_id, std::function<void(Result<std::size_t>)> done) override;

    /// Does what is queued, ends the thread. Later calls get `draining`. Blocks: until the file has it all.
    void stop();

    Counters counters() const;
    std::size_t queue_depth() const;

private:
    using Time = std::chrono::steady_clock::time_point;
    /// A call that waits for the thread: a write that shares a commit, or a read after it. `answer` makes the task that tells.
    struct Call {
        std::unique_ptr<RunOperation> write;
        std::function<void()> read;
        std::function<Task(const Error* failure)> answer;
        int thread = -1;
    };

    RunStore(RunFile::Options file, Executor& executor, Log& log, const Clock& clock, Options options);

    template <class What, class Outcome>
    void enqueue_write(What what, std::function<void(Result<Outcome>)> done);
    template <class Value>
    void enqueue_read(std::function<Result<Value>()> read, std::function<void(Result<Value>)> done);
    void enqueue(Call call);
    void start_thread();
    void answer(const Call& call, const Error* failure);
    void run();
    std::vector<Call> take_batch();
    void commit(const std::vector<Call>& batch);
    void count(const std::vector<RunOperation*>& writes);
    void expire_where_due();

    Executor& executor_;
    Log& log_;
    const Clock& clock_;
    const Options options_;

    // the thread's own, after recover
    RunFile file_;
    Time expire_at_;

    mutable std::mutex mutex_;  // guards all below
    std::condition_variable changed_;
    std::deque<Call> queue_;
    Counters counters_;
    bool is_stopping_ = false;
    bool is_recovering_ = false;  // the control thread has the file

    std::mutex stop_mutex_;
    std::thread thread_;
};

}  // namespace eco2::store
