#pragma once

#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/run_log.hpp"
#include "pipeline/stage_gate.hpp"
#include "pipeline/stage_work.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eco2 {

/// What a model stage cost and who answered it.
struct StageReport {
    std::string provider;  // instance id; empty: no model was asked
    std::string model;     // that really answered, as far as told
    Usage usage;
    std::chrono::nanoseconds duration{0};
    bool is_asked = false;
};

/// Watches runs for logs and metrics. Thread-safety: called on I/O threads, many at once.
class RunWatcher {
public:
    virtual ~RunWatcher() = default;
    virtual void on_stage_end(std::string_view run_id, const Stage& stage, const StageReport& report, const Error* error) = 0;
    virtual void on_repairs(std::string_view run_id, const Stage& stage, const std::vector<std::string>& repairs) = 0;
    virtual void on_reward(const RewardDecision& decision, std::chrono::nanoseconds duration) = 0;
};

/// A stage's doors, found once when the pipeline is wired; the one of its kind is set.
struct StageDoors {
    ProviderDoor* provider = nullptr;
    RuleStoreDoor* rules = nullptr;
    RewardDoor* reward = nullptr;
    std::shared_ptr<StageGate> gate;  // the same for the same stage of the next configuration: its limit is one
};

/// A pipeline with its doors: what runs are started on.
struct RunContext {
    std::shared_ptr<const Pipeline> pipeline;
    std::vector<StageDoors> doors;  // one a stage
    GrantDoor& grants;
    Executor& executor;
    const Clock& clock;
    RunWatcher& watcher;
    /// Takes secrets out of an error's words, which may be a provider's own. Empty: there is nothing to take out.
    std::function<std::string(std::string_view)> redact = {};
};

/// A stage that a run has behind it.
struct FinishedStage {
    StageOutput output;
    StageReport report;
    std::optional<RewardDecision> reward;  // of a reward stage
};

/// What an interrupted run has behind it when it goes on: finished stages are not repeated, words that were told are not told
/// again.
struct RunProgress {
    std::vector<FinishedStage> finished;  // from the first stage on, without a gap
    bool is_announced = false;            // the next stage's start has been told
    std::string words;                    // of the next stage's deltas that have been told
};

/// One live execution of a pipeline for one input: walks the stages, appends to its log.
///
/// The machine: a stage is entered (gate) -> prepared -> its effect started -> settled -> the next, until done, failed, timed
/// out or cancelled. One timer guards the stage's and the run's deadline.
///
/// A stage that was interrupted is made anew: where its words begin like those that were told, they go on after them; where
/// they differ, its start is told a second time and the words come from the beginning.
///
/// Thread-safety: the I/O thread that made it, with everything that it starts.
/// Lifetime:      the owner keeps the pointer until the end it waits for; dropping it earlier cancels and silences.
class Run {
public:
    /// `on_event` is called after each append, never from inside `start`; the run may be dropped from inside it.
    /// Lifetime: the run holds the context until its last task has ended.
    static std::unique_ptr<Run> start(std::shared_ptr<RunContext> context,
                                      std::string id,
                                      RunInput input,
                                      std::function<void()> on_event,
                                      RunProgress progress = {});
    /// For a context that outlives its runs.
    static std::unique_ptr<Run> start(
        RunContext& context, std::string id, RunInput input, std::function<void()> on_event, RunProgress progress = {});
    virtual ~Run() = default;

    virtual const std::string& id() const noexcept = 0;
    virtual const RunLog& log() const noexcept = 0;
    /// Why it failed or timed out; null unless it did.
    virtual const Error* failure() const noexcept = 0;
    virtual const Pipeline& pipeline() const noexcept = 0;
    virtual const RunValues& values() const noexcept = 0;
    /// Of the stages that have begun.
    virtual const std::vector<StageReport>& reports() const noexcept = 0;
    /// The reward stage's decision; null before it, or without such a stage.
    virtual const RewardDecision* reward() const noexcept = 0;
    bool is_over() const noexcept { return !log().empty() && log().back().is_terminal(); }
};

}  // namespace eco2
