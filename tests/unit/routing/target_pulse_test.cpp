#include "routing/target_pulse.hpp"

#include "unit/routing/virtual_time.hpp"

#include <gtest/gtest.h>

namespace eco2::routing {
namespace {

using namespace std::chrono_literals;

TEST(TargetPulseTest, nothing_is_known_at_first) {
    const TargetPulse pulse;
    EXPECT_EQ(pulse.latency_us(at(0s)), -1);
    EXPECT_EQ(pulse.failure_share(at(0s)), 0);
}

TEST(TargetPulseTest, latency_rises_at_once_and_falls_slowly) {
    TargetPulse pulse;
    pulse.first_content(at(0s), 200ms);
    pulse.first_content(at(0s), 5s);
    EXPECT_EQ(pulse.latency_us(at(0s)), 5'000'000);
    pulse.first_content(at(1s), 200ms);
    EXPECT_GT(pulse.latency_us(at(1s)), 4'000'000);
    for (int second = 2; second <= 40; ++second) {
        pulse.first_content(at(second * 1s), 200ms);
    }
    EXPECT_NEAR(static_cast<double>(pulse.latency_us(at(40s))), 200'000, 150'000);
}

TEST(TargetPulseTest, latency_falls_also_while_nobody_asks) {
    TargetPulse pulse;
    pulse.first_content(at(0s), 1s);
    EXPECT_NEAR(static_cast<double>(pulse.latency_us(at(10s))), 367'879, 10);
}

TEST(TargetPulseTest, failures_are_a_share_of_recent_attempts) {
    TargetPulse pulse;
    pulse.attempt(at(0s), true);
    EXPECT_EQ(pulse.failure_share(at(0s)), 1);
    for (int i = 0; i < 3; ++i) {
        pulse.attempt(at(0s), false);
    }
    EXPECT_DOUBLE_EQ(pulse.failure_share(at(0s)), 0.25);
    EXPECT_LT(pulse.failure_share(at(300s)), 0.01);
}

}  // namespace
}  // namespace eco2::routing
