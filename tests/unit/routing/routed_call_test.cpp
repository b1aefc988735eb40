#include "base/limits.hpp"
#include "unit/routing/fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace eco2::routing {
namespace {

using testing::HasSubstr;

TEST(RoutedCall, answer_passes_piece_by_piece_with_who_gave_it) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().head(200, "model-a-2026");
    f.providers.last().text("one ");
    EXPECT_EQ(asker->text, "one ");
    EXPECT_EQ(asker->provider, "a");
    EXPECT_EQ(asker->model, "model-a-2026");
    f.providers.last().text("two");
    f.providers.last().usage(10, 2);
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
    EXPECT_EQ(asker->text, "one two");
    EXPECT_EQ(asker->pieces, 2);
    EXPECT_EQ(asker->usage.output_tokens, 2);
    ASSERT_EQ(f.records.attempts.size(), 1U);
    EXPECT_EQ(f.records.attempts[0].outcome, "ok");
    EXPECT_EQ(f.records.attempts[0].input_tokens, 10);
    EXPECT_FALSE(f.records.attempts[0].is_estimated);
    ASSERT_EQ(f.records.requests.size(), 1U);
}

TEST(RoutedCall, hint_that_fits_is_waited_out_at_the_same_target) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().limited(2'000);
    f.pass(1'990ms);
    EXPECT_EQ(f.providers.calls.size(), 1U);
    f.pass(600ms);
    ASSERT_EQ(f.providers.calls.size(), 2U);
    EXPECT_EQ(f.providers.last().provider, "a");
    EXPECT_GE(f.providers.last().at - f.providers.calls[0]->at, 2'000ms);
    f.providers.last().text("x");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
    EXPECT_EQ(asker->attempts, 2);
}

TEST(RoutedCall, target_that_is_limited_again_after_its_wait_is_left) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().limited(1'000);
    f.pass(1'600ms);
    ASSERT_EQ(f.providers.calls.size(), 2U);
    f.providers.last().limited(1'000);
    ASSERT_EQ(f.providers.calls.size(), 3U);
    EXPECT_EQ(f.providers.last().provider, "b") << "a healthy target is not kept waiting behind one that says 429 for ever";
    f.providers.last().text("x");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
}

TEST(RoutedCall, hint_that_is_too_long_goes_to_the_next_target_at_once) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().limited(60'000);
    ASSERT_EQ(f.providers.calls.size(), 2U);
    EXPECT_EQ(f.providers.last().provider, "b");
    EXPECT_EQ(f.providers.last().request->model, "model-b");
    EXPECT_THAT(asker->trail, testing::IsEmpty()) << "told with the first content";
}

TEST(RoutedCall, limit_without_a_hint_goes_to_the_next_target_at_once) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().limited(-1);
    ASSERT_EQ(f.providers.calls.size(), 2U);
    EXPECT_EQ(f.providers.last().provider, "b");
    f.providers.last().text("x");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
    EXPECT_THAT(asker->trail, HasSubstr("429 PROVIDER_LIMITED"));
}

TEST(RoutedCall, key_of_another_account_is_used_at_once_where_one_is_limited) {
    RoutingDefinition definition;
    definition.accounts = {{"x", {}, {}}, {"y", {}, {}}};
    definition.providers = {{"a", {{"k1", "x", {}}, {"k2", "x", {}}, {"k3", "y", {}}}}};
    RoutingFixture f(definition);
    const auto asker = f.ask();
    const auto first = f.providers.last().request->key;
    f.providers.last().limited(2'000);
    ASSERT_EQ(f.providers.calls.size(), 2U);
    EXPECT_EQ(f.providers.last().provider, "a");
    const auto second = f.providers.last().request->key;
    EXPECT_NE(first == 2, second == 2) << "one of them is of account y, the other of x";
}

TEST(RoutedCall, refused_key_is_followed_by_the_next_at_once_and_remembered) {
    RoutingDefinition definition;
    definition.providers = {{"a", {{"k1", "", {}}, {"k2", "", {}}}}};
    RoutingFixture f(definition);
    const auto first = f.ask();
    const auto bad = f.providers.last().request->key;
    f.providers.last().fail(FaultClass::key_fault, Errc::provider_key, 401);
    ASSERT_EQ(f.providers.calls.size(), 2U);
    EXPECT_NE(f.providers.last().request->key, bad);
    f.providers.last().text("x");
    f.providers.last().done();
    EXPECT_TRUE(first->is_answered());
    for (int i = 0; i < 5; ++i) {
        const auto next = f.ask();
        EXPECT_NE(f.providers.last().request->key, bad);
        f.providers.last().text("x");
        f.providers.last().done();
    }
}

TEST(RoutedCall, one_failure_is_repeated_at_the_same_target_then_the_next) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().broken();
    f.pass(500ms);
    ASSERT_EQ(f.providers.calls.size(), 2U);
    EXPECT_EQ(f.providers.last().provider, "a");
    f.providers.last().reset();
    ASSERT_EQ(f.providers.calls.size(), 3U);
    EXPECT_EQ(f.providers.last().provider, "b");
    f.providers.last().text("x");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
    EXPECT_EQ(asker->provider, "b");
}

TEST(RoutedCall, fault_that_passes_is_asked_again_although_the_last_target_has_a_lasting_one) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().overloaded();
    ASSERT_EQ(f.providers.calls.size(), 2U);
    f.providers.last().fail(FaultClass::key_fault, Errc::provider_key, 401);
    f.pass(5s);
    ASSERT_EQ(f.providers.calls.size(), 3U);
    EXPECT_EQ(f.providers.last().provider, "a");
    f.providers.last().text("x");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
}

TEST(RoutedCall, model_or_address_that_one_target_does_not_have_is_asked_for_at_the_next) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().fail(FaultClass::caller_fault, Errc::provider_rejected, 404);
    ASSERT_EQ(f.providers.calls.size(), 2U);
    f.providers.last().fail(FaultClass::caller_fault, Errc::provider_rejected, 404);
    EXPECT_EQ(asker->ends, 1) << "given back where nobody has it";
    EXPECT_EQ(asker->error->error.code, Errc::provider_rejected);
    EXPECT_EQ(f.providers.calls.size(), 2U);
}

TEST(RoutedCall, target_without_the_model_does_not_end_what_a_passing_fault_began) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().overloaded();
    ASSERT_EQ(f.providers.last().provider, "b");
    f.providers.last().fail(FaultClass::caller_fault, Errc::provider_rejected, 404);
    f.pass(5s);
    ASSERT_EQ(f.providers.calls.size(), 3U);
    EXPECT_EQ(f.providers.last().provider, "a") << "b alone lacks it";
    f.providers.last().text("x");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
}

TEST(RoutedCall, refusal_of_content_that_comes_in_mid_stream_is_given_back) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().text("Hello");
    f.providers.last().fail(FaultClass::content_policy, Errc::provider_refused, 200);
    EXPECT_EQ(f.providers.calls.size(), 1U);
    EXPECT_EQ(asker->ends, 1);
    EXPECT_EQ(asker->error->error.code, Errc::provider_refused);
}

TEST(RoutedCall, overloaded_target_is_left_at_once) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().overloaded();
    ASSERT_EQ(f.providers.calls.size(), 2U);
    EXPECT_EQ(f.providers.last().provider, "b");
}

struct Silence {
    const char* name;
    bool has_head;
    bool has_words;
    std::chrono::milliseconds expected;
};

class RoutedCallClocks : public testing::TestWithParam<Silence> {};

TEST_P(RoutedCallClocks, silent_or_stalled_target_is_left_and_not_asked_twice) {
    RoutingFixture f;
    f.policy().headers = 3s;
    f.policy().first_content = 5s;
    f.policy().between_contents = 7s;
    const auto asker = f.ask();
    auto first = f.providers.calls.back();
    if (GetParam().has_head) {
        first->head();
    }
    if (GetParam().has_words) {
        first->text("He");
    }
    f.pass(GetParam().expected - 1ms);
    EXPECT_EQ(f.providers.calls.size(), 1U);
    f.pass(2ms);
    ASSERT_EQ(f.providers.calls.size(), 2U);
    EXPECT_TRUE(first->was_dropped);
    EXPECT_EQ(f.providers.last().provider, "b");
    f.providers.last().overloaded();
    f.pass(60s);
    EXPECT_EQ(f.providers.count("a"), 1U);
}

INSTANTIATE_TEST_SUITE_P(All,
                         RoutedCallClocks,
                         testing::Values(Silence{"no_head", false, false, 3'000ms},
                                         Silence{"no_content", true, false, 5'000ms},
                                         Silence{"stalled", true, true, 7'000ms}),
                         [](const auto& tested) { return tested.param.name; });

TEST(RoutedCall, start_up_events_are_held_back_so_that_a_late_error_still_fails_over) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().head();
    f.providers.last().chunk("", R"({"id":"a1","choices":[{"delta":{"role":"assistant"}}]})");
    EXPECT_EQ(asker->pieces, 0);
    f.providers.last().limited(-1);
    ASSERT_EQ(f.providers.calls.size(), 2U);
    f.providers.last().chunk("", R"({"id":"b1","choices":[{"delta":{"role":"assistant"}}]})");
    f.providers.last().chunk("Hi", R"({"id":"b1","choices":[{"delta":{"content":"Hi"}}]})");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
    ASSERT_EQ(asker->chunks.size(), 2U);
    EXPECT_THAT(asker->chunks[0], HasSubstr("b1")) << "nothing of the first target";
}

TEST(RoutedCall, start_up_events_without_end_say_nothing_and_commit_to_nothing) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().head();
    for (std::size_t i = 0; i < 2 * limits::kHeldChunksMax; ++i) {
        f.providers.last().chunk("", R"({"id":"a1","choices":[{"delta":{"role":"assistant"}}]})");
    }
    f.providers.last().overloaded();
    ASSERT_EQ(f.providers.calls.size(), 2U);
    f.providers.last().chunk("Hi", R"({"id":"b1","choices":[{"delta":{"content":"Hi"}}]})");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
    EXPECT_EQ(asker->chunks.size(), 1U) << "nothing of the first target";
}

TEST(RoutedCall, faults_of_the_request_are_given_back) {
    struct Case {
        FaultClass fault;
        Errc code;
    };
    for (const auto& one : {Case{FaultClass::caller_fault, Errc::provider_rejected},
                            Case{FaultClass::content_policy, Errc::provider_refused},
                            Case{FaultClass::context_length, Errc::provider_context_length}}) {
        RoutingFixture f;
        const auto asker = f.ask();
        f.providers.last().fail(one.fault, one.code, 400);
        EXPECT_EQ(asker->ends, 1);
        ASSERT_TRUE(asker->error);
        EXPECT_EQ(asker->error->error.code, one.code);
        EXPECT_EQ(f.providers.calls.size(), 1U);
        EXPECT_FALSE(asker->trail.empty());
    }
}

TEST(RoutedCall, what_is_too_long_goes_to_a_larger_model_alone) {
    RoutingDefinition definition;
    definition.routes = {RoutingFixture::route({{.provider = "a", .model = {}, .context_tokens = 8'000},
                                                {.provider = "b", .model = {}, .context_tokens = 8'000},
                                                {.provider = "c", .model = {}, .context_tokens = 100'000}})};
    RoutingFixture f(definition);
    const auto asker = f.ask();
    f.providers.last().fail(FaultClass::context_length, Errc::provider_context_length, 400);
    ASSERT_EQ(f.providers.calls.size(), 2U);
    EXPECT_EQ(f.providers.last().provider, "c");
    f.providers.last().fail(FaultClass::context_length, Errc::provider_context_length, 400);
    ASSERT_TRUE(asker->error);
    EXPECT_EQ(asker->error->error.code, Errc::provider_context_length);
}

/// The answer of sixty words, cut after every word and in the middle of each, comes out whole from the next target.
TEST(RoutedCall, answer_cut_anywhere_goes_on_without_a_repetition) {
    std::string whole;
    for (int i = 0; i < 60; ++i) {
        whole += "w" + std::to_string(i) + " ";
    }
    for (std::size_t cut = 1; cut < whole.size(); ++cut) {
        RoutingFixture f;
        const auto asker = f.ask();
        f.providers.last().head();
        f.providers.last().text(std::string_view(whole).substr(0, cut));
        f.providers.last().reset();
        ASSERT_EQ(f.providers.calls.size(), 2U) << cut;
        EXPECT_EQ(f.providers.last().provider, "b");
        const std::size_t step = 1 + cut % 7;
        for (std::size_t at = 0; at < whole.size(); at += step) {
            f.providers.last().text(std::string_view(whole).substr(at, step));
        }
        f.providers.last().done();
        EXPECT_TRUE(asker->is_answered()) << cut;
        EXPECT_EQ(asker->text, whole) << cut;
    }
}

std::string chunk(std::string_view id, std::string_view words) {
    return R"({"id":")" + std::string(id) + R"(","choices":[{"index":0,"delta":{"content":")" + std::string(words) + R"("}}]})";
}

TEST(RoutedCall, chunks_of_a_restart_go_on_under_the_first_id) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().chunk("", R"({"id":"a1","choices":[{"delta":{"role":"assistant"}}]})");
    f.providers.last().chunk("one two", chunk("a1", "one two"));
    f.providers.last().reset();
    auto& second = f.providers.last();
    ASSERT_EQ(second.provider, "b");
    second.chunk("", R"({"id":"b1","choices":[{"delta":{"role":"assistant"}}]})");
    second.chunk("one ", chunk("b1", "one "));
    second.chunk("two three", chunk("b1", "two three"));
    second.chunk("", R"({"id":"b1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
    second.done();
    EXPECT_TRUE(asker->is_answered());
    EXPECT_EQ(asker->text, "one two three");
    ASSERT_EQ(asker->chunks.size(), 4U);
    EXPECT_THAT(asker->chunks[2], HasSubstr(R"("content":" three")"));
    for (const auto& json : asker->chunks) {
        EXPECT_THAT(json, HasSubstr(R"("id":"a1")"));
    }
    EXPECT_THAT(asker->chunks[3], HasSubstr(R"("finish_reason":"stop")"));
}

/// Caught up exactly at the end of a chunk: the finish that follows must pass.
TEST(RoutedCall, finish_right_after_the_part_already_sent_passes) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().chunk("all", chunk("a1", "all"));
    f.providers.last().reset();
    f.providers.last().chunk("all", chunk("b1", "all"));
    f.providers.last().chunk("", R"({"id":"b1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
    ASSERT_EQ(asker->chunks.size(), 2U);
    EXPECT_THAT(asker->chunks[1], HasSubstr("finish_reason"));
}

TEST(RoutedCall, answer_that_differs_from_what_had_left_ends_with_the_fault) {
    for (const auto* other : {"Hallo", "He"}) {
        RoutingFixture f;
        const auto asker = f.ask();
        f.providers.last().text("Hello");
        f.providers.last().reset();
        ASSERT_EQ(f.providers.calls.size(), 2U);
        f.providers.last().text(other);
        if (f.providers.last().observer != nullptr) {
            f.providers.last().done();  // shorter than what had left
        }
        EXPECT_EQ(asker->ends, 1) << other;
        ASSERT_TRUE(asker->error) << other;
        EXPECT_EQ(asker->error->error.code, Errc::provider_reset);
        EXPECT_EQ(asker->text, "Hello");
    }
}

TEST(RoutedCall, tool_calls_that_had_left_are_not_repeated) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().observer->on_tool(R"({"index":0})");
    f.providers.last().reset();
    EXPECT_EQ(f.providers.calls.size(), 1U);
    ASSERT_TRUE(asker->error);
    EXPECT_EQ(asker->error->error.code, Errc::provider_reset);
}

TEST(RoutedCall, hold_sends_nothing_until_the_answer_is_whole) {
    RoutingFixture f;
    f.policy().mid_stream = RoutePolicy::MidStream::hold;
    const auto asker = f.ask();
    f.providers.last().text("half of");
    f.providers.last().reset();
    f.pass(500ms);  // nothing had left: the same target may be asked again
    EXPECT_EQ(asker->pieces, 0);
    f.providers.last().text("another answer");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
    EXPECT_EQ(asker->text, "another answer");
}

TEST(RoutedCall, marked_restart_says_that_it_begins_anew) {
    RoutingFixture f;
    f.policy().mid_stream = RoutePolicy::MidStream::restart_marked;
    const auto asker = f.ask();
    f.providers.last().text("half of");
    f.providers.last().reset();
    EXPECT_EQ(asker->restarts, 1);
    f.providers.last().text("another");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
    EXPECT_EQ(asker->text, "another");
}

TEST(RoutedCall, give_up_ends_once_content_has_left) {
    RoutingFixture f;
    f.policy().mid_stream = RoutePolicy::MidStream::give_up;
    const auto asker = f.ask();
    f.providers.last().text("half of");
    f.providers.last().reset();
    EXPECT_EQ(f.providers.calls.size(), 1U);
    EXPECT_TRUE(asker->error);
}

TEST(RoutedCall, stage_that_wants_the_whole_answer_is_streamed_where_another_target_could_take_over) {
    RoutingFixture f;
    const auto asker = f.ask(false);
    EXPECT_TRUE(f.providers.last().request->is_streamed);
    f.providers.last().text("part");
    EXPECT_EQ(asker->pieces, 0);
    f.providers.last().reset();
    f.pass(500ms);
    f.providers.last().overloaded();
    ASSERT_EQ(f.providers.last().provider, "b");
    f.providers.last().text("a whole ");
    f.providers.last().text("answer");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
    EXPECT_EQ(asker->text, "a whole answer");
}

TEST(RoutedCall, dropped_call_reaches_the_upstream_at_once_in_every_phase) {
    for (int phase = 0; phase < 5; ++phase) {
        RoutingFixture f;
        auto asker = f.ask();
        switch (phase) {
            case 0: break;
            case 1: f.providers.last().head(); break;
            case 2: f.providers.last().text("x"); break;
            case 3: f.providers.last().broken(); break;  // waits to repeat
            case 4: f.providers.last().overloaded(); break;
        }
        const auto call = f.providers.calls.back();
        const bool was_open = call->observer != nullptr;
        asker->call.reset();
        EXPECT_EQ(call->was_dropped, was_open) << phase;
        f.pass(60s);
        EXPECT_EQ(asker->ends, 0) << phase;
        EXPECT_EQ(f.providers.calls.back(), call) << phase << ": nothing is asked for nobody";
        ASSERT_EQ(f.records.requests.size(), 1U) << phase;
        EXPECT_EQ(f.records.requests[0].outcome, "CANCELLED");
    }
}

TEST(RoutedCall, cancel_ends_once_and_not_from_inside) {
    RoutingFixture f;
    auto asker = f.ask();
    asker->call->cancel();
    EXPECT_EQ(asker->ends, 0);
    f.executor.run();
    EXPECT_EQ(asker->ends, 1);
    EXPECT_EQ(asker->error->error.code, Errc::cancelled);
}

TEST(RoutedCall, pause_and_resume_reach_the_upstream_and_stop_the_clock) {
    RoutingFixture f;
    const auto asker = f.ask();
    asker->flow = CallObserver::Flow::pause;
    EXPECT_EQ(f.providers.last().text("x"), CallObserver::Flow::pause);
    f.pass(60s);
    EXPECT_EQ(f.providers.calls.size(), 1U) << "it is the asker who does not read";
    asker->flow = CallObserver::Flow::go_on;
    asker->call->resume();
    EXPECT_EQ(f.providers.last().resumes, 1);
    f.pass(f.policy().between_contents + 1s);
    EXPECT_EQ(f.providers.calls.size(), 2U) << "from here on it is the upstream";
}

TEST(RoutedCall, start_that_fails_counts_as_an_attempt_and_is_told_later) {
    RoutingFixture f;
    f.providers.on_start = [](std::string_view) -> Result<void> { return fail(Errc::draining, "stopping"); };
    const auto asker = f.ask();
    f.pass(120s);
    EXPECT_EQ(asker->ends, 1);
    ASSERT_TRUE(asker->error);
    EXPECT_FALSE(asker->trail.empty());
    EXPECT_LE(f.records.attempts.size(), 4U);
}

TEST(RoutedCall, money_ceiling_is_kept_before_an_attempt) {
    RoutingDefinition definition;
    definition.prices = {"v1", {{"*", "", 10.0, -1, 30.0}}};
    RoutingFixture f(definition);
    f.policy().cost_usd = 0.000'001;
    const auto asker = f.ask();
    EXPECT_TRUE(f.providers.calls.empty());
    ASSERT_TRUE(asker->error);
    EXPECT_EQ(asker->error->error.code, Errc::budget_exceeded);
}

TEST(RoutedCall, target_that_cannot_see_is_passed_over_for_a_photo) {
    RoutingFixture f;
    f.providers.add("a", {false, true, true, true, true});
    const auto asker = f.ask(true, [](GenerateRequest& request) {
        request.messages[0].parts.push_back(
            {Part::Kind::image_url, std::make_shared<std::string>("https://x/y.jpg"), nullptr, {}});
    });
    ASSERT_EQ(f.providers.calls.size(), 1U);
    EXPECT_EQ(f.providers.last().provider, "b");
}

TEST(RoutedCall, cut_attempts_are_booked_as_estimates_and_refused_ones_as_nothing) {
    RoutingFixture f;
    const auto asker = f.ask();
    f.providers.last().head();
    f.providers.last().text("some words that were sent");
    f.providers.last().reset();
    f.providers.last().overloaded();
    ASSERT_GE(f.records.attempts.size(), 2U);
    EXPECT_TRUE(f.records.attempts[0].is_estimated);
    EXPECT_GT(f.records.attempts[0].output_tokens, 0);
    EXPECT_GT(f.records.attempts[0].input_tokens, 0);
    EXPECT_EQ(f.records.attempts[1].input_tokens, 0);
    EXPECT_EQ(f.records.attempts[1].output_tokens, 0);
}

/// No [[route]] at all: the first provider is asked, and what it says is told soon.
class PlainRoute : public testing::Test {
protected:
    PlainRoute() { f.definition.routes.clear(); }
    RoutingFixture f;
};

TEST_F(PlainRoute, failure_is_repeated_once_and_told_within_half_a_second) {
    for (int i = 0; i < 6; ++i) {
        const auto begun = f.clock.now();
        const auto asker = f.ask();
        for (int step = 0; step < 60 && asker->ends == 0; ++step) {
            if (auto* call = f.providers.calls.back().get(); call->observer != nullptr) {
                i % 2 == 0 ? call->broken() : call->overloaded();
            }
            f.pass(10ms);
        }
        ASSERT_EQ(asker->ends, 1) << i;
        EXPECT_LE(f.clock.now() - begun, 500ms) << i;
        EXPECT_LE(asker->attempts, 2) << i;
    }
}

TEST_F(PlainRoute, what_earlier_requests_have_met_keeps_nobody_from_asking) {
    for (int i = 0; i < 4; ++i) {
        const auto limited = f.ask();
        f.providers.last().limited(-1);
        f.pass(1ms);
        EXPECT_EQ(limited->ends, 1) << i;
        const auto refused = f.ask();
        f.providers.last().fail(FaultClass::key_fault, Errc::provider_key, 401);
        f.pass(1ms);
        EXPECT_EQ(refused->ends, 1) << i;
        EXPECT_EQ(refused->error->error.code, Errc::provider_key) << i;
    }
    EXPECT_EQ(f.providers.calls.size(), 8U);
    const auto asker = f.ask();
    f.providers.last().text("x");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
}

TEST_F(PlainRoute, slow_provider_is_waited_for_as_long_as_the_request_may_take) {
    const auto asker = f.ask();
    f.pass(100s);
    EXPECT_EQ(asker->ends, 0);
    f.pass(21s);
    EXPECT_EQ(asker->ends, 1);
}

TEST_F(PlainRoute, configured_quota_is_waited_for) {
    f.definition.providers[0].keys = {{"k", "", {1, 0}}};
    const auto first = f.ask();
    f.providers.last().text("x");
    f.providers.last().done();
    const auto second = f.ask();
    EXPECT_EQ(f.providers.calls.size(), 1U);
    EXPECT_EQ(second->ends, 0);
}

/// Nobody else can answer: one request makes one attempt, not four.
TEST(RoutedCall, open_breakers_everywhere_leave_one_attempt_as_a_last_resort) {
    RoutingFixture f;
    for (int i = 0; i < 8; ++i) {
        const auto asker = f.ask();
        while (asker->ends == 0) {
            if (auto* call = f.providers.calls.back().get(); call->observer != nullptr) {
                call->overloaded();
            }
            f.pass(50ms);
        }
    }
    const auto before = f.providers.calls.size();
    const auto asker = f.ask();
    ASSERT_EQ(f.providers.calls.size(), before + 1);
    f.providers.last().overloaded();
    f.pass(60s);
    EXPECT_EQ(asker->ends, 1);
    EXPECT_EQ(f.providers.calls.size(), before + 1);
}

TEST(RoutedCall, target_thought_to_be_down_is_the_last_resort_of_a_request_that_others_have_failed) {
    RoutingFixture f;
    const auto first = f.ask();
    f.providers.last().overloaded();
    f.providers.last().fail(FaultClass::key_fault, Errc::provider_key, 401);
    f.pass(5s);
    f.providers.last().text("x");
    f.providers.last().done();
    ASSERT_TRUE(first->is_answered()) << "b's key rests now";
    const auto asker = f.ask();
    f.providers.last().fail(FaultClass::provider_fault, Errc::provider_timeout);
    ASSERT_EQ(f.providers.last().provider, "b");
    f.providers.last().text("x");
    f.providers.last().done();
    EXPECT_TRUE(asker->is_answered());
    EXPECT_THAT(f.records.requests.back().trail, HasSubstr("as a last resort"));
}

/// Whatever providers do, a request makes no more attempts than it may, ends once and in time, and a success is a whole answer.
TEST(RoutedCall, no_mixture_of_faults_passes_the_budget) {
    const std::string whole = "the whole answer in some words";
    for (unsigned seed = 1; seed <= 3'000; ++seed) {
        std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL;
        const auto draw = [&state](std::uint64_t below) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            return state % below;
        };
        RoutingDefinition definition;
        definition.providers = {{"a", {{"k1", "", {}}, {"k2", "", {}}}}};
        RoutingFixture f(definition);
        f.policy().attempts = 1 + static_cast<int>(draw(6));
        f.policy().total = 30s;
        f.policy().mid_stream = static_cast<RoutePolicy::MidStream>(draw(4));
        const auto begun = f.clock.now();
        const auto asker = f.ask(draw(2) == 0);
        for (int step = 0; step < 60 && asker->ends == 0; ++step) {
            auto* call = f.providers.calls.empty() ? nullptr : f.providers.calls.back().get();
            if (call == nullptr || call->observer == nullptr) {
                f.pass(std::chrono::milliseconds(draw(3'000)));
                continue;
            }
            switch (draw(12)) {
                case 0: call->overloaded(); break;
                case 1: call->broken(); break;
                case 2: call->reset(); break;
                case 3: call->limited(static_cast<long>(draw(15'000))); break;
                case 4: call->limited(-1); break;
                case 5: call->fail(FaultClass::key_fault, Errc::provider_key, 401); break;
                case 6: f.pass(12s); break;
                case 7: call->head(); break;
                case 8:
                    call->text(std::string_view(whole).substr(0, 1 + draw(whole.size())));
                    if (call->observer != nullptr) {
                        call->reset();
                    }
                    break;
                case 9:
                case 10:
                    call->text(whole);
                    if (call->observer != nullptr) {
                        call->done();
                    }
                    break;
                default: f.pass(std::chrono::milliseconds(draw(2'000))); break;
            }
        }
        f.pass(40s);
        ASSERT_EQ(asker->ends, 1) << "seed " << seed;
        EXPECT_LE(static_cast<int>(f.records.attempts.size()), f.policy().attempts) << "seed " << seed;
        EXPECT_EQ(f.records.attempts.size(), f.providers.calls.size()) << "seed " << seed;
        EXPECT_LE(f.records.requests.at(0).duration, 30s) << "seed " << seed;
        (void)begun;
        if (!asker->error) {
            EXPECT_EQ(asker->text, whole) << "seed " << seed;
        }
        for (const auto& status : f.board->status()) {
            EXPECT_EQ(status.waiting, 0U) << "seed " << seed;
        }
        EXPECT_EQ(f.board->health("a", "model-a").in_flight, 0) << "seed " << seed;
    }
}

}  // namespace
}  // namespace eco2::routing
