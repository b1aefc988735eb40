#include "runs/retained_run.hpp"

#include "base/limits.hpp"
#include "runs/run_frames.hpp"
#include "runs/run_record.hpp"
#include "runs/run_result.hpp"

#include <algorithm>
#include <utility>

namespace eco2 {

using Kind = RunEvent::Kind;

RetainedRun::RetainedRun(std::shared_ptr<RunContext> context,
                         RunStoreDoor& store,
                         std::shared_ptr<RunFeed> feed,
                         std::function<void()> on_over)
    : context_(std::move(context)),
      store_(store),
      feed_(std::move(feed)),
      on_over_(std::move(on_over)),
      numbered_(feed_->size()) {}

void RetainedRun::start(RunInput input, RunProgress progress) {
    status_ = feed_->status();
    stage_ = std::min(progress.finished.size(), context_->pipeline->stages().size() - 1);
    // The run is dropped before this object's last owner lets go, so the callback cannot outlive it.
    run_ = Run::start(
        context_, feed_->run_id(), std::move(input), [this] { on_event(); }, std::move(progress));
}

void RetainedRun::on_event() {
    while (run_ != nullptr && taken_ < run_->log().size()) {
        take(run_->log()[taken_++]);
    }
    schedule();
}

void RetainedRun::take(const RunEvent& event) {
    if (event.kind == Kind::started) {
        return;  // told as `queued` when it was submitted
    }
    stage_ = event.stage;
    if (event.kind == Kind::delta && !pending_.empty() && pending_.back().kind == Kind::delta) {
        pending_.back().text += event.text;
        return;
    }
    if (event.kind != Kind::delta) {
        status_ = {context_->pipeline->stages()[event.stage].definition.name, event.progress};
    }
    pending_.push_back(event);
}

/// Words are gathered for a moment: an event a token would cost more than the token.
void RetainedRun::schedule() {
    if (step_ || pending_.empty()) {
        return;
    }
    const auto due = last_write_ + limits::kDeltaInterval;
    const auto now = context_->clock.now();
    const bool has_only_words = pending_.size() == 1 && pending_.front().kind == Kind::delta;
    if (!has_only_words || due <= now) {
        return flush();
    }
    if (timer_ == nullptr) {
        timer_ = context_->executor.post_after(due - now, [weak = weak_from_this()](TaskFate fate) {
            if (const auto self = weak.lock(); self != nullptr && fate == TaskFate::due) {
                self->timer_.reset();
                self->flush();
            }
        });
    }
}

void RetainedRun::flush() {
    if (step_ || is_over_ || (pending_.empty() && !last_)) {
        return;
    }
    timer_.reset();
    step_ = last_ ? *std::exchange(last_, std::nullopt) : next_step();
    step_status_ = status_;
    last_write_ = context_->clock.now();
    write(std::chrono::nanoseconds(0));
}

RunStep RetainedRun::next_step() {
    RunStep step;
    step.run_id = feed_->run_id();
    for (const auto& event : std::exchange(pending_, {})) {
        step.events.push_back(frame_of(event, ++numbered_));
        if (event.kind == Kind::stage_completed) {
            step.checkpoints.push_back(checkpoint_of(event.stage));
        }
        if (event.is_terminal()) {
            const auto* failure = run_->failure();
            add_end(step,
                    failure == nullptr ? RunState::done : RunState::dead,
                    run_result(*run_),
                    failure == nullptr ? std::string_view() : failure->name());
        }
    }
    return step;
}

/// What is pending is kept where it is finished work, and an end that came first stands.
RunStep RetainedRun::cancelled_step() {
    if (run_ == nullptr || !run_->is_over()) {
        std::erase_if(pending_, [](const RunEvent& event) { return event.kind != Kind::stage_completed; });
    }
    auto step = next_step();
    if (!step.end) {
        const auto error = fail(Errc::cancelled, "the run was cancelled");
        const FrameStamp stamp{feed_->run_id(), ++numbered_, context_->clock.wall_ns()};
        const auto& name = context_->pipeline->stages()[stage_].definition.name;
        step.events.push_back(error_frame(stamp, {stage_, name, status_.progress}, error));
        add_end(step, RunState::cancelled, failed_result(feed_->run_id(), error), error.name());
    }
    return step;
}

void RetainedRun::add_end(RunStep& step, RunState state, std::string result, std::string_view error) {
    is_ending_ = true;
    step.end = RunStep::End{state, std::move(result), std::string(error), context_->clock.wall_ns(), {}, {}};
    auto& log = step.end->log;
    feed_->read(0, log);
    const auto add = [&log](const std::vector<std::string>& events) {
        for (const auto& event : events) {
            log += event;
        }
    };
    if (step_) {
        add(step_->events);
    }
    add(step.events);
    if (state == RunState::dead) {
        for (std::size_t i = 0; i < stage_; ++i) {
            step.end->checkpoints.push_back(checkpoint_of(i));
        }
    }
}

std::string RetainedRun::checkpoint_of(std::size_t index) const {
    const auto& stage = context_->pipeline->stages()[index];
    FinishedStage finished{run_->values().outputs[index], run_->reports()[index], std::nullopt};
    if (stage.definition.kind == StageDefinition::Kind::reward && run_->reward() != nullptr) {
        finished.reward = *run_->reward();
    }
    return checkpoint_record(stage.definition.name, finished);
}

std::string RetainedRun::frame_of(const RunEvent& event, std::uint64_t number) {
    const FrameStamp stamp{feed_->run_id(), number, context_->clock.wall_ns()};
    const FramePlace place{event.stage, context_->pipeline->stages()[event.stage].definition.name, event.progress};
    switch (event.kind) {
        case Kind::stage_started: return stage_started_frame(stamp, place);
        case Kind::stage_completed: return stage_completed_frame(stamp, place, run_->values().outputs[event.stage].json());
        case Kind::delta: return delta_frame(stamp, place.name, event.text);
        case Kind::stage_failed:
        case Kind::timed_out: return error_frame(stamp, place, *run_->failure());
        case Kind::done:
        case Kind::started: break;
    }
    return done_frame(stamp, context_->pipeline->stages().size(), run_result(*run_));
}

void RetainedRun::write(std::chrono::nanoseconds delay) {
    if (delay.count() > 0) {
        timer_ = context_->executor.post_after(delay, [weak = weak_from_this()](TaskFate fate) {
            if (const auto self = weak.lock(); self != nullptr && fate == TaskFate::due && !self->is_over_) {
                self->write(std::chrono::nanoseconds(0));
            }
        });
        return;
    }
    store_.append(*step_, [weak = weak_from_this()](const Result<void>& written) {
        if (const auto self = weak.lock(); self != nullptr && !self->is_over_) {
            self->on_written(written);
        }
    });
}

void RetainedRun::on_written(const Result<void>& written) {
    if (!written) {
        // A disk that is full now may have room soon; what is not written is not shown.
        return info(written.error().code).is_retryable ? write(limits::kRunStoreRetryDelay) : give_up(written.error());
    }
    const auto step = std::exchange(step_, std::nullopt);
    feed_->append(step->events, step_status_, step->end ? step->end->result_json : std::string());
    if (step->end) {
        return finish(step->end->state == RunState::cancelled ? Result<void>() : fail(Errc::run_over));
    }
    last_ ? flush() : schedule();
}

/// The store does not know the run any more, or will never take the step: who reads is told, and that is all.
void RetainedRun::give_up(const Error& reason) {
    const auto error = reason.code == Errc::not_found ? fail(Errc::cancelled, "the run was deleted") : reason;
    const FrameStamp stamp{feed_->run_id(), feed_->size() + 1, context_->clock.wall_ns()};
    const auto& name = context_->pipeline->stages()[stage_].definition.name;
    const std::string frame = error_frame(stamp, {stage_, name, status_.progress}, error);
    feed_->append(std::span(&frame, 1), status_, failed_result(feed_->run_id(), error));
    finish(fail(Errc::run_not_found));
}

void RetainedRun::cancel(std::function<void(Result<void>)> done) {
    if (is_over_ || is_ending_) {
        return done(fail(Errc::run_over));
    }
    cancel_done_ = std::move(done);
    last_ = cancelled_step();
    run_.reset();
    flush();
}

void RetainedRun::finish(Result<void> cancelled) {
    const auto self = shared_from_this();
    is_over_ = true;
    timer_.reset();
    run_.reset();
    if (auto done = std::exchange(cancel_done_, nullptr)) {
        done(std::move(cancelled));
    }
    std::exchange(on_over_, nullptr)();
}

void RetainedRun::suspend() {
    is_over_ = true;
    timer_.reset();
    run_.reset();
    cancel_done_ = nullptr;
    on_over_ = nullptr;
}

}  // namespace eco2
