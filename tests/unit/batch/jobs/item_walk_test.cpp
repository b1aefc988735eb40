#include "batch/jobs/item_walk.hpp"

#include "batch/limits.hpp"
#include "config/pipeline_file.hpp"
#include "runs/run_record.hpp"
#include "runs/run_result.hpp"
#include "support/manual_executor.hpp"
#include "support/threaded_executor.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>

namespace eco2::batch {
namespace {

using Kind = StageDefinition::Kind;
using End = ItemWalk::End;

/// Says what a door's call is to say, in a turn of its own.
class LaterCall final : public Call {
public:
    static StartedCall start(Executor& executor, CallObserver& observer, std::function<void(CallObserver&)> say) {
        auto heard = std::make_shared<CallObserver*>(&observer);
        executor.post([heard, say = std::move(say)](TaskFate) {
            if (auto* to = std::exchange(*heard, nullptr)) {
                say(*to);
            }
        });
        return std::unique_ptr<Call>(std::make_unique<LaterCall>(std::move(heard)));
    }
    explicit LaterCall(std::shared_ptr<CallObserver*> heard) : heard_(std::move(heard)) {}
    ~LaterCall() override { *heard_ = nullptr; }
    void resume() override {}
    void cancel() override {}

private:
    std::shared_ptr<CallObserver*> heard_;
};

std::function<void(CallObserver&)> result(std::string json) {
    return [json = std::move(json)](CallObserver& to) {
        to.on_result(json, "");
        to.on_done(FinishReason::none, nullptr);
    };
}

std::function<void(CallObserver&)> failure(Errc code) {
    return [code](CallObserver& to) {
        CallError error;
        error.error = fail(code, "told by the test");
        to.on_done(FinishReason::none, &error);
    };
}

/// Rules, reward and grants; the n-th thing that is asked of them fails where the test wants it so.
///
/// Thread-safety: any thread.
class Doors final : public RuleStoreDoor, public RewardDoor, public GrantDoor {
public:
    explicit Doors(Executor& executor) : executor_(executor) {}

    Result<std::shared_ptr<const RuleSnapshot>> acquire() override {
        if (fails_now()) {
            return fail(Errc::rule_store_failed, "told by the test");
        }
        return std::shared_ptr<const RuleSnapshot>(std::make_shared<RuleSnapshot>());
    }
    StartedCall lookup(std::shared_ptr<const RuleSnapshot>, RuleQuery query, CallObserver& observer) override {
        if (fails_now()) {
            return fail(Errc::plugin_failed, "told by the test");
        }
        if (fails_now()) {
            return LaterCall::start(executor_, observer, failure(Errc::rule_store_failed));
        }
        auto rule = query.category == rule_of ? "{\"rule\":\"" + query.key + "\"}" : std::string("null");
        return LaterCall::start(executor_, observer, result(std::move(rule)));
    }
    StartedCall import_directory(std::string, CallObserver&) override { return fail(Errc::plugin_failed); }

    StartedCall decide(RewardRequest request, CallObserver& observer) override {
        if (fails_now()) {
            return LaterCall::start(executor_, observer, failure(Errc::reward_failed));
        }
        const bool has_rule = request.input_json.find(R"("has_rule":true)") != std::string::npos;
        return LaterCall::start(
            executor_,
            observer,
            result(has_rule ? R"({"reward":{"name":"페이피","type":"t"},"reason":null,"grant":{"code":"c","name":"페이피"}})"
                            : R"({"reward":null,"reason":"no_rule","grant":null})"));
    }

    void write(Grant grant, std::function<void(Result<void>)> done) override {
        const bool fails = fails_now();
        if (!fails) {
            const std::lock_guard lock(mutex_);
            grants_.push_back(std::move(grant));
        }
        executor_.post([fails, done = std::move(done)](TaskFate) {
            done(fails ? Result<void>(fail(Errc::store_failed)) : Result<void>());
        });
    }

    std::vector<Grant> grants() const {
        const std::lock_guard lock(mutex_);
        return grants_;
    }
    int asked() const { return asked_; }

    std::string rule_of = "재활용폐기물";
    int fails_at = -1;

private:
    bool fails_now() { return asked_++ == fails_at; }

    Executor& executor_;
    std::atomic<int> asked_ = 0;
    mutable std::mutex mutex_;
    std::vector<Grant> grants_;
};

std::shared_ptr<const Pipeline> scan() {
    static const auto pipeline =
        Pipeline::compile(config::load_pipeline(std::filesystem::path(ECO2_CONFIG_DIR) / "pipelines/scan.toml").value())
            .value();
    return pipeline;
}

std::vector<StageDoors> wire(const Pipeline& pipeline, Doors& doors) {
    std::vector<StageDoors> out;
    for (const auto& stage : pipeline.stages()) {
        auto& of = out.emplace_back();
        of.rules = stage.definition.kind == Kind::rules ? &doors : nullptr;
        of.reward = stage.definition.kind == Kind::reward ? &doors : nullptr;
    }
    return out;
}

RunInput input(const std::string& user = "") {
    RunInput out;
    out.user_id = user;
    out.language = "ko";
    out.question = "이건 \"어떻게\"?";
    out.model = "gpt-5.2";
    out.image_bytes = std::make_shared<const std::string>("jpeg");
    out.image_mime = "image/jpeg";
    return out;
}

std::string vision(std::string_view major = "재활용폐기물") {
    return R"({"classification":{"major_category":")" + std::string(major) +
           R"(","middle_category":"종이","minor_category":"신문지"},"situation_tags":[],"meta":{"user_input":""}})";
}

ModelReply reply(std::string text, FinishReason finish = FinishReason::stop) {
    return {std::move(text), finish, "openai-batch", "gpt-5.2-2025-12-11", {120, 30, 64, 7, false}};
}

/// What the model says to a stage of the scan, told apart by the schema.
ModelReply reply_to(const GenerateRequest& request) {
    return reply(*request.schema_name == "vision" ? vision() : R"({"user_answer":"접어서 버려요","insufficiencies":["끈"]})");
}

ItemWalk item(std::string id, const std::string& user = "") {
    ItemWalk out;
    out.id = std::move(id);
    out.input = input(user);
    return out;
}

/// As the job's store has it between two walks.
void through_the_store(const Pipeline& pipeline, ItemWalk& walk) {
    for (std::size_t i = 0; i < walk.finished.size(); ++i) {
        const auto& name = pipeline.stages()[i].definition.name;
        walk.finished[i] = read_checkpoint_record(checkpoint_record(name, walk.finished[i]), name).value();
    }
}

struct WalkBench {
    explicit WalkBench(int threads = 2, std::shared_ptr<const Pipeline> of = scan())
        : pipeline(std::move(of)),
          executor(threads),
          doors(executor),
          walker(pipeline, {executor, threads, doors, system_clock(), wire(*pipeline, doors)}) {}

    ItemWalk& walk(ItemWalk& one) {
        std::vector<ItemWalk> items;
        items.push_back(std::move(one));
        walker.walk(items);
        one = std::move(items.front());
        return one;
    }
    /// As `walk`, after the reply to the stage that it stands at.
    ItemWalk& walk(ItemWalk& one, ModelReply to) {
        one.reply = std::move(to);
        walk(one);
        one.reply.reset();
        return one;
    }

    std::shared_ptr<const Pipeline> pipeline;
    test::ThreadedExecutor executor;
    Doors doors;
    ItemWalker walker;
};

std::string prompt(const GenerateRequest& request) {
    std::string out;
    for (const auto& message : request.messages) {
        for (const auto& part : message.parts) {
            out += part.text == nullptr ? "<image>" : *part.text;
            out += '\n';
        }
    }
    return out;
}

/// The scan as a host runs it live, with the same replies.
class LiveScan final : private ProviderDoor, private RunWatcher {
public:
    std::string run(const std::string& id, RunInput of, const std::function<ModelReply(const GenerateRequest&)>& answers) {
        answers_ = answers;
        RunContext context{scan(), wire(*scan(), doors), doors, executor, clock, *this};
        for (auto& stage : context.doors) {
            stage.provider = this;
            stage.gate = std::make_shared<StageGate>(executor, 1, 1);
        }
        const auto run = Run::start(context, id, std::move(of), [] {});
        executor.run();
        return run->is_over() ? run_result(*run) : "not over";
    }
    std::vector<std::string> prompts;

private:
    StartedCall generate(std::shared_ptr<const GenerateRequest> request, CallObserver& observer) override {
        prompts.push_back(prompt(*request));
        return LaterCall::start(executor, observer, [told = answers_(*request)](CallObserver& to) {
            to.on_route({told.provider, told.model, {}, 1, {}});
            to.on_text(told.text);
            to.on_usage(told.usage);
            to.on_meta({told.model, {}, 200, nullptr});
            to.on_done(told.finish, nullptr);
        });
    }
    std::string_view name() const noexcept override { return "route"; }
    void on_stage_end(std::string_view, const Stage&, const StageReport&, const Error*) override {}
    void on_repairs(std::string_view, const Stage&, const std::vector<std::string>&) override {}
    void on_reward(const RewardDecision&, std::chrono::nanoseconds) override {}

    test::ManualClock clock;
    test::ManualExecutor executor{clock};
    Doors doors{executor};
    std::function<ModelReply(const GenerateRequest&)> answers_;
};

TEST(ItemWalk, comes_to_what_a_live_run_comes_to_and_asks_the_same) {
    LiveScan live;
    const auto expected = live.run("item-1", input(), reply_to);
    ASSERT_NE(expected.find(R"("status":"completed")"), std::string::npos) << expected;
    for (const bool is_stored : {false, true}) {
        WalkBench bench;
        auto walk = item("item-1");
        std::vector<std::string> prompts;
        for (bench.walk(walk); walk.end == End::asks; bench.walk(walk, reply_to(*walk.request))) {
            prompts.push_back(prompt(*walk.request));
            if (is_stored) {
                through_the_store(*bench.pipeline, walk);
            }
        }
        ASSERT_EQ(walk.end, End::done) << walk.error.text();
        EXPECT_EQ(walk.result_json, expected);
        EXPECT_EQ(prompts, live.prompts);
    }
}

TEST(ItemWalk, ends_where_a_provider_is_to_be_asked_with_the_stages_that_it_passed) {
    WalkBench bench;
    auto walk = item("item-1");
    bench.walk(walk);
    ASSERT_EQ(walk.end, End::asks);
    EXPECT_TRUE(walk.finished.empty());
    EXPECT_EQ(*walk.request->schema_name, "vision");
    EXPECT_EQ(walk.request->request_id, "item-1");
    EXPECT_EQ(walk.request->model, "gpt-5.2");

    bench.walk(walk, reply_to(*walk.request));
    ASSERT_EQ(walk.end, End::asks);
    ASSERT_EQ(walk.finished.size(), 2U) << "vision, rule";
    EXPECT_EQ(walk.finished[1].output.json(), R"({"rule":"종이"})");
    const auto& report = walk.finished[0].report;
    EXPECT_TRUE(report.is_asked);
    EXPECT_EQ(report.provider, "openai-batch");
    EXPECT_EQ(report.model, "gpt-5.2-2025-12-11");
    EXPECT_EQ(report.usage.input_tokens, 120);
    EXPECT_EQ(report.usage.cached_input_tokens, 64);
    EXPECT_FALSE(walk.finished[1].report.is_asked);
    EXPECT_EQ(*walk.request->schema_name, "answer");

    bench.walk(walk, reply_to(*walk.request));
    ASSERT_EQ(walk.end, End::done) << walk.error.text();
    ASSERT_EQ(walk.finished.size(), 4U);
    ASSERT_TRUE(walk.finished[3].reward);
    EXPECT_EQ(walk.finished[3].reward->name, "페이피");
    EXPECT_FALSE(walk.finished[2].reward);
    EXPECT_EQ(walk.request, nullptr);
}

TEST(ItemWalk, the_same_walk_again_comes_to_the_same) {
    WalkBench bench;
    auto walk = item("item-1");
    const auto first = prompt(*bench.walk(walk).request);
    EXPECT_EQ(prompt(*bench.walk(walk).request), first);
    bench.walk(walk, reply(vision()));
    const auto second = prompt(*walk.request);
    EXPECT_EQ(prompt(*bench.walk(walk).request), second) << "without a reply it asks again";
    EXPECT_EQ(walk.finished.size(), 2U);
    bench.walk(walk, reply_to(*walk.request));
    const auto result = walk.result_json;
    ASSERT_EQ(bench.walk(walk).end, End::done) << "all stages are behind it";
    EXPECT_EQ(walk.result_json, result);
    EXPECT_EQ(walk.finished.size(), 4U);
}

TEST(ItemWalk, never_asks_for_a_stream) {
    WalkBench bench;
    auto walk = item("item-1");
    walk.input.wants_deltas = true;  // as a record of an input says
    bench.walk(walk, reply(vision()));
    ASSERT_EQ(walk.end, End::asks);
    ASSERT_EQ(*walk.request->schema_name, "answer") << "the stage that has a stream_field";
    EXPECT_FALSE(walk.request->is_streamed);
}

TEST(ItemWalk, without_a_rule_no_answer_is_asked) {
    WalkBench bench;
    bench.doors.rule_of = "nothing";
    auto walk = item("item-1");
    bench.walk(walk, reply(vision()));
    ASSERT_EQ(walk.end, End::done) << walk.error.text();
    EXPECT_EQ(walk.finished.size(), 4U);
    EXPECT_TRUE(walk.finished[1].output.is_null());
    EXPECT_NE(walk.result_json.find(R"("reward_reason":"no_rule")"), std::string::npos) << walk.result_json;
}

TEST(ItemWalk, a_reply_that_is_not_what_the_stage_wants_is_refused_with_the_stages_before_it_kept) {
    for (const auto& [text, finish, code] : {std::tuple{"not json", FinishReason::stop, Errc::provider_bad_answer},
                                             std::tuple{"", FinishReason::stop, Errc::provider_bad_answer},
                                             std::tuple{R"({"other":1})", FinishReason::stop, Errc::provider_bad_answer},
                                             std::tuple{"{}", FinishReason::length, Errc::provider_bad_answer},
                                             std::tuple{"no", FinishReason::refusal, Errc::provider_refused},
                                             std::tuple{"", FinishReason::content_filter, Errc::provider_refused}}) {
        WalkBench bench;
        auto walk = item("item-1");
        for (const std::size_t stages : {0U, 2U}) {
            bench.walk(walk);
            const auto asked = walk.request;
            bench.walk(walk, reply(text, finish));
            ASSERT_EQ(walk.end, End::failed) << text;
            EXPECT_TRUE(walk.is_reply_refused) << text;
            EXPECT_EQ(walk.error.code, code) << walk.error.text();
            EXPECT_EQ(walk.finished.size(), stages);
            bench.walk(walk, reply_to(*asked));
            EXPECT_FALSE(walk.is_reply_refused) << "a better one is taken";
            EXPECT_NE(walk.end, End::failed) << walk.error.text();
        }
    }
}

TEST(ItemWalk, a_reply_is_not_lost_with_what_fails_after_it) {
    WalkBench counting;
    auto whole = item("item-1", "user");
    counting.walk(whole);
    counting.walk(whole, reply_to(*whole.request));
    counting.walk(whole, reply_to(*whole.request));
    ASSERT_EQ(whole.end, End::done);
    const int count = counting.doors.asked();
    ASSERT_GE(count, 7);

    std::vector<std::string> ends;
    for (int failing = 0; failing < count; ++failing) {
        WalkBench bench;
        bench.doors.fails_at = failing;
        auto walk = item("item-1", "user");
        int refused = 0;
        int failed = 0;
        for (bench.walk(walk); walk.end != End::done && failed < 2;) {
            if (walk.end == End::failed) {
                ++failed;
                ends.push_back(std::string(walk.error.name()) + "@" + std::to_string(walk.finished.size()));
                refused += walk.is_reply_refused ? 1 : 0;
                bench.walk(walk);  // the fault has passed; the reply is behind it
            } else {
                bench.walk(walk, reply_to(*walk.request));
            }
        }
        EXPECT_EQ(refused, 0) << failing;
        EXPECT_EQ(walk.end, End::done) << failing;
        EXPECT_EQ(walk.finished.size(), 4U) << failing;
        const bool has_reward = bench.doors.grants().size() == 1;
        EXPECT_EQ(walk.result_json.find("grant_not_stored") == std::string::npos, has_reward) << walk.result_json;
    }
    EXPECT_EQ(ends,
              (std::vector<std::string>{"RULE_STORE_FAILED@1", "PLUGIN_FAILED@1", "RULE_STORE_FAILED@1", "REWARD_FAILED@3"}));
}

TEST(ItemWalk, rewards_are_written_down_for_users_and_only_computed_without) {
    for (const std::string user : {"", "user-1"}) {
        WalkBench bench;
        auto walk = item("item-1", user);
        bench.walk(walk, reply(vision()));
        bench.walk(walk, reply_to(*walk.request));
        ASSERT_EQ(walk.end, End::done) << walk.error.text();
        EXPECT_NE(walk.result_json.find(R"("reward":{"name":"페이피")"), std::string::npos) << walk.result_json;
        const auto grants = bench.doors.grants();
        ASSERT_EQ(grants.size(), user.empty() ? 0U : 1U);
        if (!user.empty()) {
            EXPECT_EQ(grants[0].user_id, "user-1");
            EXPECT_EQ(grants[0].run_id, "item-1");
        }
    }
}

TEST(ItemWalk, a_reply_is_not_given_to_a_later_stage) {
    WalkBench bench;
    auto walk = item("item-1");
    bench.walk(walk, reply(vision()));
    walk.finished.pop_back();  // stands at the rule, which asks nobody
    bench.walk(walk, reply(R"({"user_answer":"to whom?"})"));
    ASSERT_EQ(walk.end, End::asks);
    EXPECT_EQ(walk.finished.size(), 2U);
    EXPECT_EQ(*walk.request->schema_name, "answer");
}

TEST(ItemWalk, more_stages_behind_it_than_there_are_is_an_error) {
    WalkBench bench;
    auto walk = item("item-1");
    walk.finished.resize(5);
    bench.walk(walk);
    ASSERT_EQ(walk.end, End::failed);
    EXPECT_EQ(walk.error.code, Errc::config_invalid);
    EXPECT_FALSE(walk.is_reply_refused);
}

TEST(ItemWalk, no_items_are_walked_at_once) {
    WalkBench bench;
    std::vector<ItemWalk> none;
    bench.walker.walk(none);
    EXPECT_TRUE(none.empty());
}

TEST(ItemWalk, thousands_over_threads_each_come_to_their_own) {
    WalkBench bench(4);
    std::vector<ItemWalk> items;
    for (int i = 0; i < 2'000; ++i) {
        items.push_back(item("item-" + std::to_string(i), i % 2 == 0 ? "user-" + std::to_string(i) : ""));
        items.back().input.question = "question " + std::to_string(i);
    }
    for (int round = 0; round < 3; ++round) {
        bench.walker.walk(items);
        for (auto& walk : items) {
            if (walk.end == End::asks) {
                EXPECT_EQ(walk.request->request_id, walk.id);
                walk.reply = *walk.request->schema_name == "vision" ? reply(vision())
                                                                    : reply(R"({"user_answer":"to )" + walk.id + "\"}");
            }
        }
    }
    for (const auto& walk : items) {
        ASSERT_EQ(walk.end, End::done) << walk.error.text();
        EXPECT_NE(walk.result_json.find(R"("user_answer":"to )" + walk.id + '"'), std::string::npos) << walk.result_json;
        EXPECT_NE(walk.result_json.find(walk.input.question), std::string::npos) << walk.result_json;
    }
    EXPECT_EQ(bench.doors.grants().size(), 1'000U);
}

/// Counts how many of its look-ups are open, and lets one go only when no more come.
class SlowRules final : public RuleStoreDoor {
public:
    explicit SlowRules(Executor& executor) : executor_(executor) {}
    Result<std::shared_ptr<const RuleSnapshot>> acquire() override {
        return std::shared_ptr<const RuleSnapshot>(std::make_shared<RuleSnapshot>());
    }
    StartedCall lookup(std::shared_ptr<const RuleSnapshot>, RuleQuery, CallObserver& observer) override {
        open_max = std::max(open_max, ++open_);
        return LaterCall::start(executor_, observer, [this, turns = 50](CallObserver& to) { wait(to, turns); });
    }
    StartedCall import_directory(std::string, CallObserver&) override { return fail(Errc::plugin_failed); }

    std::size_t open_max = 0;

private:
    void wait(CallObserver& to, int turns) {
        if (turns > 0) {
            executor_.post([this, &to, turns](TaskFate) { wait(to, turns - 1); });
            return;
        }
        --open_;
        to.on_done(FinishReason::none, nullptr);
    }

    Executor& executor_;
    std::size_t open_ = 0;
};

TEST(ItemWalk, no_more_runs_are_open_on_a_thread_than_its_limit) {
    PipelineDefinition definition;
    definition.name = "look_up";
    definition.models = {"m"};
    definition.languages = {"ko"};
    definition.stages.resize(1);
    definition.stages[0].name = "rule";
    definition.stages[0].kind = Kind::rules;
    definition.stages[0].category = "input.question";
    definition.stages[0].key = "input.question";
    const auto pipeline = Pipeline::compile(std::move(definition)).value();
    test::ThreadedExecutor executor(1);
    SlowRules rules(executor);
    Doors doors(executor);
    std::vector<StageDoors> wired(1);
    wired[0].rules = &rules;
    ItemWalker walker(pipeline, {executor, 1, doors, system_clock(), wired});
    std::vector<ItemWalk> items;
    for (int i = 0; i < 500; ++i) {
        items.push_back(item("same id"));
    }
    walker.walk(items);
    for (const auto& walk : items) {
        EXPECT_EQ(walk.end, End::done) << walk.error.text();
    }
    EXPECT_EQ(rules.open_max, limits::kBatchWalksPerThread);
}

/// One thread on which every timer comes due before whatever is posted after it.
class HastyExecutor final : public Executor {
public:
    explicit HastyExecutor(test::ManualClock& clock) : clock_(clock) {}
    void post(Task task) override { threads_.post(std::move(task)); }
    void post_to(int thread, Task task) override { threads_.post_to(thread, std::move(task)); }
    int current_thread() const noexcept override { return threads_.current_thread(); }
    bool run_blocking(Task, Task) override { return false; }
    std::unique_ptr<Timer> post_after(std::chrono::nanoseconds delay, Task task) override {
        clock_.advance(delay);
        post(std::move(task));
        return std::make_unique<Timer>();
    }

private:
    test::ManualClock& clock_;
    test::ThreadedExecutor threads_{1};
};

TEST(ItemWalk, a_stage_that_takes_too_long_fails_and_a_reply_that_it_has_not_read_is_not_refused) {
    test::ManualClock clock;
    HastyExecutor executor(clock);
    Doors doors(executor);
    ItemWalker walker(scan(), {executor, 1, doors, clock, wire(*scan(), doors)});
    for (const std::size_t stage : {0U, 1U}) {
        std::vector<ItemWalk> items;
        items.push_back(item("item-1"));
        items[0].finished.resize(stage);
        items[0].reply = reply(vision());
        walker.walk(items);
        EXPECT_EQ(items[0].end, End::failed);
        EXPECT_EQ(items[0].error.code, stage == 0 ? Errc::provider_timeout : Errc::deadline_exceeded);
        EXPECT_FALSE(items[0].is_reply_refused);
        EXPECT_EQ(items[0].finished.size(), stage);
    }
}

}  // namespace
}  // namespace eco2::batch
