#include "observe/metrics.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace eco2::observe {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t count_lines_with(const std::string& text, std::string_view start) {
    std::size_t count = 0;
    for (std::size_t at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
        count += at == 0 || text[at - 1] == '\n' ? 1U : 0U;
    }
    return count;
}

TEST(GeometricBuckets, are_the_seed_systems) {
    const auto chain = geometric_buckets(1, 180, 15);
    ASSERT_EQ(chain.size(), 15U);
    EXPECT_DOUBLE_EQ(chain.front(), 1);
    EXPECT_DOUBLE_EQ(chain[1], 1.4491);
    EXPECT_DOUBLE_EQ(chain.back(), 180);
    const auto stage = geometric_buckets(0.1, 60, 15);
    EXPECT_DOUBLE_EQ(stage[0], 0.1);
    EXPECT_DOUBLE_EQ(stage[7], 2.4495);
    EXPECT_DOUBLE_EQ(stage[14], 60);
    EXPECT_EQ(geometric_buckets(0.01, 10, 14).size(), 14U);
}

TEST(GeometricBuckets, always_rise) {
    for (const auto& buckets :
         {geometric_buckets(0.0005, 5, 13), geometric_buckets(0.01, 5, 12), geometric_buckets(0.001, 60, 16)}) {
        EXPECT_TRUE(std::adjacent_find(buckets.begin(), buckets.end(), std::greater_equal<>()) == buckets.end());
    }
}

TEST(Metrics, every_metric_is_exposed_under_its_name) {
    Metrics metrics("1.2.3");
    metrics.scan_sse_connections_active.add(2);
    metrics.scan_sse_connections_active.add(-1);
    metrics.scan_sse_chain_duration_seconds.observe(10);
    metrics.scan_sse_stage_duration_seconds.with({"vision"}).observe(4.5);
    metrics.scan_sse_requests_total.with({"success"}).add();
    metrics.scan_sse_ttfb_seconds.observe(0.02);
    metrics.scan_pipeline_step_duration_seconds.with({"rag"}).observe(0.2);
    metrics.scan_reward_match_duration_seconds.observe(0.1);
    metrics.character_reward_evaluation_total.with({"success", "scan"}).add();
    metrics.character_reward_granted_total.with({"이코", "default"}).add();
    metrics.eco2_reward_null_total.with({"no_match"}).add();
    metrics.eco2_event_loop_lag_seconds.with({"0"}).observe(0.001);
    metrics.eco2_runs_active.set(3);
    metrics.eco2_stage_running.with({"scan", "vision"}).set(4);
    metrics.eco2_http_requests_total.with({"/health", "200"}).add();
    metrics.eco2_provider_calls_total.with({"openai", "ok"}).add();
    metrics.eco2_provider_tokens_total.with({"openai", "vision", "input"}).add(1'000);
    metrics.eco2_grants_total.with({"written"}).add();
    metrics.eco2_attempts_total.with({"*", "openai", "ok"}).add();
    metrics.eco2_attempt_seconds.with({"openai"}).observe(1);
    metrics.eco2_first_content_seconds.with({"openai"}).observe(1);
    metrics.eco2_tokens_total.with({"openai", "gpt", "in", "reported"}).add(5);
    metrics.eco2_cost_usd_total.with({"openai", "estimated"}).add(0.5);
    metrics.eco2_failovers_total.with({"*"}).add();
    const auto text = metrics.expose();
    for (const auto* line : {"scan_sse_connections_active 1\n",
                             "scan_sse_chain_duration_seconds_count 1\n",
                             "scan_sse_stage_duration_seconds_count{stage=\"vision\"} 1\n",
                             "scan_sse_requests_total{status=\"success\"} 1\n",
                             "scan_sse_requests_total{status=\"rejected\"} 0\n",
                             "scan_sse_ttfb_seconds_bucket{le=\"0.01\"} 0\n",
                             "scan_pipeline_step_duration_seconds_sum{step=\"rag\"} 0.2\n",
                             "scan_reward_match_duration_seconds_count 1\n",
                             "scan_reward_match_total{status=\"skipped\"} 0\n",
                             "character_reward_evaluation_total{source=\"scan\",status=\"success\"} 1\n",
                             "character_reward_granted_total{character_name=\"이코\",type=\"default\"} 1\n",
                             "eco2_reward_null_total{reason=\"no_match\"} 1\n",
                             "eco2_event_loop_lag_seconds_count{thread=\"0\"} 1\n",
                             "eco2_runs_active 3\n",
                             "eco2_stage_running{pipeline=\"scan\",stage=\"vision\"} 4\n",
                             "eco2_http_requests_total{route=\"/health\",status=\"200\"} 1\n",
                             "eco2_upstream_connections_opened_total 0\n",
                             "eco2_provider_calls_total{outcome=\"ok\",provider=\"openai\"} 1\n",
                             "eco2_provider_tokens_total{kind=\"input\",provider=\"openai\",stage=\"vision\"} 1000\n",
                             "eco2_grants_total{result=\"written\"} 1\n",
                             "eco2_attempts_total{outcome=\"ok\",provider=\"openai\",route=\"*\"} 1\n",
                             "eco2_attempt_seconds_count{provider=\"openai\"} 1\n",
                             "eco2_first_content_seconds_count{provider=\"openai\"} 1\n",
                             "eco2_tokens_total{direction=\"in\",model=\"gpt\",provider=\"openai\",source=\"reported\"} 5\n",
                             "eco2_cost_usd_total{provider=\"openai\",source=\"estimated\"} 0.5\n",
                             "eco2_failovers_total{route=\"*\"} 1\n",
                             "eco2_build_info{version=\"1.2.3\"} 1\n",
                             "# TYPE scan_sse_ttfb_seconds histogram\n"}) {
        EXPECT_THAT(text, HasSubstr(line));
    }
}

TEST(Metrics, hooks_run_before_the_text_is_made_and_can_be_forgotten) {
    Metrics metrics("1");
    int calls = 0;
    metrics.on_expose([&] { metrics.eco2_blocking_queue_depth.set(++calls); });
    EXPECT_THAT(metrics.expose(), HasSubstr("eco2_blocking_queue_depth 1\n"));
    EXPECT_THAT(metrics.expose(), HasSubstr("eco2_blocking_queue_depth 2\n"));
    metrics.forget_hooks();
    EXPECT_THAT(metrics.expose(), HasSubstr("eco2_blocking_queue_depth 2\n"));
    EXPECT_EQ(calls, 2);
}

TEST(Metrics, totals_counted_elsewhere_only_rise) {
    Metrics metrics("1");
    metrics.eco2_upstream_connections_opened_total.raise_to(7);
    metrics.eco2_upstream_connections_opened_total.raise_to(5);
    metrics.eco2_upstream_connections_opened_total.raise_to(9);
    EXPECT_THAT(metrics.expose(), HasSubstr("eco2_upstream_connections_opened_total 9\n"));
}

TEST(Metrics, the_same_values_give_the_same_series_and_values_do_not_run_together) {
    Metrics metrics("1");
    metrics.eco2_http_requests_total.with({"a", "b"}).add();
    metrics.eco2_http_requests_total.with({"a", "b"}).add();
    metrics.eco2_http_requests_total.with({"ab", ""}).add();
    const auto text = metrics.expose();
    EXPECT_THAT(text, HasSubstr("eco2_http_requests_total{route=\"a\",status=\"b\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("eco2_http_requests_total{route=\"ab\",status=\"\"} 1\n"));
}

TEST(Metrics, label_sets_are_bounded_and_nothing_is_lost_beyond) {
    Metrics metrics("1");
    const std::size_t extra = 10;
    for (std::size_t i = 0; i < limits::kHostMetricLabelSetsMax + extra; ++i) {
        metrics.character_reward_granted_total.with({std::to_string(i), "x"}).add();
    }
    const auto text = metrics.expose();
    EXPECT_EQ(count_lines_with(text, "character_reward_granted_total{"), limits::kHostMetricLabelSetsMax + 1);
    EXPECT_THAT(text, HasSubstr("character_reward_granted_total{character_name=\"other\",type=\"other\"} 10\n"));
}

TEST(Metrics, hostile_label_values_are_escaped_cut_and_made_valid) {
    Metrics metrics("1");
    metrics.eco2_reward_null_total.with({"a\"b\\c\nd\xFF"}).add();
    metrics.eco2_reward_null_total.with({std::string(10'000, 'x')}).add();
    metrics.eco2_reward_null_total.with({"one", "surplus"}).add();
    const auto text = metrics.expose();
    EXPECT_TRUE(is_valid_utf8(text));
    EXPECT_THAT(text, HasSubstr("eco2_reward_null_total{reason=\"a\\\"b\\\\c\\nd\uFFFD\"} 1\n"));
    EXPECT_THAT(text, Not(HasSubstr(std::string(limits::kMetricLabelBytesMax + 1, 'x'))));
    EXPECT_THAT(text, HasSubstr("eco2_reward_null_total{reason=\"one\"} 1\n"));
}

TEST(Metrics, default_handles_record_nothing) {
    Counter().add();
    Counter().raise_to(3);
    Gauge().set(1);
    Histogram().observe(1);
    Family<Counter> family;
    family.with({"a"}).add();
}

TEST(Metrics, recording_from_many_threads_counts_everything) {
    Metrics metrics("1");
    const Counter kept = metrics.scan_sse_requests_total.with({"success"});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&metrics, kept, t] {
            for (int i = 0; i < 500; ++i) {
                kept.add();
                metrics.eco2_http_requests_total.with({std::to_string(i % 10), std::to_string(t)}).add();
                metrics.scan_sse_ttfb_seconds.observe(0.1);
            }
        });
    }
    for (int i = 0; i < 5; ++i) {
        metrics.expose();
    }
    for (auto& thread : threads) {
        thread.join();
    }
    const auto text = metrics.expose();
    EXPECT_THAT(text, HasSubstr("scan_sse_requests_total{status=\"success\"} 2000\n"));
    EXPECT_THAT(text, HasSubstr("scan_sse_ttfb_seconds_count 2000\n"));
    EXPECT_THAT(text, HasSubstr("eco2_http_requests_total{route=\"3\",status=\"2\"} 50\n"));
}

}  // namespace
}  // namespace eco2::observe
