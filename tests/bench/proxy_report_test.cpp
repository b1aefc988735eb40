#include "bench/proxy_report.hpp"

#include <gtest/gtest.h>

namespace eco2::bench {
namespace {

TEST(ProxyReport, a_line_through_a_drifting_process_has_its_slope) {
    std::vector<std::pair<double, long>> points;
    for (int second = 0; second < 30; ++second) {
        points.emplace_back(second, 1000 + 2 * second + (second % 2 == 0 ? 5 : -5));
    }
    EXPECT_NEAR(slope_per_minute(points), 120, 5);
    EXPECT_EQ(slope_per_minute({}), 0);
    EXPECT_EQ(slope_per_minute({{1, 100}}), 0);
}

TEST(ProxyReport, the_median_of_rounds_is_taken_field_by_field) {
    std::vector<ProxyRound> rounds(3);
    rounds[0].per_second = 1;
    rounds[1].per_second = 30;
    rounds[2].per_second = 2;
    rounds[0].gap_p99_ms = 9;
    rounds[1].gap_p99_ms = 7;
    rounds[2].gap_p99_ms = 8;
    EXPECT_EQ(median_of(rounds).per_second, 2);
    EXPECT_EQ(median_of(rounds).gap_p99_ms, 8);
    EXPECT_EQ(median_of({}).per_second, 0);
}

TEST(ProxyReport, only_good_answers_make_a_good_report) {
    ProxyReport report;
    report.targets.resize(1);
    EXPECT_FALSE(report.is_good()) << "nothing was answered";
    auto& outcomes = report.targets[0].sum.outcomes;
    outcomes[static_cast<std::size_t>(ChatOutcome::good)] = 10;
    EXPECT_TRUE(report.is_good());
    outcomes[static_cast<std::size_t>(ChatOutcome::clean_error)] = 1;
    EXPECT_FALSE(report.is_good());
    report.allows_errors = true;
    EXPECT_TRUE(report.is_good());
    for (const auto bad : {ChatOutcome::broken, ChatOutcome::wrong, ChatOutcome::late}) {
        outcomes[static_cast<std::size_t>(bad)] = 1;
        EXPECT_FALSE(report.is_good());
        outcomes[static_cast<std::size_t>(bad)] = 0;
    }
}

}  // namespace
}  // namespace eco2::bench
