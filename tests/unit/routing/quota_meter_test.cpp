#include "routing/quota_meter.hpp"

#include "unit/routing/virtual_time.hpp"

#include <gtest/gtest.h>

namespace eco2::routing {
namespace {

using namespace std::chrono_literals;

RateLimits requests_told(std::int64_t limit, std::int64_t remaining, std::int64_t reset_ms) {
    RateLimits limits;
    limits.requests_limit = limit;
    limits.requests_remaining = remaining;
    limits.requests_reset_ms = reset_ms;
    return limits;
}

void take(QuotaMeter& meter, int count, Clock::Monotonic now) {
    for (int i = 0; i < count; ++i) {
        meter.reserve(now, 0);
    }
}

TEST(QuotaMeterTest, without_a_limit_there_is_plenty_and_nothing_is_counted) {
    QuotaMeter meter;
    EXPECT_EQ(meter.reserve(at(0s), 1'000'000).slot, -1);
    EXPECT_EQ(meter.room(at(0s)).requests, QuotaMeter::kPlenty);
    EXPECT_EQ(meter.share_left(at(0s)), 1);
}

TEST(QuotaMeterTest, reserved_tokens_become_the_used_ones) {
    QuotaMeter meter({0, 1'000});
    const auto reservation = meter.reserve(at(0s), 800);
    EXPECT_EQ(meter.room(at(0s)).tokens, 200);
    EXPECT_FALSE(meter.has_room(at(0s), 300));
    EXPECT_EQ(meter.unsettled_tokens(), 800);
    meter.settle(reservation, 100);
    EXPECT_EQ(meter.room(at(1s)).tokens, 900);
    EXPECT_EQ(meter.unsettled_tokens(), 0);
    EXPECT_TRUE(meter.has_room(at(1s), 900));
}

TEST(QuotaMeterTest, a_request_larger_than_the_limit_goes_when_nothing_else_does) {
    QuotaMeter meter({0, 1'000});
    EXPECT_TRUE(meter.has_room(at(0s), 5'000));
    meter.settle(meter.reserve(at(0s), 5'000), -1);
    EXPECT_EQ(meter.room(at(0s)).tokens, 0);
    EXPECT_TRUE(meter.has_room(at(61s), 5'000));
    meter.reserve(at(61s), 1);
    EXPECT_FALSE(meter.has_room(at(61s), 5'000));
}

TEST(QuotaMeterTest, a_told_limit_is_learned_where_none_is_configured) {
    QuotaMeter meter;
    meter.note(at(1s), at(0s), requests_told(500, 480, 30'000));
    EXPECT_EQ(meter.room(at(1s)).requests, 480);
    EXPECT_EQ(meter.room(at(31s)).requests, 500) << "after the told reset only what was counted here holds";
    take(meter, 10, at(31s));
    EXPECT_EQ(meter.room(at(31s)).requests, 490);
}

TEST(QuotaMeterTest, headers_shrink_what_is_left_and_never_raise_it_above_the_configured_limit) {
    QuotaMeter meter({100, 0});
    take(meter, 10, at(0s));
    meter.note(at(1s), at(0s), requests_told(500, 490, 30'000));
    EXPECT_EQ(meter.room(at(1s)).requests, 90);
    meter.note(at(2s), at(1500ms), requests_told(500, 20, 30'000));
    EXPECT_EQ(meter.room(at(2s)).requests, 20);
    take(meter, 5, at(3s));
    EXPECT_EQ(meter.room(at(3s)).requests, 15);
    EXPECT_EQ(meter.room(at(32s)).requests, 85);
}

TEST(QuotaMeterTest, an_older_answer_does_not_lift_what_a_newer_one_has_told) {
    QuotaMeter meter({100, 0});
    meter.note(at(2s), at(1s), requests_told(100, 20, 30'000));
    meter.note(at(3s), at(1s), requests_told(100, 90, 30'000));
    EXPECT_EQ(meter.room(at(3s)).requests, 20);
    meter.note(at(4s), at(1s), requests_told(100, 10, 30'000));
    EXPECT_EQ(meter.room(at(4s)).requests, 10);
    meter.note(at(6s), at(5s), requests_told(100, 90, 30'000));
    EXPECT_EQ(meter.room(at(6s)).requests, 90) << "a request that began after the last word has newer ones";
}

TEST(QuotaMeterTest, nothing_left_of_an_unknown_limit_is_a_rest_until_the_reset) {
    QuotaMeter meter;
    meter.note(at(0s), at(0s), requests_told(-1, 0, 5'000));
    EXPECT_FALSE(meter.has_room(at(4s), 1));
    EXPECT_TRUE(meter.has_room(at(5s), 1));
}

TEST(QuotaMeterTest, a_refusal_without_a_hint_rests_twice_as_long_each_time_in_a_row) {
    QuotaMeter meter;
    auto now = at(0s);
    for (const auto rest : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
        meter.refuse(now, now, -1ms, 1s);
        EXPECT_FALSE(meter.has_room(now + rest - 1ms, 0)) << rest.count();
        EXPECT_TRUE(meter.has_room(now + rest, 0)) << rest.count();
        now += rest;
    }
    meter.took(now);
    meter.refuse(now, now, -1ms, 1s);
    EXPECT_TRUE(meter.has_room(now + 1s, 0));
}

TEST(QuotaMeterTest, refusals_that_were_under_way_together_count_as_one) {
    QuotaMeter meter;
    for (int i = 0; i < 100; ++i) {
        meter.refuse(at(1s + i * 1ms), at(0s), -1ms, 1s);
    }
    EXPECT_TRUE(meter.has_room(at(2s), 0));
}

TEST(QuotaMeterTest, a_hint_is_followed_up_to_an_hour) {
    QuotaMeter meter;
    meter.refuse(at(0s), at(0s), 20s, 1s);
    EXPECT_FALSE(meter.has_room(at(20s) - 1ns, 0));
    EXPECT_TRUE(meter.has_room(at(20s), 0));
    meter.refuse(at(20s), at(20s), 100h, 1s);
    EXPECT_TRUE(meter.has_room(at(20s) + 1h, 0));
}

TEST(QuotaMeterTest, a_successor_knows_all_but_keeps_its_own_limit) {
    QuotaMeter old({100, 1'000});
    take(old, 30, at(0s));
    old.reserve(at(0s), 500);
    old.refuse(at(0s), at(0s), 2s, 1s);
    QuotaMeter meter({50, 1'000});
    meter.inherit(old);
    EXPECT_FALSE(meter.has_room(at(1s), 0));
    EXPECT_EQ(meter.room(at(3s)).requests, 19);
    EXPECT_EQ(meter.room(at(3s)).tokens, 500);
    EXPECT_EQ(meter.unsettled_tokens(), 0);
}

}  // namespace
}  // namespace eco2::routing
