#pragma once

#include "base/result.hpp"
#include "model/calls.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

/// The door to what is written down about submitted runs; `store` has the real one, over SQLite.
namespace eco2 {

/// queued: accepted and not over, also while its stages run. dead: ended without an answer, may be replayed.
enum class RunState { queued, done, dead, cancelled };

/// A run as it is written down before its asker is told.
struct SubmittedRun {
    std::string id;
    std::string user_id;
    std::string pipeline;
    std::string idempotency_key;           // empty: none; unique for a user while the run is kept
    std::string fingerprint;               // of the request: a repeated key must come with the same
    std::string input_json;                // what the run needs besides the photo; opaque here
    SharedText photo;                      // null: none
    std::string replay_of;                 // id of the dead run that this one repeats; empty: none
    std::vector<std::string> events;       // as clients get them, numbered from 1; each ends with the only empty line in it
    std::vector<std::string> checkpoints;  // one a finished stage, in order; opaque here
    std::int64_t created_ns = 0;           // wall clock
};

/// What one step of a run adds. Written whole or not at all.
struct RunStep {
    std::string run_id;
    std::vector<std::string> events;       // the next numbers, without a gap
    std::vector<std::string> checkpoints;  // of the stages that have finished in this step
    /// It replaces what was written before: a run that is over is one row.
    struct End {
        RunState state = RunState::done;  // never queued
        std::string result_json;          // what the result endpoint answers
        std::string error;                // stable string of the error table; empty: none
        std::int64_t ended_ns = 0;
        std::string log;                       // all events of the run, these too, one after the other
        std::vector<std::string> checkpoints;  // all of them, of a dead run: a replay starts there
    };
    std::optional<End> end;  // the last step of a run
};

/// A line of a list of runs.
struct RunSummary {
    std::string id;
    std::string user_id;
    std::string pipeline;
    RunState state = RunState::queued;
    std::string error;  // of a dead one
    std::string replay_of;
    int replays = 0;     // of a dead one: how often it was replayed
    int recoveries = 0;  // how often a host found it unfinished at its start
    std::int64_t created_ns = 0;
    std::int64_t ended_ns = 0;  // 0: not over
};

/// Everything that is kept of one run.
struct StoredRun {
    RunSummary summary;
    std::string input_json;  // empty once it is no longer kept
    SharedText photo;        // null: none, or no longer kept
    std::vector<std::string> events;
    std::vector<std::string> checkpoints;
    std::string result_json;  // empty: not over
};

/// How a client calls its request, so that it makes one run however often it is sent.
struct IdempotencyKey {
    std::string user_id;
    std::string key;
    std::string fingerprint;  // of the request
};

struct RunFilter {
    std::string user_id;            // empty: everybody's
    std::string pipeline;           // empty: all
    std::optional<RunState> state;  // of these only
    std::int64_t before_ns = 0;     // created before; 0: from the newest
    std::size_t count_max = 50;
};

/// Thread-safety: any thread. Every `done` runs exactly once, on the calling I/O thread (on any, where the caller is on none),
/// never from inside. What a done reports as written survives the process and the machine; calls for one run take effect in
/// their order. Errors: store_failed (disk full, locked, damaged: nothing of the call was written), overloaded (queue full),
/// draining.
class RunStoreDoor {
public:
    virtual ~RunStoreDoor() = default;

    struct Submitted {
        std::string run_id;     // of the run that has the idempotency key
        bool is_known = false;  // it was there before: nothing was written
    };
    /// Concurrent submits with one user's key make one run. Errors: idempotency_conflict (the key is another request's),
    /// limit_exceeded.
    virtual void submit(SubmittedRun run, std::function<void(Result<Submitted>)> done) = 0;

    /// The run that a submit with this key would give, if there is one. Errors: idempotency_conflict.
    virtual void find_submitted(IdempotencyKey key, std::function<void(Result<std::optional<Submitted>>)> done) = 0;

    /// Errors: not_found (the run was deleted, or is over).
    virtual void append(RunStep step, std::function<void(Result<void>)> done) = 0;

    /// Errors: not_found.
    virtual void load(std::string run_id, std::function<void(Result<StoredRun>)> done) = 0;

    /// Newest first.
    virtual void list(RunFilter filter, std::function<void(Result<std::vector<RunSummary>>)> done) = 0;

    /// Counts one more replay of a dead run. Errors: not_found, replay_refused (not dead, or replayed too often).
    virtual void count_replay(std::string run_id, std::function<void(Result<void>)> done) = 0;

    /// Deletes all runs of a user, also unfinished ones: their next `append` gets not_found. The number of runs.
    virtual void forget_user(std::string user_id, std::function<void(Result<std::size_t>)> done) = 0;
};

}  // namespace eco2
