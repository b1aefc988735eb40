#pragma once

#include "pipeline/run.hpp"
#include "support/manual_executor.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace eco2::test {

inline PipelineDefinition scan_definition() {
    PipelineDefinition definition;
    definition.name = "scan";
    definition.file = "scan.toml";
    definition.models = {"model-a", "model-b"};
    definition.languages = {"ko", "en"};
    definition.data["taxonomy"] = R"({"재활용폐기물":{"종이":["신문지"],"유리병":["소주병"]},"일반종량제폐기물":["휴지"]})";
    definition.data["tags"] = R"({"상태":["깨짐","오염"]})";
    StageDefinition vision;
    vision.name = "vision";
    vision.provider = "p";
    vision.system = {{"ko", "classes:\n{{outline data.taxonomy}}\n"}};
    vision.user = {{"ko", "{{json input.question}}"}};
    vision.sends_image = true;
    vision.schema_name = "vision";
    vision.schema_json = R"({"type":"object","required":["classification"]})";
    vision.timeout = std::chrono::seconds(60);
    vision.taxonomy = TaxonomyDefinition{
        definition.data["taxonomy"], definition.data["tags"], {"생활계유해폐기물"}, "미분류", "미분류_전체", "미분류_소분류"};
    StageDefinition rule;
    rule.name = "rule";
    rule.kind = StageDefinition::Kind::rules;
    rule.category = "vision.classification.major_category";
    rule.key = "vision.classification.middle_category";
    rule.timeout = std::chrono::seconds(30);
    StageDefinition answer;
    answer.name = "answer";
    answer.provider = "p";
    answer.only_if = "rule";
    answer.otherwise = {{"ko", R"({"user_answer":"모름"})"}};
    answer.user = {{"ko", "{{json rule}}"}};
    answer.stream_field = "user_answer";
    answer.output_order = {"steps", "user_answer"};
    answer.schema_name = "answer";
    answer.schema_json = R"({"type":"object","required":["steps","user_answer"]})";
    answer.defaults_json = R"({"steps":null})";
    StageDefinition reward;
    reward.name = "reward";
    reward.kind = StageDefinition::Kind::reward;
    reward.timeout = std::chrono::seconds(10);
    reward.input = {{"classification", "vision.classification"}, {"has_rule", "has rule"}};
    definition.stages = {vision, rule, answer, reward};
    definition.result = {{"classification_result", "vision"}, {"disposal_rules", "rule"}, {"final_answer", "answer"}};
    return definition;
}

/// A call in flight, to be driven by the test.
struct FakeCall {
    CallObserver* observer = nullptr;  // null once the host dropped the call
    std::shared_ptr<const GenerateRequest> request;
    std::string input;  // rules: category|key, reward: the input JSON
    bool was_cancelled = false;
};

class FakeCallHandle final : public Call {
public:
    explicit FakeCallHandle(std::shared_ptr<FakeCall> call) : call_(std::move(call)) {}
    ~FakeCallHandle() override {
        call_->was_cancelled = call_->observer != nullptr;
        call_->observer = nullptr;
    }
    void resume() override {}
    void cancel() override { call_->was_cancelled = true; }

private:
    std::shared_ptr<FakeCall> call_;
};

/// All doors in one; every started call is kept, in order.
class FakeDoors final : public ProviderDoor, public RuleStoreDoor, public RewardDoor, public GrantDoor {
public:
    StartedCall generate(std::shared_ptr<const GenerateRequest> request, CallObserver& observer) override {
        return start(observer, std::move(request), {});
    }
    std::string_view name() const noexcept override { return "p"; }
    Result<std::shared_ptr<const RuleSnapshot>> acquire() override {
        ++snapshots;
        return std::shared_ptr<const RuleSnapshot>(std::make_shared<RuleSnapshot>());
    }
    StartedCall lookup(std::shared_ptr<const RuleSnapshot>, RuleQuery query, CallObserver& observer) override {
        return start(observer, nullptr, query.category + "|" + query.key);
    }
    StartedCall import_directory(std::string, CallObserver&) override { return fail(Errc::plugin_failed); }
    StartedCall decide(RewardRequest request, CallObserver& observer) override {
        return start(observer, nullptr, request.input_json);
    }
    void write(Grant grant, std::function<void(Result<void>)> done) override {
        grants.emplace_back(std::move(grant), std::move(done));
    }

    FakeCall& last() { return *calls.back(); }
    void answer(std::string text, FinishReason finish = FinishReason::stop) {
        const auto call = calls.back();
        call->observer->on_text(text);
        finish_ok(*call, finish);
    }
    void result(std::string json) {
        const auto call = calls.back();
        call->observer->on_result(json, "");
        finish_ok(*call, FinishReason::none);
    }
    void no_result() { finish_ok(*calls.back(), FinishReason::none); }
    void fail_call(Errc code) {
        const auto call = calls.back();
        CallError error;
        error.error = fail(code, "told by the test");
        std::exchange(call->observer, nullptr)->on_done(FinishReason::none, &error);
    }

    std::vector<std::shared_ptr<FakeCall>> calls;
    std::vector<std::pair<Grant, std::function<void(Result<void>)>>> grants;
    int snapshots = 0;
    bool refuses = false;

private:
    StartedCall start(CallObserver& observer, std::shared_ptr<const GenerateRequest> request, std::string input) {
        if (refuses) {
            return fail(Errc::plugin_failed, "refused by the test");
        }
        calls.push_back(std::make_shared<FakeCall>(FakeCall{&observer, std::move(request), std::move(input), false}));
        return std::unique_ptr<Call>(std::make_unique<FakeCallHandle>(calls.back()));
    }
    static void finish_ok(FakeCall& call, FinishReason finish) {
        std::exchange(call.observer, nullptr)->on_done(finish, nullptr);
    }
};

class RecordingWatcher final : public RunWatcher {
public:
    void on_stage_end(std::string_view, const Stage& stage, const StageReport&, const Error* error) override {
        ended.push_back(stage.definition.name + (error == nullptr ? "" : ":" + std::string(error->name())));
    }
    void on_repairs(std::string_view, const Stage&, const std::vector<std::string>& texts) override { repairs = texts; }
    void on_reward(const RewardDecision& decision, std::chrono::nanoseconds) override { reasons.push_back(decision.reason); }

    std::vector<std::string> ended;
    std::vector<std::string> repairs;
    std::vector<std::string> reasons;
};

/// A wired pipeline with fake doors and manual time.
struct RunBench {
    explicit RunBench(PipelineDefinition definition = scan_definition())
        : context{Pipeline::compile(std::move(definition)).value(), {}, doors, executor, clock, watcher} {
        for (const auto& stage : context.pipeline->stages()) {
            StageDoors out;
            switch (stage.definition.kind) {
                case StageDefinition::Kind::infer: out.provider = &doors; break;
                case StageDefinition::Kind::rules: out.rules = &doors; break;
                case StageDefinition::Kind::reward: out.reward = &doors; break;
            }
            out.gate = std::make_unique<StageGate>(executor, stage.definition.concurrency_max, stage.definition.queue_max);
            context.doors.push_back(std::move(out));
        }
    }

    static RunInput input() {
        RunInput out;
        out.user_id = "user";
        out.language = "ko";
        out.question = "이건?";
        out.model = "model-a";
        out.image_url = std::make_shared<const std::string>("https://example.com/a.jpg");
        return out;
    }

    std::unique_ptr<Run> start(
        std::function<void()> on_event = [] {}, bool wants_deltas = false) {
        auto run_input = input();
        run_input.wants_deltas = wants_deltas;
        auto run = Run::start(context, "run-1", std::move(run_input), std::move(on_event));
        executor.run();
        return run;
    }

    static std::string vision(std::string_view major = "재활용폐기물", std::string_view middle = "종이") {
        return R"({"classification":{"major_category":")" + std::string(major) + R"(","middle_category":")" +
               std::string(middle) + R"(","minor_category":"신문지"},"situation_tags":["깨짐"],"meta":{"user_input":"x"}})";
    }

    /// What the log says, one word an event: "vision+" started, "vision=25" completed, "vision!" failed.
    static std::string story(const Run& run) {
        std::string out;
        for (const auto& event : run.log()) {
            const auto stage = run.pipeline().stages()[event.stage].definition.name;
            out += out.empty() ? "" : " ";
            switch (event.kind) {
                case RunEvent::Kind::started: out += "started"; break;
                case RunEvent::Kind::stage_started: out += stage + "+" + std::to_string(event.progress); break;
                case RunEvent::Kind::stage_completed: out += stage + "=" + std::to_string(event.progress); break;
                case RunEvent::Kind::stage_failed: out += stage + "!" + std::string(run.failure()->name()); break;
                case RunEvent::Kind::delta: out += "'" + event.text + "'"; break;
                case RunEvent::Kind::done: out += "done"; break;
                case RunEvent::Kind::timed_out: out += "timeout"; break;
            }
        }
        return out;
    }

    ManualClock clock;
    ManualExecutor executor{clock};
    FakeDoors doors;
    RecordingWatcher watcher;
    RunContext context;
};

}  // namespace eco2::test
