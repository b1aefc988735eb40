#include "routing/breaker.hpp"

#include "unit/routing/virtual_time.hpp"

#include <gtest/gtest.h>

namespace eco2::routing {
namespace {

using namespace std::chrono_literals;

class BreakerTest : public testing::Test {
protected:
    void attempt(Verdict verdict, Clock::Monotonic now) { breaker_.end(now, now, breaker_.begin(now), verdict, policy_); }
    void open() {
        for (int i = 0; i < policy_.failures; ++i) {
            attempt(Verdict::failed, at(0s));
        }
        ASSERT_EQ(breaker_.state(at(0s)), Breaker::State::open);
    }

    BreakerPolicy policy_;
    Breaker breaker_;
};

TEST_F(BreakerTest, it_opens_after_failures_in_a_row_only) {
    for (int i = 0; i < 10; ++i) {
        attempt(Verdict::failed, at(0s));
        attempt(Verdict::silent, at(0s));
        attempt(Verdict::failed, at(0s));
        attempt(Verdict::alive, at(0s));
    }
    EXPECT_EQ(breaker_.state(at(0s)), Breaker::State::closed);
    attempt(Verdict::failed, at(0s));
    attempt(Verdict::failed, at(0s));
    attempt(Verdict::silent, at(0s));
    EXPECT_TRUE(breaker_.lets_in(at(0s)));
    attempt(Verdict::failed, at(0s));
    EXPECT_FALSE(breaker_.lets_in(at(0s)));
    EXPECT_EQ(breaker_.open_until(), at(2s));
}

TEST_F(BreakerTest, half_open_it_lets_in_one_probe_at_a_time) {
    open();
    EXPECT_FALSE(breaker_.lets_in(at(2s) - 1ns));
    ASSERT_TRUE(breaker_.lets_in(at(2s)));
    EXPECT_TRUE(breaker_.begin(at(2s)));
    EXPECT_FALSE(breaker_.lets_in(at(2s)));
    EXPECT_EQ(breaker_.state(at(2s)), Breaker::State::half_open);
    breaker_.end(at(3s), at(2s), true, Verdict::alive, policy_);
    EXPECT_EQ(breaker_.state(at(3s)), Breaker::State::closed);
}

TEST_F(BreakerTest, each_failed_probe_doubles_the_rest_up_to_its_most) {
    open();
    auto now = at(2s);
    for (const auto rest : {4s, 8s, 16s, 20s, 20s}) {
        attempt(Verdict::failed, now);
        EXPECT_EQ(breaker_.open_until(), now + rest);
        now += rest;
    }
    attempt(Verdict::alive, now);
    attempt(Verdict::failed, now);
    attempt(Verdict::failed, now);
    attempt(Verdict::failed, now);
    EXPECT_EQ(breaker_.open_until(), now + 2s);
}

TEST_F(BreakerTest, a_probe_without_a_verdict_lets_another_probe) {
    open();
    attempt(Verdict::silent, at(2s));
    EXPECT_TRUE(breaker_.lets_in(at(2s)));
    EXPECT_EQ(breaker_.state(at(2s)), Breaker::State::half_open);
}

TEST_F(BreakerTest, attempts_that_began_before_it_opened_say_nothing) {
    open();
    breaker_.end(at(1s), at(0s) - 1s, false, Verdict::alive, policy_);
    breaker_.end(at(1s), at(0s) - 1s, false, Verdict::failed, policy_);
    EXPECT_EQ(breaker_.state(at(1s)), Breaker::State::open);
    EXPECT_EQ(breaker_.open_until(), at(2s));
}

TEST_F(BreakerTest, an_attempt_past_it_closes_it_when_it_is_answered_and_changes_nothing_when_not) {
    open();
    breaker_.end(at(1s), at(1s), breaker_.begin(at(1s)), Verdict::failed, policy_);
    EXPECT_EQ(breaker_.open_until(), at(2s));
    breaker_.end(at(1s), at(1s), breaker_.begin(at(1s)), Verdict::alive, policy_);
    EXPECT_EQ(breaker_.state(at(1s)), Breaker::State::closed);
}

TEST_F(BreakerTest, a_successor_does_not_wait_for_its_predecessors_probe) {
    open();
    ASSERT_TRUE(breaker_.begin(at(2s)));
    Breaker next;
    next.inherit(breaker_);
    EXPECT_EQ(next.state(at(1s)), Breaker::State::open);
    EXPECT_TRUE(next.lets_in(at(2s)));
}

}  // namespace
}  // namespace eco2::routing
