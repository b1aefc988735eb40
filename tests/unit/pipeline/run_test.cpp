#include "base/limits.hpp"
#include "fixture.hpp"

#include <gtest/gtest.h>

namespace eco2::test {
namespace {

using std::chrono::seconds;

const std::string kReward =
    R"({"reward":{"name":"페이피","type":"t"},"reason":null,"grant":{"code":"char-paepy","name":"페이피"}})";
const std::string kNoReward = R"({"reward":null,"reason":"insufficient","grant":null})";

TEST(Run, walks_the_four_stages_and_tells_each_once) {
    RunBench bench;
    const auto run = bench.start();
    bench.doors.answer(RunBench::vision());
    bench.doors.result(R"({"이름":"종이"})");
    bench.doors.answer(R"({"user_answer":"접어요","steps":1})");
    bench.doors.result(kNoReward);
    EXPECT_EQ(RunBench::story(*run),
              "started vision+0 vision=25 rule+25 rule=50 answer+50 answer=75 reward+75 reward=100 done");
    EXPECT_EQ(run->values().outputs[1].json(), R"({"이름":"종이"})");
    EXPECT_EQ(run->values().outputs[2].json(), R"({"steps":1,"user_answer":"접어요"})") << "settle reorders";
    EXPECT_EQ(run->reward()->reason, "insufficient");
    EXPECT_EQ(bench.executor.timers_pending(), 0U);
}

TEST(Run, starts_nothing_from_inside_start) {
    RunBench bench;
    int events = 0;
    const auto run = eco2::Run::start(bench.context, "id", RunBench::input(), [&] { ++events; });
    EXPECT_EQ(events, 0);
    EXPECT_TRUE(bench.doors.calls.empty());
    bench.executor.run();
    EXPECT_EQ(events, 2);
}

TEST(Run, looks_up_what_the_repaired_class_says) {
    RunBench bench;
    const auto run = bench.start();
    bench.doors.answer(RunBench::vision("  재활용폐기물", "유리병 "));
    EXPECT_EQ(bench.doors.last().input, "재활용폐기물|유리병");
}

TEST(Run, without_a_rule_the_answer_is_the_fallback_and_no_model_is_asked) {
    RunBench bench;
    const auto run = bench.start();
    bench.doors.answer(RunBench::vision("미분류", "미분류"));
    bench.doors.no_result();
    EXPECT_EQ(bench.doors.calls.size(), 3U) << "vision, rule, reward";
    EXPECT_EQ(run->values().outputs[2].json(), R"({"user_answer":"모름"})");
    EXPECT_NE(bench.doors.last().input.find(R"("has_rule":false)"), std::string::npos);
    EXPECT_FALSE(run->reports()[2].is_asked);
}

TEST(Run, a_failing_stage_ends_the_run_at_once_whichever_it_is) {
    for (int failing = 0; failing < 4; ++failing) {
        RunBench bench;
        const auto run = bench.start();
        const std::function<void()> steps[] = {[&] { bench.doors.answer(RunBench::vision()); },
                                               [&] { bench.doors.result("{}"); },
                                               [&] { bench.doors.answer(R"({"user_answer":"a"})"); },
                                               [&] { bench.doors.result(kNoReward); }};
        for (int i = 0; i < failing; ++i) {
            steps[i]();
        }
        bench.doors.fail_call(Errc::provider_reset);
        EXPECT_TRUE(run->is_over());
        EXPECT_EQ(run->log().back().kind, RunEvent::Kind::stage_failed);
        EXPECT_EQ(run->failure()->code, Errc::provider_reset);
        EXPECT_EQ(run->log().back().progress, failing * 25);
        EXPECT_EQ(bench.doors.calls.size(), static_cast<std::size_t>(failing) + 1) << "nothing starts after the failure";
        EXPECT_EQ(bench.executor.timers_pending(), 0U);
    }
}

TEST(Run, a_stage_that_cannot_start_fails) {
    RunBench bench;
    bench.doors.refuses = true;
    const auto run = bench.start();
    EXPECT_EQ(RunBench::story(*run), "started vision+0 vision!PLUGIN_FAILED");
}

TEST(Run, an_answer_that_is_not_what_was_asked_for_fails_the_stage) {
    for (const std::string text : {"", "not json", "{", "[]", R"({"other":1})", R"({"classification":"text"})"}) {
        RunBench bench;
        const auto run = bench.start();
        bench.doors.answer(text);
        EXPECT_EQ(RunBench::story(*run), "started vision+0 vision!PROVIDER_BAD_ANSWER") << text;
    }
}

TEST(Run, an_answer_in_a_markdown_fence_is_taken) {
    RunBench bench;
    const auto run = bench.start();
    bench.doors.answer("```json\n" + RunBench::vision() + "\n```");
    EXPECT_EQ(run->log().back().kind, RunEvent::Kind::stage_started);
}

TEST(Run, refusal_and_cut_answers_are_told_apart) {
    for (const auto& [finish, code] : {std::pair{FinishReason::refusal, Errc::provider_refused},
                                       std::pair{FinishReason::content_filter, Errc::provider_refused},
                                       std::pair{FinishReason::length, Errc::provider_bad_answer}}) {
        RunBench bench;
        const auto run = bench.start();
        bench.doors.answer(RunBench::vision(), finish);
        EXPECT_EQ(run->failure()->code, code);
    }
}

TEST(Run, a_silent_provider_is_given_up_at_the_stage_timeout) {
    RunBench bench;
    const auto run = bench.start();
    bench.executor.advance(seconds(59));
    EXPECT_FALSE(run->is_over());
    bench.executor.advance(seconds(1));
    EXPECT_EQ(RunBench::story(*run), "started vision+0 vision!PROVIDER_TIMEOUT");
    EXPECT_TRUE(bench.doors.last().was_cancelled);
}

TEST(Run, each_stage_has_its_own_timeout_counted_from_its_start) {
    RunBench bench;
    const auto run = bench.start();
    bench.executor.advance(seconds(50));
    bench.doors.answer(RunBench::vision());
    bench.executor.advance(seconds(29));
    EXPECT_FALSE(run->is_over());
    bench.executor.advance(seconds(1));
    EXPECT_EQ(run->failure()->code, Errc::deadline_exceeded);
}

TEST(Run, the_run_deadline_ends_it_as_timeout) {
    auto definition = scan_definition();
    definition.deadline = seconds(70);
    RunBench bench(std::move(definition));
    const auto run = bench.start();
    bench.executor.advance(seconds(50));
    bench.doors.answer(RunBench::vision());
    bench.executor.advance(seconds(20));
    EXPECT_EQ(RunBench::story(*run), "started vision+0 vision=25 rule+25 timeout");
    EXPECT_TRUE(bench.doors.last().was_cancelled);
}

TEST(Run, the_run_deadline_is_a_timeout_also_where_the_call_gives_up_first) {
    auto definition = scan_definition();
    definition.deadline = seconds(20);
    RunBench bench(std::move(definition));
    const auto run = bench.start();
    bench.clock.advance(seconds(20));
    bench.doors.fail_call(Errc::provider_timeout);
    EXPECT_EQ(RunBench::story(*run), "started vision+0 timeout");
}

TEST(Run, secrets_leave_an_errors_words_before_anybody_reads_them) {
    RunBench bench;
    bench.context.redact = [](std::string_view words) { return "<" + std::string(words) + ">"; };
    const auto run = bench.start();
    bench.doors.fail_call(Errc::provider_rejected);
    EXPECT_EQ(run->failure()->detail, "<told by the test>");
}

TEST(Run, the_model_that_answered_is_named_within_bounds_and_as_text) {
    for (const auto& [told, shown] : {std::pair{std::string("model-a-2026"), std::string("model-a-2026")},
                                      std::pair{std::string("\xFF"), std::string("model-a")},
                                      std::pair{std::string(5'000, 'x'), std::string(limits::kModelNameBytesMax, 'x') + "…"}}) {
        RunBench bench;
        const auto run = bench.start();
        CallMeta meta;
        meta.model = told;
        bench.doors.last().observer->on_meta(meta);
        EXPECT_EQ(run->reports()[0].model, shown);
    }
}

TEST(Run, a_rule_is_one_line_of_json_whatever_the_store_gives) {
    RunBench bench;
    const auto run = bench.start();
    bench.doors.answer(RunBench::vision());
    bench.doors.result("{\n  \"a\": \"x\\ny\",\r\n  \"b\": [1, 2]\n}");
    EXPECT_EQ(run->values().outputs[1].json(), "{\"a\":\"x\\ny\",\"b\":[1,2]}");
}

TEST(Run, a_rule_that_is_not_json_fails_the_stage) {
    for (const std::string text : {"", "x", "{", "{} {}", "{\"a\":\"\n\"}"}) {
        RunBench bench;
        const auto run = bench.start();
        bench.doors.answer(RunBench::vision());
        bench.doors.result(text);
        EXPECT_EQ(RunBench::story(*run), "started vision+0 vision=25 rule+25 rule!RULE_STORE_FAILED") << text;
    }
}

TEST(Run, dropping_it_cancels_the_call_and_silences_all_at_every_step) {
    for (int step = 0; step <= 4; ++step) {
        RunBench bench;
        int events = 0;
        auto run = bench.start([&] { ++events; });
        const std::function<void()> steps[] = {[&] { bench.doors.answer(RunBench::vision()); },
                                               [&] { bench.doors.result("{}"); },
                                               [&] { bench.doors.answer(R"({"user_answer":"a"})"); },
                                               [&] { bench.doors.result(kReward); }};
        for (int i = 0; i < step; ++i) {
            steps[i]();
        }
        const int before = events;
        run.reset();
        bench.executor.advance(seconds(500));
        for (auto& [grant, done] : bench.doors.grants) {
            done({});
        }
        EXPECT_EQ(events, before);
        EXPECT_EQ(bench.context.doors[0].gate->running(), 0U);
        if (step < 4) {
            EXPECT_TRUE(bench.doors.last().was_cancelled) << step;
        }
    }
}

TEST(Run, may_be_dropped_from_inside_any_of_its_events) {
    for (int at = 1; at <= 10; ++at) {
        RunBench bench;
        std::unique_ptr<eco2::Run> run;
        int events = 0;
        run = eco2::Run::start(bench.context, "id", RunBench::input(), [&] {
            if (++events == at) {
                run.reset();
            }
        });
        bench.executor.run();
        const std::function<void()> steps[] = {[&] { bench.doors.answer(RunBench::vision()); },
                                               [&] { bench.doors.result("{}"); },
                                               [&] { bench.doors.answer(R"({"user_answer":"a"})"); },
                                               [&] { bench.doors.result(kNoReward); }};
        for (const auto& step : steps) {
            if (run != nullptr && !bench.doors.calls.empty() && bench.doors.last().observer != nullptr) {
                step();
            }
        }
        bench.executor.advance(seconds(200));
        EXPECT_EQ(events, at);
    }
}

TEST(Run, the_reward_frame_waits_for_the_grant_to_be_durable) {
    RunBench bench;
    const auto run = bench.start();
    bench.doors.answer(RunBench::vision());
    bench.doors.result("{}");
    bench.doors.answer(R"({"user_answer":"a"})");
    bench.doors.result(kReward);
    ASSERT_EQ(bench.doors.grants.size(), 1U);
    EXPECT_FALSE(run->is_over());
    EXPECT_EQ(bench.doors.grants[0].first.user_id, "user");
    EXPECT_EQ(bench.doors.grants[0].first.run_id, "run-1");
    bench.doors.grants[0].second({});
    EXPECT_TRUE(run->is_over());
    EXPECT_EQ(run->reward()->reason, "");
}

TEST(Run, a_grant_that_cannot_be_stored_is_not_shown_but_the_answer_is) {
    RunBench bench;
    const auto run = bench.start();
    bench.doors.answer(RunBench::vision());
    bench.doors.result("{}");
    bench.doors.answer(R"({"user_answer":"a"})");
    bench.doors.result(kReward);
    bench.doors.grants[0].second(fail(Errc::store_failed));
    EXPECT_EQ(run->log().back().kind, RunEvent::Kind::done);
    EXPECT_EQ(run->reward()->reward_json, "null");
    EXPECT_EQ(run->reward()->reason, "grant_not_stored");
}

TEST(Run, words_stream_only_where_somebody_reads_them) {
    for (const bool wants_deltas : {true, false}) {
        RunBench bench;
        const auto run = bench.start([] {}, wants_deltas);
        bench.doors.answer(RunBench::vision());
        bench.doors.result("{}");
        EXPECT_EQ(bench.doors.last().request->is_streamed, wants_deltas);
        bench.doors.last().observer->on_text(R"({"user_answer":"접)");
        bench.doors.last().observer->on_text(R"(어요","steps":"x"})");
        const auto story = RunBench::story(*run);
        EXPECT_EQ(story.ends_with("'접' '어요'"), wants_deltas) << story;
    }
}

TEST(Run, pins_the_rules_once_at_its_start) {
    RunBench bench;
    const auto run = bench.start();
    EXPECT_EQ(bench.doors.snapshots, 1);
}

TEST(Run, waits_for_a_place_in_a_full_stage_and_is_refused_when_the_queue_is_full) {
    auto definition = scan_definition();
    definition.stages[0].concurrency_max = 1;
    definition.stages[0].queue_max = 1;
    RunBench bench(std::move(definition));
    auto first = bench.start();
    auto second = bench.start();
    auto third = bench.start();
    EXPECT_EQ(bench.doors.calls.size(), 1U);
    EXPECT_EQ(RunBench::story(*second), "started vision+0");
    EXPECT_EQ(RunBench::story(*third), "started vision+0 vision!OVERLOADED");
    first.reset();
    bench.executor.run();
    EXPECT_EQ(bench.doors.calls.size(), 2U) << "the second goes in when the first leaves";
}

TEST(Run, a_run_that_waits_too_long_for_its_place_times_out) {
    auto definition = scan_definition();
    definition.stages[0].concurrency_max = 0;
    RunBench bench(std::move(definition));
    const auto run = bench.start();
    bench.executor.advance(seconds(60));
    EXPECT_EQ(run->failure()->code, Errc::provider_timeout);
    EXPECT_EQ(bench.context.doors[0].gate->waiting(), 0U);
}

}  // namespace
}  // namespace eco2::test
