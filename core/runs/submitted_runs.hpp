#pragma once

#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "model/run_store.hpp"
#include "pipeline/run.hpp"
#include "runs/retained_run.hpp"
#include "runs/run_feed.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace eco2 {

/// All submitted runs of a host: those under way, those that ended lately, and the way to those that only the store has.
///
/// Thread-safety: any I/O thread, but for adopt and suspend (control thread). Answers come on the calling thread.
/// Lifetime:      the store, executor, clock and log outlive it; each run holds its context.
/// Limits:        Options; beyond the memory of runs under way: runs_full.
class SubmittedRuns {
public:
    struct Options {
        std::size_t memory_bytes_max;  // photos and events of runs under way
        std::size_t ended_bytes_max;   // events and results of ended runs that are kept in memory besides the store
        int recoveries_max;            // a run that was under way in so many crashes is not tried again
        Options();
    };
    using FindPipeline = std::function<std::shared_ptr<RunContext>(std::string_view name)>;

    SubmittedRuns(RunStoreDoor& store,
                  Executor& executor,
                  const Clock& clock,
                  Log& log,
                  FindPipeline find_pipeline,
                  Options options = Options());
    ~SubmittedRuns();

    struct Submission {
        std::shared_ptr<RunContext> context;
        RunInput input;
        std::string idempotency_key;  // empty: none
        std::string fingerprint;
        std::shared_ptr<void> place;  // held until the run is over: of the host, of a quota
    };
    /// `done` once the run is written down; then it starts. With a key that was seen before: that run's id, and nothing starts.
    /// Errors: runs_full, idempotency_conflict, store_failed, overloaded, draining.
    void submit(Submission submission, std::function<void(Result<RunStoreDoor::Submitted>)> done);

    /// The run that `submit` would give for this key, if it was seen before. Errors: idempotency_conflict, store_failed.
    void find_submitted(IdempotencyKey key, std::function<void(Result<std::optional<RunStoreDoor::Submitted>>)> done);

    /// A run's feed, from memory or the store. Errors: run_not_found, also for another user's run; store_failed.
    void open(std::string run_id, std::string user_id, std::function<void(Result<std::shared_ptr<RunFeed>>)> done);

    /// `user_id` empty: the operator. Errors: run_not_found, run_over, store_failed.
    void cancel(std::string run_id, std::string user_id, std::function<void(Result<void>)> done);

    void list(RunFilter filter, std::function<void(Result<std::vector<RunSummary>>)> done);
    void show(std::string run_id, std::function<void(Result<StoredRun>)> done);

    /// Repeats a dead run as a new one, from its last finished stage on. The new run's id.
    /// Errors: run_not_found, replay_refused, runs_full, store_failed.
    void replay(std::string run_id, std::function<void(Result<std::string>)> done);

    /// Ends and deletes everything of a user. The number of runs.
    void forget_user(std::string user_id, std::function<void(Result<std::size_t>)> done);

    /// Goes on with a run that an earlier process left. `place` as in Submission. I/O threads are taken in turn.
    void adopt(StoredRun stored, std::shared_ptr<void> place, int thread);

    /// Drops all runs without ending them: the next start adopts them. Blocks: until the I/O threads have let go.
    void suspend();

    struct Counters {
        std::size_t running = 0;
        std::size_t bytes = 0;
        std::uint64_t submitted = 0;
        std::uint64_t adopted = 0;
        std::uint64_t ended = 0;
    };
    Counters counters() const;

private:
    struct Entry {
        std::shared_ptr<RunFeed> feed;
        std::shared_ptr<RetainedRun> run;  // null: ended, or not started yet
        int thread = -1;
        std::size_t bytes = 0;  // of the photo
        std::shared_ptr<void> place;
    };

    Result<void> enter(const std::shared_ptr<RunFeed>& feed, std::size_t photo_bytes, std::shared_ptr<void> place);
    void leave(const std::string& run_id);
    void count_submitted();
    void start(std::shared_ptr<RunContext> context, const std::shared_ptr<RunFeed>& feed, RunInput input, RunProgress progress);
    void ended(const std::string& run_id);
    std::shared_ptr<RunFeed> find(const std::string& run_id) const;
    std::shared_ptr<RunFeed> feed_of(const StoredRun& stored) const;
    void give_up(const StoredRun& stored, const Error& error);
    void replay_from(const std::shared_ptr<RunContext>& context,
                     const StoredRun& stored,
                     RunInput input,
                     RunProgress progress,
                     std::function<void(Result<std::string>)> done);

    RunStoreDoor& store_;
    Executor& executor_;
    const Clock& clock_;
    Log& log_;
    const FindPipeline find_pipeline_;
    const Options options_;

    mutable std::mutex mutex_;  // guards all below
    std::unordered_map<std::string, Entry> entries_;
    std::deque<std::pair<std::string, std::size_t>> ends_;  // ended runs in memory, oldest first, with their bytes
    std::size_t ended_bytes_ = 0;
    std::size_t bytes_ = 0;
    Counters counters_;
};

}  // namespace eco2
