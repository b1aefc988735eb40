#pragma once

#include "model/run_store.hpp"
#include "pipeline/run.hpp"
#include "runs/run_feed.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eco2 {

/// One submitted run under way: takes what its Run tells, has it written down, and only then shows it.
///
/// The machine: running -> ending (the last step is being written) -> over; or suspended, when the host stops: then nothing
/// more is written, and the next start goes on from what is. A step that the store does not take is tried again until it does.
///
/// Thread-safety: the I/O thread that called `start`; `suspend` too.
/// Lifetime:      shared with its own tasks; holds its context; the store and the feed outlive it.
class RetainedRun : public std::enable_shared_from_this<RetainedRun> {
public:
    /// `on_over` runs once, when the last step is written or will never be, not from inside start.
    RetainedRun(std::shared_ptr<RunContext> context,
                RunStoreDoor& store,
                std::shared_ptr<RunFeed> feed,
                std::function<void()> on_over);

    void start(RunInput input, RunProgress progress);

    /// Ends it as cancelled; `done` when that is written down, or with run_over where another end came first.
    void cancel(std::function<void(Result<void>)> done);

    /// Drops the run and what it has under way without writing anything.
    void suspend();

private:
    void on_event();
    void take(const RunEvent& event);
    void schedule();
    void flush();
    RunStep next_step();
    RunStep cancelled_step();
    std::string frame_of(const RunEvent& event, std::uint64_t number);
    std::string checkpoint_of(std::size_t stage) const;
    void add_end(RunStep& step, RunState state, std::string result, std::string_view error);
    void write(std::chrono::nanoseconds delay);
    void on_written(const Result<void>& written);
    void give_up(const Error& reason);
    void finish(Result<void> cancelled);

    const std::shared_ptr<RunContext> context_;
    RunStoreDoor& store_;
    const std::shared_ptr<RunFeed> feed_;
    std::function<void()> on_over_;

    std::unique_ptr<Run> run_;
    std::size_t taken_ = 0;          // of the run's log
    std::vector<RunEvent> pending_;  // not yet handed to the store; deltas in a row are one
    RunFeed::Status status_;         // as of the last event taken
    std::size_t stage_ = 0;
    std::size_t numbered_ = 0;  // events that have a number
    bool is_ending_ = false;    // the last event has its number
    std::function<void(Result<void>)> cancel_done_;

    std::optional<RunStep> step_;  // being written
    std::optional<RunStep> last_;  // of a cancelled run: to be written after it
    RunFeed::Status step_status_;
    std::unique_ptr<Timer> timer_;
    Clock::Monotonic last_write_{};
    bool is_over_ = false;
};

}  // namespace eco2
