#include "fake_provider/rate_window.hpp"

#include <algorithm>

namespace eco2::fake {

bool RateWindow::take(Clock::Monotonic now, Headers& headers) {
    if (limit_ <= 0) {
        return true;
    }
    constexpr std::chrono::minutes kWindow{1};
    if (now - window_start_ >= kWindow || used_ == 0) {
        window_start_ = now;
        used_ = 0;
    }
    const bool is_taken = used_ < limit_;
    used_ += is_taken ? 1 : 0;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(window_start_ + kWindow - now);
    headers.emplace_back("x-ratelimit-limit-requests", std::to_string(limit_));
    headers.emplace_back("x-ratelimit-remaining-requests", std::to_string(limit_ - used_));
    headers.emplace_back("x-ratelimit-reset-requests", std::to_string(left.count()) + "ms");
    if (!is_taken) {
        headers.emplace_back("retry-after", std::to_string((left.count() + 999) / 1000));
    }
    return is_taken;
}

}  // namespace eco2::fake
