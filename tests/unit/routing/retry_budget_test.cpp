#include "routing/retry_budget.hpp"

#include "unit/routing/virtual_time.hpp"

#include <gtest/gtest.h>

namespace eco2::routing {
namespace {

using namespace std::chrono_literals;

int take_all(RetryBudget& budget, Clock::Monotonic now) {
    int taken = 0;
    while (taken < 100'000 && budget.take(now)) {
        ++taken;
    }
    return taken;
}

TEST(RetryBudgetTest, a_storm_gets_the_floor_and_the_share_and_no_more) {
    RetryBudget budget(0.2, 10, at(0s));
    int taken = 0;
    for (int step = 0; step < 60'000; ++step) {  // a minute, a thousand first attempts a second
        const auto now = at(step * 1ms);
        budget.first_attempt(now);
        taken += take_all(budget, now);
    }
    EXPECT_NEAR(taken, 60 * (200 + 10), 150);
}

TEST(RetryBudgetTest, the_floor_is_there_without_any_traffic_and_does_not_pile_up) {
    RetryBudget budget(0.2, 10, at(0s));
    EXPECT_EQ(take_all(budget, at(0s)), 10);
    EXPECT_EQ(take_all(budget, at(1s)), 10);
    EXPECT_EQ(take_all(budget, at(1h)), 10);
}

TEST(RetryBudgetTest, the_share_of_quiet_traffic_is_kept_for_some_seconds_only) {
    RetryBudget budget(0.5, 0, at(0s));
    for (int i = 0; i < 20; ++i) {
        budget.first_attempt(at(0s));
    }
    auto later = budget;
    EXPECT_EQ(take_all(budget, at(0s)), 10);
    EXPECT_EQ(take_all(later, at(60s)), 0);
}

TEST(RetryBudgetTest, a_floor_below_one_a_second_still_gives_one_in_time) {
    RetryBudget budget(0, 0.1, at(0s));
    EXPECT_EQ(take_all(budget, at(0s)), 1);
    EXPECT_EQ(take_all(budget, at(9s)), 0);
    EXPECT_EQ(take_all(budget, at(11s)), 1);
}

TEST(RetryBudgetTest, without_share_and_floor_there_are_no_retries) {
    RetryBudget budget(0, 0, at(0s));
    budget.first_attempt(at(0s));
    EXPECT_FALSE(budget.take(at(1h)));
}

}  // namespace
}  // namespace eco2::routing
