#pragma once

#include "base/clock.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace eco2::fake {

/// Another clock, and how far it was moved ahead: hours pass in a moment for who asks this one.
///
/// Thread-safety: any thread. Lifetime: the other clock outlives it.
class MovableClock final : public Clock {
public:
    explicit MovableClock(const Clock& base) : base_(base) {}
    Monotonic now() const noexcept override { return base_.now() + std::chrono::nanoseconds(ahead_ns_); }
    std::int64_t wall_ns() const noexcept override { return base_.wall_ns() + ahead_ns_; }
    void advance(std::chrono::nanoseconds time) noexcept { ahead_ns_ += time.count(); }

private:
    const Clock& base_;
    std::atomic<std::int64_t> ahead_ns_ = 0;  // it never goes back: who waits for a moment must not wait again
};

}  // namespace eco2::fake
