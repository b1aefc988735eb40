// A primary that is down for a minute and comes back: it is asked seldom, and soon again once it is well.

#include "e2e/failover.hpp"

#include <thread>

namespace eco2::test {
namespace {

using bench::ChatOutcome;
using std::chrono::milliseconds;

constexpr milliseconds kDown{60'000};
constexpr milliseconds kBetween{4'000};
constexpr milliseconds kRecovery{30'000};
constexpr int kRequests = 20;
constexpr double kPrimaryAttemptsEach = 1.2;

}  // namespace

void Failover::sit_out_an_outage() {
    ASSERT_NO_FATAL_FAILURE(start_all(kFailoverScale));
    ASSERT_EQ(http(fake_port_, "POST", "/fake/reset").status, 200);
    const auto down_since = Clock::now();
    std::string who;
    const auto call_at = [&](Clock::time_point at) {
        std::this_thread::sleep_until(at);
        const Answer answer = chat("fault-flap", true, milliseconds(20'000));
        EXPECT_EQ(answer.outcome, ChatOutcome::good) << answer.fault;
        who = answer.model;
    };
    for (int i = 0; i < kRequests; ++i) {
        call_at(down_since + i * scaled(kBetween));
        if (Clock::now() < down_since + scaled(kDown)) {
            EXPECT_EQ(who, kFallbackModel) << "call " << i;
        }
    }
    EXPECT_LE(static_cast<double>(primary_saw("fault-flap").requests), kPrimaryAttemptsEach * kRequests);

    const auto up_since = down_since + scaled(kDown);
    for (auto at = Clock::now(); who != "fault-flap" && at < up_since + scaled(kRecovery); at += scaled(kBetween) / 4) {
        call_at(at);
    }
    EXPECT_EQ(who, "fault-flap") << "it is well again and still left alone";
}

}  // namespace eco2::test
