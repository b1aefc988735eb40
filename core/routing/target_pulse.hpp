#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace eco2::routing {

/// How a target does of late: the time to its first content and the share of attempts that failed.
///
/// The latency rises to a peak at once and falls with a time constant of 10 s, also while nobody asks: a target that was slow
/// is tried again.
///
/// Thread-safety: none.
class TargetPulse {
public:
    void first_content(Clock::Monotonic now, std::chrono::nanoseconds took) noexcept {
        const auto sample = static_cast<double>(took.count()) / 1'000;
        const auto kept = fade(latency_as_of_, now, kLatencySeconds);
        latency_us_ = sample >= latency_us_ ? sample : latency_us_ * kept + sample * (1 - kept);
        latency_as_of_ = now;
        is_latency_known_ = true;
    }

    void attempt(Clock::Monotonic now, bool has_failed) noexcept {
        const auto kept = fade(attempts_as_of_, now, kFailureSeconds);
        attempts_ = attempts_ * kept + 1;
        failures_ = failures_ * kept + (has_failed ? 1 : 0);
        attempts_as_of_ = now;
    }

    /// -1: not known.
    std::int64_t latency_us(Clock::Monotonic now) const noexcept {
        return is_latency_known_ ? std::llround(latency_us_ * fade(latency_as_of_, now, kLatencySeconds)) : -1;
    }

    /// Of attempts within some 30 s; 0 to 1. Falls to 0 while nobody asks.
    double failure_share(Clock::Monotonic now) const noexcept {
        const auto kept = fade(attempts_as_of_, now, kFailureSeconds);
        return failures_ * kept / std::max(attempts_ * kept, 1.0);
    }

private:
    static constexpr double kLatencySeconds = 10;
    static constexpr double kFailureSeconds = 30;

    static double fade(Clock::Monotonic since, Clock::Monotonic now, double seconds) noexcept {
        const auto passed = std::chrono::duration<double>(now - since).count();
        return passed <= 0 ? 1 : std::exp(-passed / seconds);
    }

    bool is_latency_known_ = false;
    double latency_us_ = 0;
    double attempts_ = 0;
    double failures_ = 0;
    Clock::Monotonic latency_as_of_{};
    Clock::Monotonic attempts_as_of_{};
};

}  // namespace eco2::routing
