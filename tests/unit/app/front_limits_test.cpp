#include "app/front_limits.hpp"

#include "support/manual_executor.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace eco2::app {
namespace {

using std::chrono::milliseconds;

Caller caller(std::int64_t requests, std::int64_t tokens) {
    Caller made;
    made.means = Caller::Means::key;
    made.key_id = "k";
    made.requests_per_minute = requests;
    made.tokens_per_minute = tokens;
    return made;
}

TEST(FrontLimits, requests_beyond_the_limit_are_told_when_to_come_back) {
    test::ManualClock clock;
    FrontLimits limits(clock);
    ASSERT_TRUE(limits.admit(caller(2, 0), 1));
    clock.advance(milliseconds(10'000));
    ASSERT_TRUE(limits.admit(caller(2, 0), 1));
    const auto refused = limits.admit(caller(2, 0), 1);
    ASSERT_EQ(refused.error().code, Errc::quota_exceeded);
    const auto wait = refused.error().retry_after_ms;
    EXPECT_GT(wait, 49'999);
    EXPECT_LE(wait, 51'000);
    clock.advance(milliseconds(wait - 1));
    EXPECT_FALSE(limits.admit(caller(2, 0), 1)) << "the time told is true";
    clock.advance(milliseconds(1));
    EXPECT_TRUE(limits.admit(caller(2, 0), 1));
}

TEST(FrontLimits, tokens_are_reserved_and_settled) {
    test::ManualClock clock;
    FrontLimits limits(clock);
    auto ticket = limits.admit(caller(0, 100), 80);
    ASSERT_TRUE(ticket);
    EXPECT_FALSE(limits.admit(caller(0, 100), 30));
    ticket->settle(60);
    EXPECT_TRUE(limits.admit(caller(0, 100), 30));
    ticket->settle(0);
    EXPECT_FALSE(limits.admit(caller(0, 100), 30)) << "settled once";
}

TEST(FrontLimits, a_request_larger_than_a_minute_goes_when_nothing_else_does) {
    test::ManualClock clock;
    FrontLimits limits(clock);
    EXPECT_TRUE(limits.admit(caller(0, 100), 1'000));
    EXPECT_FALSE(limits.admit(caller(0, 100), 1));
}

TEST(FrontLimits, a_settlement_that_comes_after_the_minute_changes_nothing) {
    test::ManualClock clock;
    FrontLimits limits(clock);
    auto ticket = limits.admit(caller(0, 100), 100);
    clock.advance(std::chrono::minutes(2));
    ticket->settle(1'000);
    EXPECT_TRUE(limits.admit(caller(0, 100), 100));
}

TEST(FrontLimits, without_limits_nothing_is_counted) {
    test::ManualClock clock;
    FrontLimits limits(clock);
    for (int i = 0; i < 1'000; ++i) {
        ASSERT_TRUE(limits.admit(caller(0, 0), 1'000'000));
    }
}

TEST(FrontLimits, never_let_more_through_in_any_sixty_seconds) {
    std::mt19937 random(7);
    test::ManualClock clock;
    FrontLimits limits(clock);
    std::deque<Clock::Monotonic> taken;
    int count = 0;
    for (int i = 0; i < 20'000; ++i) {
        clock.advance(milliseconds(random() % 700));
        if (limits.admit(caller(50, 0), 1)) {
            taken.push_back(clock.now());
            ++count;
        }
        while (!taken.empty() && taken.front() <= clock.now() - std::chrono::minutes(1)) {
            taken.pop_front();
        }
        ASSERT_LE(taken.size(), 50U);
    }
    EXPECT_GT(count, 5'000) << "and not much less than the limit";
}

}  // namespace
}  // namespace eco2::app
