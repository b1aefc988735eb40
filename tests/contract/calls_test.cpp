#include "base/limits.hpp"
#include "contract/support.hpp"

namespace eco2::contract {
namespace {

using std::chrono::milliseconds;

TEST(PluginCalls, tells_all_pieces_and_one_end) {
    ManualHost host;
    Recorder seen;
    ASSERT_TRUE(host.generate(host.odd("none"), seen));
    EXPECT_EQ(seen.text, "") << "nothing comes from inside the start";
    host.executor.run();
    EXPECT_EQ(seen.text, "abc");
    EXPECT_EQ(seen.ends, 1);
    EXPECT_FALSE(seen.has_failed);
    EXPECT_EQ(seen.finish, FinishReason::stop);
    EXPECT_EQ(host.status().calls_open, 0U);
    EXPECT_EQ(host.status().contract_violations, 0U);
}

TEST(PluginCalls, maps_a_refused_start_and_makes_no_callback) {
    ManualHost host;
    Recorder seen;
    const auto started = host.generate(host.odd("refuses"), seen);
    host.executor.run();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::provider_overloaded);
    EXPECT_EQ(seen.ends, 0);
    EXPECT_EQ(host.status().calls_open, 0U);
}

TEST(PluginCalls, maps_an_error_by_its_class) {
    ManualHost host;
    Recorder seen;
    ASSERT_TRUE(host.generate(host.odd("fails"), seen));
    host.executor.run();
    ASSERT_TRUE(seen.has_failed);
    EXPECT_EQ(seen.error.error.code, Errc::provider_limited);
    EXPECT_EQ(seen.error.error.retry_after_ms, 1500);
    EXPECT_EQ(seen.error.upstream_http_status, 429);
    EXPECT_EQ(seen.error.upstream_code, "rate_limit_exceeded");
    EXPECT_TRUE(seen.error.is_retryable);
}

struct BrokenRule {
    const char* behaviour;
    bool starts;
    bool fails;
};

class PluginRules : public testing::TestWithParam<BrokenRule> {};

/// Whatever the plugin does: one end at most, a counted violation, and an instance that can still be stopped.
TEST_P(PluginRules, broken_rule_is_counted_and_survived) {
    const auto rule = GetParam();
    ManualHost host;
    Recorder seen;
    const auto started = host.generate(host.odd(rule.behaviour), seen);
    host.executor.run();
    EXPECT_EQ(static_cast<bool>(started), rule.starts);
    if (rule.starts) {
        EXPECT_EQ(seen.ends, 1);
        EXPECT_EQ(seen.has_failed, rule.fails);
        EXPECT_TRUE(!rule.fails || seen.error.error.code == Errc::plugin_contract) << seen.error.error.text();
    } else {
        EXPECT_EQ(started.error().code, Errc::plugin_contract);
        EXPECT_EQ(seen.ends, 0);
        EXPECT_EQ(seen.text, "");
    }
    EXPECT_GE(host.status().contract_violations, 1U);
    EXPECT_TRUE(host.log.has("plugin broke a rule of the ABI"));
}

INSTANTIATE_TEST_SUITE_P(Each,
                         PluginRules,
                         testing::Values(BrokenRule{"done_twice", true, false},
                                         BrokenRule{"delta_after_done", true, false},
                                         BrokenRule{"inline_done", false, true},
                                         BrokenRule{"inline_delta", false, true},
                                         BrokenRule{"no_call", false, true},
                                         BrokenRule{"throws", false, true},
                                         BrokenRule{"not_utf8", true, true},
                                         BrokenRule{"null_result", true, true}),
                         [](const auto& each) { return std::string(each.param.behaviour); });

TEST(PluginCalls, answer_over_the_limit_is_a_bad_answer) {
    ManualHost host;
    Recorder seen;
    ASSERT_TRUE(host.generate(host.odd("too_long"), seen));
    host.executor.run();
    ASSERT_TRUE(seen.has_failed);
    EXPECT_EQ(seen.error.error.code, Errc::provider_bad_answer);
    EXPECT_LE(seen.text.size(), limits::kProviderTextBytesMax);
    EXPECT_EQ(seen.ends, 1);
    EXPECT_EQ(host.status().calls_open, 0U);
}

class CancelAt : public testing::TestWithParam<int> {};

TEST_P(CancelAt, cancel_inside_a_piece_ends_once) {
    ManualHost host;
    Recorder seen;
    seen.cancel_at = GetParam();
    ASSERT_TRUE(host.generate(host.odd("none"), seen));
    host.executor.run();
    ASSERT_EQ(seen.ends, 1);
    ASSERT_TRUE(seen.has_failed);
    EXPECT_EQ(seen.error.error.code, Errc::cancelled);
    EXPECT_EQ(host.status().calls_open, 0U);
    EXPECT_EQ(host.status().contract_violations, 0U);
}

TEST_P(CancelAt, destroying_the_call_silences_it_at_once) {
    ManualHost host;
    Recorder seen;
    seen.destroy_at = GetParam();
    ASSERT_TRUE(host.generate(host.odd("none"), seen));
    host.executor.run();
    EXPECT_EQ(seen.pieces, GetParam() + 1);
    EXPECT_EQ(seen.ends, 0);
    EXPECT_EQ(host.status().calls_open, 0U);
    EXPECT_EQ(host.status().contract_violations, 0U);
}

TEST_P(CancelAt, cancel_after_so_many_tasks_ends_once) {
    ManualHost host;
    Recorder seen;
    ASSERT_TRUE(host.generate(host.odd("none"), seen));
    for (int i = 0; i < GetParam(); ++i) {
        host.executor.step();
    }
    seen.call->cancel();
    seen.call->cancel();
    EXPECT_EQ(seen.ends, 0) << "the end never comes from inside cancel";
    host.executor.run();
    EXPECT_EQ(seen.ends, 1);
    EXPECT_EQ(seen.error.error.code, Errc::cancelled);
    EXPECT_EQ(host.status().calls_open, 0U);
}

INSTANTIATE_TEST_SUITE_P(Each, CancelAt, testing::Values(0, 1, 2));

TEST(PluginCalls, done_inside_cancel_is_told_later) {
    ManualHost host;
    Recorder seen;
    ASSERT_TRUE(host.generate(host.odd("done_inside_cancel"), seen));
    seen.call->cancel();
    EXPECT_EQ(seen.ends, 0);
    host.executor.run();
    EXPECT_EQ(seen.ends, 1);
    EXPECT_EQ(host.status().calls_open, 0U);
}

TEST(PluginCalls, exception_in_cancel_is_a_violation) {
    ManualHost host;
    Recorder seen;
    ASSERT_TRUE(host.generate(host.odd("throws_in_cancel"), seen));
    seen.call->cancel();
    host.executor.run();
    EXPECT_EQ(seen.ends, 1);
    EXPECT_EQ(host.status().contract_violations, 1U);
}

TEST(PluginCalls, handle_kept_after_the_end_is_harmless) {
    ManualHost host;
    Recorder seen;
    seen.destroys_at_end = false;
    ASSERT_TRUE(host.generate(host.odd("none"), seen));
    host.executor.run();
    seen.call->cancel();
    seen.call->resume();
    seen.call.reset();
    host.executor.run();
    EXPECT_EQ(seen.ends, 1);
    EXPECT_EQ(host.status().calls_open, 0U);
}

TEST(PluginCalls, pause_holds_the_plugin_until_resume) {
    ManualHost host;
    Recorder seen;
    seen.pauses = true;
    ASSERT_TRUE(host.generate(host.odd("none"), seen));
    for (const auto* expected : {"a", "ab", "abc"}) {
        host.executor.run();
        EXPECT_EQ(seen.text, expected);
        seen.call->resume();
    }
    host.executor.run();
    EXPECT_EQ(seen.ends, 1);
}

TEST(PluginCalls, cancel_while_paused_ends) {
    ManualHost host;
    Recorder seen;
    seen.pauses = true;
    ASSERT_TRUE(host.generate(host.odd("none"), seen));
    host.executor.run();
    seen.call->cancel();
    host.executor.run();
    EXPECT_EQ(seen.ends, 1);
    EXPECT_EQ(seen.error.error.code, Errc::cancelled);
}

TEST(PluginCalls, time_inside_a_plugin_is_watched) {
    ManualHost host;
    // The manual clock stands still, so a plugin never seems slow; threads_test has the other half.
    Recorder seen;
    ASSERT_TRUE(host.generate(host.odd("slow_start"), seen));
    host.executor.run();
    EXPECT_EQ(host.status().slow_calls, 0U);
}

TEST(PluginCalls, call_that_does_not_end_after_cancel_degrades_the_instance) {
    ManualHost host;
    Recorder seen;
    ASSERT_TRUE(host.generate(host.odd("never_done"), seen));
    seen.call->cancel();
    host.executor.advance(limits::kCancelGrace - milliseconds(1));
    EXPECT_EQ(seen.ends, 0);
    EXPECT_FALSE(host.status().is_degraded);
    host.executor.advance(milliseconds(1));
    ASSERT_EQ(seen.ends, 1);
    EXPECT_EQ(seen.error.error.code, Errc::plugin_contract);
    EXPECT_TRUE(host.status().is_degraded);
    const auto stopped = host.host.stop(milliseconds(0));
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, Errc::limit_exceeded);
    EXPECT_EQ(host.status().state, plugin_host::InstanceState::failed);
}

TEST(PluginCalls, pieces_of_another_thread_arrive_in_order) {
    ManualHost host;
    Recorder seen;
    ASSERT_TRUE(host.generate(host.odd("own_thread"), seen));
    host.executor.run_until([&] { return seen.ends == 1 && host.status().calls_open == 0; });
    EXPECT_EQ(seen.text, "abc");
    EXPECT_FALSE(seen.has_failed);
    EXPECT_EQ(host.status().contract_violations, 0U);
}

TEST(PluginCalls, paused_observer_is_not_flooded_by_another_thread) {
    ManualHost host;
    Recorder seen;
    ASSERT_TRUE(host.generate(host.odd("flood"), seen));
    host.executor.run_until([&] { return seen.ends == 1 && host.status().calls_open == 0; });
    ASSERT_TRUE(seen.has_failed);
    EXPECT_EQ(seen.error.error.code, Errc::provider_bad_answer);
    EXPECT_LE(seen.text.size(), limits::kProviderTextBytesMax);
}

TEST(PluginCalls, no_call_starts_after_stop) {
    ManualHost host;
    auto& door = host.odd("none");
    ASSERT_TRUE(host.host.stop(milliseconds(0)));
    EXPECT_EQ(host.host.provider("odd_provider"), nullptr);
    EXPECT_EQ(host.status().state, plugin_host::InstanceState::destroyed);
    Recorder seen;
    const auto started = host.generate(door, seen);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::draining);
}

}  // namespace
}  // namespace eco2::contract
