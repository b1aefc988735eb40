#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <deque>

namespace eco2::fake {

enum class WindowKind {
    fixed,    // begins with the first request after the last one's end; then all is free again
    sliding,  // each request is free again one window after it came
};

/// What may be used within one window; 0: no limit.
struct WindowLimit {
    std::int64_t requests = 0;
    std::int64_t tokens = 0;
    WindowKind kind = WindowKind::fixed;
    std::chrono::milliseconds length{60'000};
};

/// Counts requests and tokens in windows.
///
/// Thread-safety: none.
/// Limits:        fixed: none; sliding: remembers no more requests than the limits let through.
class RateWindow {
public:
    explicit RateWindow(WindowLimit limit) : limit_(limit) {}

    enum class Shortage { none, requests, tokens };
    /// Whether one more request of `tokens` fits now.
    Shortage shortage(Clock::Monotonic now, std::int64_t tokens);
    /// Counts, whether it fits or not.
    void take(Clock::Monotonic now, std::int64_t requests, std::int64_t tokens);
    /// How long until one more request of `tokens` fits, if nothing else comes. What never fits waits for an empty window.
    Clock::Monotonic::duration wait(Clock::Monotonic now, std::int64_t tokens);

    const WindowLimit& limit() const noexcept { return limit_; }
    /// Not below zero.
    std::int64_t requests_left() const noexcept;
    std::int64_t tokens_left() const noexcept;
    /// Until nothing is used any more.
    Clock::Monotonic::duration until_empty(Clock::Monotonic now) const;

private:
    struct Use {
        Clock::Monotonic at;
        std::int64_t requests = 0;
        std::int64_t tokens = 0;
    };
    bool is_limited() const noexcept { return limit_.requests > 0 || limit_.tokens > 0; }
    void forget(Clock::Monotonic now);
    bool has_tokens(std::int64_t tokens) const noexcept { return limit_.tokens == 0 || tokens_ + tokens <= limit_.tokens; }

    WindowLimit limit_;
    std::int64_t requests_ = 0;
    std::int64_t tokens_ = 0;
    std::deque<Use> uses_;  // fixed: one, of the window's begin
};

}  // namespace eco2::fake
