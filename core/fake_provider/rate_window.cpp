#include "fake_provider/rate_window.hpp"

#include <algorithm>

namespace eco2::fake {

RateWindow::Shortage RateWindow::shortage(Clock::Monotonic now, std::int64_t tokens) {
    forget(now);
    if (limit_.requests > 0 && requests_ >= limit_.requests) {
        return Shortage::requests;
    }
    return has_tokens(tokens) ? Shortage::none : Shortage::tokens;
}

void RateWindow::take(Clock::Monotonic now, std::int64_t requests, std::int64_t tokens) {
    if (!is_limited() || (requests == 0 && limit_.tokens == 0)) {
        return;
    }
    forget(now);
    const bool joins_last = !uses_.empty() && (limit_.kind == WindowKind::fixed || uses_.back().at == now);
    if (!joins_last) {
        uses_.push_back({now});
    }
    uses_.back().requests += requests;
    uses_.back().tokens += tokens;
    requests_ += requests;
    tokens_ += tokens;
}

Clock::Monotonic::duration RateWindow::wait(Clock::Monotonic now, std::int64_t tokens) {
    forget(now);
    std::int64_t requests_used = requests_;
    std::int64_t tokens_used = tokens_;
    Clock::Monotonic::duration out{0};
    for (const Use& use : uses_) {
        const bool has_request = limit_.requests == 0 || requests_used < limit_.requests;
        if (has_request && (limit_.tokens == 0 || tokens_used + tokens <= limit_.tokens)) {
            break;
        }
        requests_used -= use.requests;
        tokens_used -= use.tokens;
        out = use.at + limit_.length - now;
    }
    return out;
}

std::int64_t RateWindow::requests_left() const noexcept {
    return std::max<std::int64_t>(limit_.requests - requests_, 0);
}

std::int64_t RateWindow::tokens_left() const noexcept {
    return std::max<std::int64_t>(limit_.tokens - tokens_, 0);
}

Clock::Monotonic::duration RateWindow::until_empty(Clock::Monotonic now) const {
    return uses_.empty() ? Clock::Monotonic::duration(0)
                         : std::max(uses_.back().at + limit_.length - now, Clock::Monotonic::duration(0));
}

void RateWindow::forget(Clock::Monotonic now) {
    while (!uses_.empty() && now - uses_.front().at >= limit_.length) {
        requests_ -= uses_.front().requests;
        tokens_ -= uses_.front().tokens;
        uses_.pop_front();
    }
}

}  // namespace eco2::fake
