#pragma once

#include "base/clock.hpp"
#include "fake_provider/script.hpp"

#include <cstdint>

namespace eco2::fake {

/// Counts requests in one-minute windows and says so in x-ratelimit-* headers, as OpenAI does.
///
/// Thread-safety: none.
class RateWindow {
public:
    explicit RateWindow(int requests_per_minute) : limit_(requests_per_minute) {}

    /// Takes one request. False: the window is used up. `headers` tells the truth in both cases; nothing when there is no
    /// limit.
    bool take(Clock::Monotonic now, Headers& headers);

private:
    int limit_;
    int used_ = 0;
    Clock::Monotonic window_start_{};
};

}  // namespace eco2::fake
