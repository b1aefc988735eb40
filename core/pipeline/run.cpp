#include "pipeline/run.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "protocol/string_field_tap.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace eco2 {
namespace {

using Kind = StageDefinition::Kind;

class LiveRun final : public Run, private CallObserver, public std::enable_shared_from_this<LiveRun> {
public:
    LiveRun(
        std::shared_ptr<RunContext> held, std::string id, RunInput input, std::function<void()> on_event, RunProgress progress)
        : held_(std::move(held)),
          context_(*held_),
          id_(std::move(id)),
          input_(std::move(input)),
          on_event_(std::move(on_event)),
          deadline_(context_.clock.now() + context_.pipeline->definition().deadline),
          index_(progress.finished.size()),
          is_announced_(progress.is_announced),
          told_(std::move(progress.words)) {
        values_.input = {{"question", input_.question}};
        for (auto& finished : progress.finished) {
            values_.outputs.push_back(std::move(finished.output));
            reports_.push_back(std::move(finished.report));
            if (finished.reward) {
                reward_ = std::make_unique<RewardDecision>(std::move(*finished.reward));
            }
        }
    }

    void begin() {
        for (const auto& doors : context_.doors) {
            // Pinned now: an import that lands while this run is under way does not change its rules.
            if (doors.rules != nullptr) {
                auto snapshot = doors.rules->acquire();
                snapshots_.push_back(snapshot ? std::move(snapshot.value()) : nullptr);
            } else {
                snapshots_.push_back(nullptr);
            }
        }
        log_.push_back({RunEvent::Kind::started, 0, 0, {}});
        context_.executor.post([weak = weak_from_this()](TaskFate fate) {
            const auto self = weak.lock();
            if (self != nullptr && fate == TaskFate::due) {
                self->on_event_();
                self->go_on();
            }
        });
    }

    /// The owner is gone: nothing may reach it any more.
    void abandon() {
        on_event_ = [] {};
        call_.reset();
        pass_.reset();
        timer_.reset();
        is_abandoned_ = true;
    }

    const std::string& id() const noexcept override { return id_; }
    const RunLog& log() const noexcept override { return log_; }
    const Error* failure() const noexcept override { return failure_.get(); }
    const Pipeline& pipeline() const noexcept override { return *context_.pipeline; }
    const RunValues& values() const noexcept override { return values_; }
    const std::vector<StageReport>& reports() const noexcept override { return reports_; }
    const RewardDecision* reward() const noexcept override { return reward_.get(); }

private:
    const Stage& stage() const { return context_.pipeline->stages()[index_]; }
    StageReport& report() { return reports_[index_]; }
    std::size_t stage_count() const { return context_.pipeline->stages().size(); }
    int progress(std::size_t stages_done) const { return static_cast<int>(stages_done * 100 / stage_count()); }

    void append(RunEvent::Kind kind, int percent, std::string text = {}) {
        log_.push_back({kind, static_cast<std::uint8_t>(index_), static_cast<std::uint8_t>(percent), std::move(text)});
        // The copy keeps the callable alive when the owner drops the run from inside it.
        const auto notify = on_event_;
        notify();
    }

    /// Into the next stage, or to the end where there is none.
    void go_on() {
        if (is_abandoned_) {
            return;
        }
        if (index_ == stage_count()) {
            --index_;  // events name the last stage
            end(RunEvent::Kind::done, 100);
            return;
        }
        reports_.reserve(index_ + 1);  // exactly: open runs are many, and wait in their first stages
        reports_.resize(index_ + 1);
        stage_started_ = context_.clock.now();
        if (!std::exchange(is_announced_, false)) {
            append(RunEvent::Kind::stage_started, progress(index_));
        }
        if (is_abandoned_) {
            return;
        }
        if (is_skipped(stage(), values_)) {
            complete(otherwise(stage(), input_.language));
            return;
        }
        arm_timer();
        pass_ = context_.doors[index_].gate->enter([weak = weak_from_this()] {
            if (const auto self = weak.lock(); self != nullptr && !self->is_abandoned_) {
                self->start_effect();
            }
        });
        if (pass_ == nullptr) {
            fail_stage(fail(Errc::overloaded, "the queue of stage " + stage().definition.name + " is full"));
        } else if (pass_->was_let_in()) {
            start_effect();
        }
    }

    Clock::Monotonic stage_deadline() const { return std::min(deadline_, stage_started_ + stage().definition.timeout); }

    /// One timer a run: it is set again only when a stage's deadline comes before it.
    void arm_timer() {
        if (timer_ != nullptr && timer_due_ <= stage_deadline()) {
            return;
        }
        timer_due_ = stage_deadline();
        timer_ = context_.executor.post_after(timer_due_ - context_.clock.now(), [weak = weak_from_this()](TaskFate fate) {
            const auto self = weak.lock();
            if (self != nullptr && fate == TaskFate::due && !self->is_abandoned_ && !self->is_over()) {
                self->on_timer();
            }
        });
    }

    void on_timer() {
        const auto now = context_.clock.now();
        if (now < stage_deadline()) {
            timer_.reset();
            arm_timer();
            return;
        }
        call_.reset();
        if (now >= deadline_) {
            fail_run(RunEvent::Kind::timed_out, fail(Errc::deadline_exceeded));
            return;
        }
        const auto timeout_ms = std::to_string(stage().definition.timeout.count());
        const bool is_model = stage().definition.kind == Kind::infer;
        fail_stage(fail(is_model ? Errc::provider_timeout : Errc::deadline_exceeded, "no result within " + timeout_ms + " ms"));
    }

    void start_effect() {
        text_.clear();
        result_.reset();
        auto& doors = context_.doors[index_];
        StartedCall started = fail(Errc::internal);
        switch (stage().definition.kind) {
            case Kind::infer: started = start_infer(*doors.provider); break;
            case Kind::rules: started = start_rules(*doors.rules); break;
            case Kind::reward: started = start_reward(*doors.reward); break;
        }
        if (!started) {
            fail_stage(started.error());
            return;
        }
        call_ = std::move(started.value());
    }

    StartedCall start_infer(ProviderDoor& provider) {
        auto request = prepare_infer(stage(), input_, values_);
        for (auto& output : values_.outputs) {
            output.drop_parsed();  // a model takes seconds, and runs wait by the thousand
        }
        request->request_id = id_;
        request->caller = input_.caller;
        request->deadline = stage_deadline();
        report().provider = provider.name();
        report().model = request->model;
        report().is_asked = true;
        if (request->is_streamed) {
            tap_.emplace(stage().definition.stream_field);
        } else {
            tap_.reset();
        }
        return provider.generate(std::move(request), *this);
    }

    StartedCall start_rules(RuleStoreDoor& store) {
        if (snapshots_[index_] == nullptr) {
            return fail(Errc::rule_store_failed, "the rule store gave no snapshot");
        }
        auto query = prepare_rules(stage(), values_);
        query.request_id = id_;
        query.deadline = stage_deadline();
        return store.lookup(snapshots_[index_], std::move(query), *this);
    }

    StartedCall start_reward(RewardDoor& engine) {
        return engine.decide({id_, input_.user_id, prepare_reward(stage(), values_), stage_deadline()}, *this);
    }

    // CallObserver
    Flow on_text(std::string_view text) override {
        const auto self = shared_from_this();
        text_ += text;
        if (tap_) {
            std::string words;
            tap_->feed(text, words);
            tell(std::move(words));
        }
        return Flow::go_on;
    }
    /// What an interrupted try has told already is not told again, as long as this one says the same.
    void tell(std::string words) {
        if (!told_.empty() && !words.empty()) {
            again_ += words;
            if (told_.starts_with(again_)) {
                return;
            }
            if (again_.starts_with(told_)) {
                words = again_.substr(told_.size());
                told_.clear();
            } else {
                return tell_anew();
            }
        }
        if (!words.empty()) {
            append(RunEvent::Kind::delta, 0, std::move(words));
        }
    }

    void tell_anew() {
        told_.clear();
        append(RunEvent::Kind::stage_started, progress(index_));
        if (!is_abandoned_ && !again_.empty()) {
            append(RunEvent::Kind::delta, 0, std::exchange(again_, {}));
        }
    }

    void on_route(const RouteNote& note) override { report().provider = note.provider; }
    void on_restart() override {
        const auto self = shared_from_this();
        text_.clear();
        told_.clear();
        again_.clear();
        if (tap_) {
            tap_.emplace(stage().definition.stream_field);
            append(RunEvent::Kind::stage_started, progress(index_));
        }
    }
    void on_usage(const Usage& usage) override { report().usage = usage; }
    void on_meta(const CallMeta& meta) override {
        // An upstream's word, and one that clients see: what is no text does not replace what was asked for.
        if (!meta.model.empty() && is_valid_utf8(meta.model)) {
            report().model = shorten(meta.model, limits::kModelNameBytesMax);
        }
    }
    void on_result(std::string_view json, std::string_view) override { result_ = std::string(json); }
    void on_done(FinishReason finish, const CallError* error) override {
        const auto self = shared_from_this();  // an event may make the owner drop the run
        call_.reset();
        if (error != nullptr) {
            fail_call(error->error);
            return;
        }
        switch (stage().definition.kind) {
            case Kind::infer: settle_model(finish); break;
            case Kind::rules: settle_rule(); break;
            case Kind::reward: settle_decision(); break;
        }
    }

    /// The call knows the run's deadline too, and may give up a moment before our own timer.
    void fail_call(Error error) {
        if (context_.clock.now() >= deadline_) {
            fail_run(RunEvent::Kind::timed_out, fail(Errc::deadline_exceeded));
        } else {
            fail_stage(std::move(error));
        }
    }

    void settle_rule() {
        auto output = result_ ? settle_rules(std::move(*result_)) : StageOutput();
        if (!output) {
            fail_stage(output.error());
            return;
        }
        complete(std::move(output.value()));
    }

    void settle_model(FinishReason finish) {
        auto settled = settle_infer(stage(), input_, std::exchange(text_, {}), finish);
        if (!settled) {
            fail_stage(settled.error());
            return;
        }
        if (!settled.value().repairs.empty()) {
            context_.watcher.on_repairs(id_, stage(), settled.value().repairs);
        }
        if (!told_.empty() && again_ != told_) {
            tell_anew();  // the new answer ends before the words that were told
        }
        complete(std::move(settled.value().output));
    }

    void settle_decision() {
        auto decision = settle_reward(result_ ? std::string_view(*result_) : std::string_view());
        if (!decision) {
            fail_stage(decision.error());
            return;
        }
        reward_ = std::make_unique<RewardDecision>(std::move(decision.value()));
        if (!reward_->grant) {
            complete_reward();
            return;
        }
        Grant grant = *reward_->grant;
        grant.user_id = input_.user_id;
        grant.run_id = id_;
        context_.grants.write(std::move(grant), [weak = weak_from_this()](const Result<void>& written) {
            const auto self = weak.lock();
            if (self != nullptr && !self->is_abandoned_ && !self->is_over()) {
                self->on_granted(written);
            }
        });
    }

    void on_granted(const Result<void>& written) {
        if (!written) {
            // A reward that is not on disk is not shown; the answer that was paid for is.
            *reward_ = RewardDecision{"null", "grant_not_stored", {}, {}, {}};
        }
        complete_reward();
    }

    void complete_reward() {
        context_.watcher.on_reward(*reward_, context_.clock.now() - stage_started_);
        complete(reward_->reward_json == "null" ? StageOutput() : StageOutput(reward_->reward_json));
    }

    void finish_report(const std::optional<Error>& error) {
        pass_.reset();
        report().duration = context_.clock.now() - stage_started_;
        context_.watcher.on_stage_end(id_, stage(), report(), error ? &*error : nullptr);
    }

    void complete(StageOutput output) {
        values_.outputs.reserve(index_ + 1);
        values_.outputs.push_back(std::move(output));
        finish_report(std::nullopt);
        append(RunEvent::Kind::stage_completed, progress(index_ + 1));
        ++index_;
        go_on();
    }

    void fail_stage(Error error) { fail_run(RunEvent::Kind::stage_failed, std::move(error)); }

    void fail_run(RunEvent::Kind kind, Error error) {
        if (context_.redact) {
            error.detail = context_.redact(error.detail);
        }
        finish_report(error);
        failure_ = std::make_unique<Error>(std::move(error));
        end(kind, progress(index_));
    }

    void end(RunEvent::Kind kind, int percent) {
        call_.reset();
        timer_.reset();
        append(kind, percent);
    }

    const std::shared_ptr<RunContext> held_;  // first: what is below leaves its gates
    RunContext& context_;
    const std::string id_;
    const RunInput input_;
    std::function<void()> on_event_;
    const Clock::Monotonic deadline_;
    RunLog log_;
    std::unique_ptr<Error> failure_;
    RunValues values_;
    std::vector<StageReport> reports_;
    std::vector<std::shared_ptr<const RuleSnapshot>> snapshots_;
    std::unique_ptr<RewardDecision> reward_;  // null before its stage

    std::size_t index_;
    bool is_announced_;
    std::string told_;   // words of an interrupted try that have been told; empty: none, or they are behind us
    std::string again_;  // the same words as this try says them
    Clock::Monotonic stage_started_{};
    std::unique_ptr<Timer> timer_;
    Clock::Monotonic timer_due_{};
    std::unique_ptr<StageGate::Pass> pass_;
    std::unique_ptr<Call> call_;
    std::string text_;
    std::optional<std::string> result_;
    std::optional<StringFieldTap> tap_;
    bool is_abandoned_ = false;
};

/// What the owner holds. Callbacks may still be on the stack when it drops the run, so the run itself lives a moment longer.
class Handle final : public Run {
public:
    explicit Handle(std::shared_ptr<LiveRun> run) : run_(std::move(run)) {}
    ~Handle() override { run_->abandon(); }
    const std::string& id() const noexcept override { return run_->id(); }
    const RunLog& log() const noexcept override { return run_->log(); }
    const Error* failure() const noexcept override { return run_->failure(); }
    const Pipeline& pipeline() const noexcept override { return run_->pipeline(); }
    const RunValues& values() const noexcept override { return run_->values(); }
    const std::vector<StageReport>& reports() const noexcept override { return run_->reports(); }
    const RewardDecision* reward() const noexcept override { return run_->reward(); }

private:
    std::shared_ptr<LiveRun> run_;
};

}  // namespace

std::unique_ptr<Run> Run::start(
    std::shared_ptr<RunContext> context, std::string id, RunInput input, std::function<void()> on_event, RunProgress progress) {
    auto run = std::make_shared<LiveRun>(
        std::move(context), std::move(id), std::move(input), std::move(on_event), std::move(progress));
    run->begin();
    return std::make_unique<Handle>(std::move(run));
}

std::unique_ptr<Run> Run::start(
    RunContext& context, std::string id, RunInput input, std::function<void()> on_event, RunProgress progress) {
    return start(std::shared_ptr<RunContext>(std::shared_ptr<void>(), &context),
                 std::move(id),
                 std::move(input),
                 std::move(on_event),
                 std::move(progress));
}

}  // namespace eco2
