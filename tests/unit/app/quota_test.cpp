#include "app/quota.hpp"

#include "support/manual_executor.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace eco2::app {
namespace {

using std::chrono::milliseconds;

std::shared_ptr<UserQuotas> quotas(const config::QuotaConfig& config, const Clock& clock) {
    return std::make_shared<UserQuotas>(config, clock);
}

TEST(UserQuotas, without_limits_nothing_is_remembered) {
    test::ManualClock clock;
    const auto none = quotas({}, clock);
    EXPECT_EQ(none->admit("u", 1'000'000).value(), nullptr);
    EXPECT_EQ(none->users(), 0U);
}

TEST(UserQuotas, runs_at_once_are_given_back_with_the_last_copy) {
    test::ManualClock clock;
    const auto two = quotas({2, 0, 0}, clock);
    auto first = two->admit("u", 0).value();
    const auto copy = first;
    const auto second = two->admit("u", 0).value();
    EXPECT_EQ(two->admit("u", 0).error().code, Errc::quota_exceeded);
    EXPECT_TRUE(two->admit("other", 0)) << "everybody has their own";
    first.reset();
    EXPECT_FALSE(two->admit("u", 0));
    const_cast<UserQuotas::Ticket&>(copy).reset();
    EXPECT_TRUE(two->admit("u", 0));
}

TEST(UserQuotas, a_minutes_runs_fill_evenly_and_the_hint_is_true) {
    test::ManualClock clock;
    const auto six = quotas({0, 6, 0}, clock);
    for (int i = 0; i < 6; ++i) {
        EXPECT_TRUE(six->admit("u", 0)) << i;
    }
    const auto error = six->admit("u", 0).error();
    EXPECT_EQ(error.retry_after_ms, 10'000);
    clock.advance(milliseconds(error.retry_after_ms - 1));
    EXPECT_FALSE(six->admit("u", 0));
    clock.advance(milliseconds(2));
    EXPECT_TRUE(six->admit("u", 0));
    EXPECT_FALSE(six->admit("u", 0));
}

TEST(UserQuotas, photos_are_counted_in_bytes_and_a_huge_one_is_not_locked_out_for_ever) {
    test::ManualClock clock;
    const auto bytes = quotas({0, 0, 1'000}, clock);
    EXPECT_TRUE(bytes->admit("u", 5'000)) << "alone, it goes through";
    EXPECT_FALSE(bytes->admit("u", 1));
    EXPECT_TRUE(bytes->admit("u", 0)) << "without a photo there is nothing to count";
    clock.advance(std::chrono::minutes(6));
    EXPECT_TRUE(bytes->admit("u", 1'000));
    EXPECT_FALSE(bytes->admit("u", 1));
}

TEST(UserQuotas, a_refused_run_costs_nothing) {
    test::ManualClock clock;
    const auto both = quotas({1, 2, 0}, clock);
    auto running = both->admit("u", 0).value();
    for (int i = 0; i < 10; ++i) {
        EXPECT_FALSE(both->admit("u", 0));
    }
    running.reset();
    EXPECT_TRUE(both->admit("u", 0)) << "the refused ones did not spend the minute";
}

TEST(UserQuotas, tickets_may_outlive_it_and_end_on_any_thread) {
    test::ManualClock clock;
    auto one = quotas({1'000, 0, 0}, clock);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([one] {
            for (int i = 0; i < 1'000; ++i) {
                EXPECT_TRUE(one->admit("u" + std::to_string(i % 7), 0));
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    auto ticket = one->admit("u", 0).value();
    one.reset();
    ticket.reset();
}

}  // namespace
}  // namespace eco2::app
