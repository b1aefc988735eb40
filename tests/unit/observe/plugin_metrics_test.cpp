#include "observe/plugin_metrics.hpp"

#include "base/limits.hpp"
#include "observe/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace eco2::observe {
namespace {

using testing::HasSubstr;
using testing::Not;
using Kind = PluginMetrics::Kind;

void record(Metrics& metrics, std::uint64_t metric, double value, std::vector<std::string_view> labels) {
    metrics.plugins().record(metric, value, labels);
}

TEST(PluginMetrics, each_kind_records_in_its_own_way) {
    Metrics metrics("1");
    const auto counter = metrics.plugins().define(Kind::counter, "eco2_plugin_a_hits_total", "hits", {"where"});
    const auto gauge = metrics.plugins().define(Kind::gauge, "eco2_plugin_a_size", "size", {});
    const auto histogram = metrics.plugins().define(Kind::histogram, "eco2_plugin_a_seconds", "time", {});
    for (const double value : {1.0, 2.0}) {
        record(metrics, counter, value, {"cache"});
        record(metrics, gauge, value, {});
        record(metrics, histogram, value, {});
    }
    const auto text = metrics.expose();
    EXPECT_THAT(text, HasSubstr("eco2_plugin_a_hits_total{where=\"cache\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("eco2_plugin_a_size 2\n"));
    EXPECT_THAT(text, HasSubstr("eco2_plugin_a_seconds_count 2\n"));
}

TEST(PluginMetrics, what_may_not_be_defined_is_refused) {
    Metrics metrics("1");
    auto& plugins = metrics.plugins();
    EXPECT_EQ(plugins.define(Kind::counter, "scan_sse_requests_total", "", {}), 0U);
    EXPECT_EQ(plugins.define(Kind::counter, "eco2_plugin_", "", {}), 0U);
    EXPECT_EQ(plugins.define(Kind::counter, "eco2_plugin_a b", "", {}), 0U);
    EXPECT_EQ(plugins.define(Kind::counter, "eco2_plugin_" + std::string(200, 'a'), "", {}), 0U);
    for (const std::string label : {"le", "quantile", "__name__", "", "9a", "a-b"}) {
        EXPECT_EQ(plugins.define(Kind::counter, "eco2_plugin_a", "", {label}), 0U) << label;
    }
    EXPECT_EQ(plugins.define(Kind::counter, "eco2_plugin_a", "", {"x", "x"}), 0U);
    EXPECT_EQ(plugins.define(Kind::counter, "eco2_plugin_a", "", {"a", "b", "c", "d", "e", "f", "g", "h", "i"}), 0U);
    EXPECT_THAT(metrics.expose(), Not(HasSubstr("eco2_plugin_")));
}

TEST(PluginMetrics, the_same_definition_gives_the_same_handle_and_another_is_refused) {
    Metrics metrics("1");
    auto& plugins = metrics.plugins();
    const auto first = plugins.define(Kind::counter, "eco2_plugin_a", "", {"x"});
    EXPECT_NE(first, 0U);
    EXPECT_EQ(plugins.define(Kind::counter, "eco2_plugin_a", "other words", {"x"}), first);
    EXPECT_EQ(plugins.define(Kind::gauge, "eco2_plugin_a", "", {"x"}), 0U);
    EXPECT_EQ(plugins.define(Kind::counter, "eco2_plugin_a", "", {"y"}), 0U);
}

TEST(PluginMetrics, their_number_ends) {
    Metrics metrics("1");
    for (std::size_t i = 0; i < limits::kPluginMetricsMax; ++i) {
        EXPECT_EQ(metrics.plugins().define(Kind::gauge, "eco2_plugin_" + std::to_string(i), "", {}), i + 1);
    }
    EXPECT_EQ(metrics.plugins().define(Kind::gauge, "eco2_plugin_more", "", {}), 0U);
}

TEST(PluginMetrics, label_sets_end_in_other) {
    Metrics metrics("1");
    const auto counter = metrics.plugins().define(Kind::counter, "eco2_plugin_a", "", {"x"});
    for (std::size_t i = 0; i < limits::kMetricLabelSetsMax + 5; ++i) {
        record(metrics, counter, 1, {std::to_string(i)});
    }
    EXPECT_THAT(metrics.expose(), HasSubstr("eco2_plugin_a{x=\"other\"} 5\n"));
}

TEST(PluginMetrics, bad_handles_numbers_and_label_counts_do_no_harm) {
    Metrics metrics("1");
    const auto counter = metrics.plugins().define(Kind::counter, "eco2_plugin_a", "", {"x", "y"});
    record(metrics, 0, 1, {});
    record(metrics, 99, 1, {});
    record(metrics, std::numeric_limits<std::uint64_t>::max(), 1, {});
    record(metrics, counter, std::numeric_limits<double>::quiet_NaN(), {"a", "b"});
    record(metrics, counter, -1, {"a", "b"});
    record(metrics, counter, 2, {"a"});
    record(metrics, counter, 4, {"a", "b", "c"});
    const auto text = metrics.expose();
    EXPECT_THAT(text, HasSubstr("eco2_plugin_a{x=\"a\",y=\"\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("eco2_plugin_a{x=\"a\",y=\"b\"} 4\n"));
}

}  // namespace
}  // namespace eco2::observe
