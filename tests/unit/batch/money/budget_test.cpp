#include "batch/money/budget.hpp"

#include "batch/money/range.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>

namespace eco2::batch {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kUsd = 1'000'000'000'000;

TEST(Budget, what_fits_is_reserved_and_what_does_not_is_refused_with_what_is_missing) {
    Budget budget(10 * kUsd);
    ASSERT_TRUE(budget.reserve("a", 6 * kUsd));
    const auto refused = budget.reserve("b", 5 * kUsd);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::budget_exceeded);
    EXPECT_THAT(refused.error().detail,
                HasSubstr("may cost 5.0000 USD, 1.0000 more than is left: cap 10.0000, booked 0.0000, "
                          "reserved 6.0000"));
    EXPECT_EQ(budget.missing("b", 5 * kUsd), kUsd);
    EXPECT_EQ(budget.reserved(), 6 * kUsd) << "nothing has changed";
    EXPECT_TRUE(budget.reserve("b", 4 * kUsd));
    EXPECT_EQ(budget.free(), 0);
}

TEST(Budget, booking_comes_out_of_the_reservation_and_release_frees_the_rest) {
    Budget budget(100);
    ASSERT_TRUE(budget.reserve("a", 60));
    budget.book("a", 10);
    budget.book("a", 5);
    EXPECT_EQ(budget.booked(), 15);
    EXPECT_EQ(budget.reserved("a"), 45);
    EXPECT_EQ(budget.free(), 40);
    budget.release("a");
    EXPECT_EQ(budget.reserved(), 0);
    EXPECT_EQ(budget.booked(), 15);
    EXPECT_EQ(budget.free(), 85);
    budget.release("a");
    EXPECT_EQ(budget.free(), 85) << "twice is once";
}

TEST(Budget, a_shard_whose_submission_is_unclear_stays_reserved_whatever_others_do) {
    Budget budget(100);
    ASSERT_TRUE(budget.reserve("unclear", 50));
    ASSERT_TRUE(budget.reserve("b", 50));
    budget.book("b", 50);
    budget.release("b");
    EXPECT_EQ(budget.reserved("unclear"), 50);
    EXPECT_FALSE(budget.reserve("c", 1));
    ASSERT_TRUE(budget.reserve("unclear", 50)) << "asked again, it is no second reservation";
    EXPECT_EQ(budget.reserved(), 50);
}

TEST(Budget, a_reservation_can_be_changed_and_counts_what_it_has_booked) {
    Budget budget(100);
    ASSERT_TRUE(budget.reserve("a", 50));
    budget.book("a", 20);
    ASSERT_TRUE(budget.reserve("a", 50));
    EXPECT_EQ(budget.reserved("a"), 30);
    ASSERT_TRUE(budget.reserve("a", 100));
    EXPECT_EQ(budget.reserved("a"), 80);
    EXPECT_FALSE(budget.reserve("a", 101));
    ASSERT_TRUE(budget.reserve("a", 10));
    EXPECT_EQ(budget.reserved("a"), 0);
    EXPECT_EQ(budget.booked(), 20);
}

TEST(Budget, what_was_charged_is_never_refused_and_shows_when_it_is_beyond_the_cap) {
    Budget budget(100);
    ASSERT_TRUE(budget.reserve("a", 40));
    ASSERT_TRUE(budget.reserve("b", 50));
    budget.book("a", 70);
    EXPECT_EQ(budget.booked(), 50) << "40 of its own, 10 that were free";
    EXPECT_EQ(budget.overrun(), 20);
    EXPECT_EQ(budget.reserved("b"), 50);
    EXPECT_FALSE(budget.reserve("c", 1));
    budget.release("b");
    EXPECT_EQ(budget.overrun(), 0) << "room that comes about belongs to what is spent";
    EXPECT_EQ(budget.booked(), 70);
    EXPECT_EQ(budget.free(), 30);
    budget.book("unknown", 5);
    EXPECT_EQ(budget.booked(), 75) << "without a reservation too";
}

TEST(Budget, a_cap_cannot_go_below_what_is_bound) {
    Budget budget(100);
    ASSERT_TRUE(budget.reserve("a", 60));
    budget.book("a", 30);
    const auto refused = budget.set_cap(59);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::budget_exceeded);
    EXPECT_EQ(budget.cap(), 100);
    EXPECT_TRUE(budget.set_cap(60));
    EXPECT_EQ(budget.free(), 0);
    budget.book("a", 50);
    EXPECT_EQ(budget.overrun(), 20);
    EXPECT_TRUE(budget.set_cap(90));
    EXPECT_EQ(budget.overrun(), 0);
    EXPECT_EQ(budget.booked(), 80);
    EXPECT_TRUE(budget.set_cap(0));
    EXPECT_TRUE(budget.reserve("b", 1'000'000 * kUsd)) << "without a cap";
}

TEST(Budget, amounts_at_the_ends_do_not_overflow) {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    for (const std::int64_t cap : {std::int64_t{0}, std::int64_t{1}, kMost}) {
        Budget budget(cap);
        EXPECT_FALSE(budget.reserve("a", kMost));
        EXPECT_FALSE(budget.reserve("a", -1));
        EXPECT_EQ(budget.reserve("b", kAmountMax).has_value(), cap != 1);
        budget.book("b", kMost);
        budget.book("b", kMost);
        budget.book("c", std::numeric_limits<std::int64_t>::min());
        EXPECT_LE(budget.booked() + budget.reserved(), cap == 1 ? 1 : kAmountMax);
        EXPECT_GE(budget.free(), 0);
        EXPECT_GE(budget.overrun(), 0);
    }
    EXPECT_TRUE(Budget(-5).reserve("a", 1)) << "a negative cap is none";
}

TEST(Budget, reserved_and_booked_stay_within_the_cap_whatever_happens_and_nothing_spent_is_forgotten) {
    const auto seed = std::random_device{}();
    std::mt19937 random(seed);
    const auto pick = [&](int below) { return static_cast<std::int64_t>(random() % static_cast<unsigned>(below)); };
    for (int round = 0; round < 200; ++round) {
        const std::int64_t cap = 1 + pick(1'000);
        Budget budget(cap);
        std::int64_t spent = 0;
        std::map<std::string, std::int64_t> open;
        for (int step = 0; step < 200; ++step) {
            const auto shard = std::to_string(pick(6));
            switch (pick(4)) {
                case 0:
                case 1: {
                    const auto worst = pick(400);
                    const bool fits = budget.missing(shard, worst) == 0;
                    ASSERT_EQ(budget.reserve(shard, worst).has_value(), fits) << "seed " << seed;
                    break;
                }
                case 2: {
                    const auto used = pick(120);
                    budget.book(shard, used);
                    spent += used;
                    break;
                }
                default: budget.release(shard);
            }
            ASSERT_LE(budget.reserved() + budget.booked(), cap) << "seed " << seed;
            ASSERT_GE(budget.reserved(), 0) << "seed " << seed;
            ASSERT_EQ(budget.booked() + budget.overrun(), spent) << "seed " << seed;
            ASSERT_TRUE(budget.overrun() == 0 || budget.free() == 0) << "seed " << seed;
        }
    }
}

TEST(Budget, after_a_restart_reservations_then_bookings_give_the_same_sums) {
    Budget before(100);
    ASSERT_TRUE(before.reserve("settled", 40));
    before.book("settled", 35);
    before.release("settled");
    ASSERT_TRUE(before.reserve("running", 50));
    before.book("running", 20);
    Budget after(100);
    ASSERT_TRUE(after.reserve("running", 50));
    after.book("settled", 35);
    after.book("running", 20);
    EXPECT_EQ(after.reserved(), before.reserved());
    EXPECT_EQ(after.booked(), before.booked());
    EXPECT_EQ(after.reserved("running"), 30);
}

}  // namespace
}  // namespace eco2::batch
