#include "net/deadline_wheel.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace eco2::net {
namespace {

using namespace std::chrono_literals;
using Time = Deadline::Time;

class Waiter final : public DeadlineUser {
public:
    explicit Waiter(DeadlineWheel& wheel) : deadline(wheel, *this) {}
    void on_deadline() override {
        ++calls;
        if (then) {
            then();
        }
    }

    Deadline deadline;
    int calls = 0;
    std::function<void()> then;
};

/// A wheel with a clock and an alarm of its own.
class DeadlineWheelTest : public testing::Test, public DeadlineWheel::Alarm {
protected:
    void ring_at(Time time) override {
        alarm = time;
        ++rings_asked;
    }

    /// Lets time pass, turning the wheel only where it asked for it.
    void run_until(Time end) {
        while (alarm && *alarm <= end) {
            now = std::max(now, *alarm);
            alarm.reset();
            ++turns;
            wheel.turn_to(now);
        }
        now = end;
    }

    const Time start{1000h};
    Time now = start;
    std::optional<Time> alarm;
    int rings_asked = 0;
    int turns = 0;
    DeadlineWheel wheel{start, *this};
};

TEST_F(DeadlineWheelTest, is_never_early_and_at_most_one_tick_late) {
    for (const auto delay : {0ms, 1ms, 49ms, 50ms, 51ms, 999ms, 12'799ms, 12'800ms, 12'801ms, 75'000ms, 3'600'000ms}) {
        Waiter waiter(wheel);
        now += 13ms;
        const Time due = now + delay;
        waiter.deadline.set(due);
        if (delay > 0ms) {
            run_until(due - 1ns);
            EXPECT_EQ(waiter.calls, 0) << delay.count();
        }
        run_until(due + DeadlineWheel::kTick);
        EXPECT_EQ(waiter.calls, 1) << delay.count();
        EXPECT_FALSE(waiter.deadline.is_set());
        run_until(now + 30s);
        EXPECT_EQ(waiter.calls, 1);
    }
}

TEST_F(DeadlineWheelTest, many_deadlines_are_served_in_one_turn) {
    std::vector<std::unique_ptr<Waiter>> waiters;
    for (int i = 0; i < 40; ++i) {
        waiters.push_back(std::make_unique<Waiter>(wheel));
        waiters.back()->deadline.set(start + 1s + std::chrono::milliseconds(i + 1));
    }
    run_until(start + 2s);
    for (const auto& waiter : waiters) {
        EXPECT_EQ(waiter->calls, 1);
    }
    EXPECT_EQ(turns, 1);
}

TEST_F(DeadlineWheelTest, asks_for_nothing_while_nobody_waits) {
    run_until(start + 1h);
    EXPECT_EQ(rings_asked, 0);
    {
        Waiter waiter(wheel);
        waiter.deadline.set(now + 1s);
    }
    run_until(now + 1h);
    EXPECT_EQ(turns, 1);  // the alarm that was asked for already
    EXPECT_FALSE(alarm);
}

TEST_F(DeadlineWheelTest, setting_again_replaces_and_asks_only_for_what_is_earlier) {
    Waiter waiter(wheel);
    waiter.deadline.set(start + 1s);
    EXPECT_EQ(rings_asked, 1);
    waiter.deadline.set(start + 20s);
    EXPECT_EQ(rings_asked, 1);
    run_until(start + 20s - 1ms);
    EXPECT_EQ(waiter.calls, 0);
    run_until(start + 20s);
    EXPECT_EQ(waiter.calls, 1);

    waiter.deadline.set(now + 10s);
    waiter.deadline.set(now + 100ms);
    run_until(now + 100ms);
    EXPECT_EQ(waiter.calls, 2);
    run_until(now + 1min);
    EXPECT_EQ(waiter.calls, 2);
}

TEST_F(DeadlineWheelTest, cleared_and_endless_deadlines_are_never_told) {
    Waiter cleared(wheel);
    Waiter endless(wheel);
    cleared.deadline.set(start + 1s);
    cleared.deadline.clear();
    cleared.deadline.clear();
    endless.deadline.set(start + 1s);
    endless.deadline.set(Time::max());
    EXPECT_FALSE(endless.deadline.is_set());
    run_until(start + 1h);
    EXPECT_EQ(cleared.calls + endless.calls, 0);
}

TEST_F(DeadlineWheelTest, a_late_turn_serves_all_that_has_passed) {
    std::vector<std::unique_ptr<Waiter>> waiters;
    for (int second = 1; second <= 100; ++second) {
        waiters.push_back(std::make_unique<Waiter>(wheel));
        waiters.back()->deadline.set(start + std::chrono::seconds(second));
    }
    wheel.turn_to(start + 60s);
    for (std::size_t i = 0; i < waiters.size(); ++i) {
        EXPECT_EQ(waiters[i]->calls, i < 60 ? 1 : 0) << i;
    }
    wheel.turn_to(start + 30s);  // a clock read before
    EXPECT_EQ(waiters[60]->calls, 0);
}

TEST_F(DeadlineWheelTest, a_user_may_set_clear_and_destroy_from_inside) {
    auto first = std::make_unique<Waiter>(wheel);
    auto destroyed = std::make_unique<Waiter>(wheel);
    Waiter cleared(wheel);
    Waiter put_off(wheel);
    Waiter* const self = first.get();
    self->deadline.set(start + 1s);
    destroyed->deadline.set(start + 1s);
    cleared.deadline.set(start + 1s);
    put_off.deadline.set(start + 1s);
    self->then = [&] {
        destroyed.reset();
        cleared.deadline.clear();
        put_off.deadline.set(start + 3s);
        self->deadline.set(start);  // has passed: the next turn, not this one for ever
    };
    wheel.turn_to(start + 1s);
    EXPECT_EQ(self->calls, 1);
    EXPECT_EQ(put_off.calls, 0);
    self->then = [&] { first.reset(); };
    run_until(start + 3s);
    EXPECT_EQ(first, nullptr);
    EXPECT_EQ(cleared.calls, 0);
    EXPECT_EQ(put_off.calls, 1);
}

TEST_F(DeadlineWheelTest, deadlines_may_outlive_their_wheel) {
    auto wheel_of_its_own = std::make_unique<DeadlineWheel>(start, *this);
    Waiter waiter(*wheel_of_its_own);
    waiter.deadline.set(start + 1s);
    wheel_of_its_own.reset();
    EXPECT_FALSE(waiter.deadline.is_set());
}

TEST_F(DeadlineWheelTest, random_deadlines_are_told_once_in_their_tick) {
    std::mt19937 random(7);
    std::vector<std::unique_ptr<Waiter>> waiters;
    std::vector<Time> due(200);
    int told = 0;
    for (std::size_t i = 0; i < due.size(); ++i) {
        waiters.push_back(std::make_unique<Waiter>(wheel));
        waiters.back()->then = [&, i] {
            EXPECT_GE(now, due[i]);
            EXPECT_LE(now, due[i] + DeadlineWheel::kTick);
            ++told;
            due[i] = Time::max();
        };
        due[i] = Time::max();
    }
    int set = 0;
    for (int round = 0; round < 20'000; ++round) {
        const std::size_t i = random() % due.size();
        if (due[i] == Time::max()) {
            ++set;
        }
        due[i] = now + std::chrono::milliseconds(random() % 30'000);
        waiters[i]->deadline.set(due[i]);
        run_until(now + std::chrono::milliseconds(random() % 40));
    }
    run_until(now + 1min);
    EXPECT_EQ(told, set);
    EXPECT_GT(told, 1000);
    EXPECT_FALSE(alarm);
}

}  // namespace
}  // namespace eco2::net
