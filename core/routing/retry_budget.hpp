#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace eco2::routing {

/// How many further attempts a host makes, so that a fault of all upstreams does not multiply its traffic: a share of the
/// first attempts, which is kept for some 10 seconds, and so many a second in any case.
///
/// Thread-safety: none.
class RetryBudget {
public:
    RetryBudget(double share, double floor_per_second, Clock::Monotonic now) noexcept
        : share_(share), floor_(floor_per_second), floor_left_(floor_max()), as_of_(now) {}

    void first_attempt(Clock::Monotonic now) noexcept {
        refill(now);
        share_left_ += share_;
    }

    /// False: used up.
    bool take(Clock::Monotonic now) noexcept {
        refill(now);
        auto& left = floor_left_ >= 1 ? floor_left_ : share_left_;
        if (left < 1) {
            return false;
        }
        left -= 1;
        return true;
    }

    /// Takes over what `old` has left, as far as this one's own rates allow.
    void inherit(const RetryBudget& old) noexcept {
        floor_left_ = std::min(old.floor_left_, floor_max());
        share_left_ = share_ > 0 ? old.share_left_ : 0;
        as_of_ = old.as_of_;
    }

private:
    static constexpr double kMemorySeconds = 10;  // a storm pays from what the traffic right before it has saved

    double floor_max() const noexcept { return floor_ > 0 ? std::max(floor_, 1.0) : 0; }
    void refill(Clock::Monotonic now) noexcept {
        const auto passed = std::chrono::duration<double>(now - as_of_).count();
        if (passed <= 0) {
            return;
        }
        floor_left_ = std::min(floor_max(), floor_left_ + passed * floor_);
        share_left_ *= std::exp(-passed / kMemorySeconds);
        as_of_ = now;
    }

    double share_;
    double floor_;
    double floor_left_;
    double share_left_ = 0;
    Clock::Monotonic as_of_;
};

}  // namespace eco2::routing
