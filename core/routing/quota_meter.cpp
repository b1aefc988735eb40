#include "routing/quota_meter.hpp"

#include "base/limits.hpp"

#include <algorithm>

namespace eco2::routing {
namespace {

std::chrono::milliseconds told_wait(std::int64_t ms) {
    return std::min<std::chrono::milliseconds>(std::chrono::milliseconds(ms), limits::kToldWaitMax);
}

double share(std::int64_t left, std::int64_t limit) {
    return limit > 0 ? std::clamp(static_cast<double>(left) / static_cast<double>(limit), 0.0, 1.0) : 1.0;
}

}  // namespace

std::int64_t QuotaMeter::requests_limit() const noexcept {
    const auto limit = configured_.requests_per_minute > 0 ? configured_.requests_per_minute : told_.requests_per_minute;
    return std::min(limit, kPlenty);
}

std::int64_t QuotaMeter::tokens_limit() const noexcept {
    const auto limit = configured_.tokens_per_minute > 0 ? configured_.tokens_per_minute : told_.tokens_per_minute;
    return std::min(limit, kPlenty);
}

QuotaMeter::Room QuotaMeter::room(Clock::Monotonic when) const noexcept {
    if (when < limited_until_) {
        return {0, 0};
    }
    Room room;
    if (!has_limit()) {
        return room;
    }
    const auto used = window_.used(when);
    if (const auto limit = requests_limit(); limit > 0) {
        room.requests = limit - used.requests - requests_hold_.at(when);
    }
    if (const auto limit = tokens_limit(); limit > 0) {
        room.tokens = limit - used.tokens - tokens_hold_.at(when);
    }
    return room;
}

bool QuotaMeter::has_room(Clock::Monotonic when, std::int64_t tokens) const noexcept {
    const auto left = room(when);
    return left.requests >= 1 && left.tokens >= capped(tokens);
}

bool QuotaMeter::has_configured_room(Clock::Monotonic when, std::int64_t tokens) const noexcept {
    const auto used = window_.used(when);
    const auto has = [](std::int64_t limit, std::int64_t taken, std::int64_t more) {
        return limit <= 0 || taken + std::min(more, limit) <= limit;
    };
    return has(configured_.requests_per_minute, used.requests, 1) && has(configured_.tokens_per_minute, used.tokens, tokens);
}

double QuotaMeter::share_left(Clock::Monotonic now) const noexcept {
    if (!has_limit()) {
        return 1;
    }
    const auto left = room(now);
    return std::min(share(left.requests, requests_limit()), share(left.tokens, tokens_limit()));
}

std::int64_t QuotaMeter::capped(std::int64_t tokens) const noexcept {
    const auto limit = tokens_limit();
    return std::clamp<std::int64_t>(tokens, 0, limit > 0 ? limit : kPlenty);
}

QuotaMeter::Reservation QuotaMeter::reserve(Clock::Monotonic now, std::int64_t tokens) {
    if (!has_limit()) {
        return {};
    }
    const auto counted = capped(tokens);
    unsettled_tokens_ += counted;
    return {window_.add(now, counted), counted};
}

void QuotaMeter::settle(const Reservation& reservation, std::int64_t used) noexcept {
    if (reservation.slot < 0) {
        return;
    }
    unsettled_tokens_ -= std::min(reservation.tokens, unsettled_tokens_);
    if (used >= 0) {
        window_.correct(reservation.slot, std::min(used, kPlenty) - reservation.tokens);
    }
}

void QuotaMeter::note(Clock::Monotonic now, Clock::Monotonic started, const RateLimits& limits) {
    told_.requests_per_minute = limits.requests_limit > 0 ? limits.requests_limit : told_.requests_per_minute;
    told_.tokens_per_minute = limits.tokens_limit > 0 ? limits.tokens_limit : told_.tokens_per_minute;
    const auto used = window_.used(now);
    const auto look = [&](Hold& hold, std::int64_t limit, std::int64_t counted, std::int64_t left, std::int64_t reset_ms) {
        if (left < 0) {
            return;
        }
        if (limit > 0) {
            hold.note(now, started, limit - counted - left, reset_ms);
        } else if (left == 0 && reset_ms > 0) {
            limited_until_ = std::max(limited_until_, now + told_wait(reset_ms));
        }
    };
    look(requests_hold_, requests_limit(), used.requests, limits.requests_remaining, limits.requests_reset_ms);
    look(tokens_hold_, tokens_limit(), used.tokens, limits.tokens_remaining, limits.tokens_reset_ms);
}

void QuotaMeter::Hold::note(Clock::Monotonic now,
                            Clock::Monotonic started,
                            std::int64_t missing,
                            std::int64_t reset_ms) noexcept {
    const auto reset = now + (reset_ms >= 0 ? told_wait(reset_ms) : RateWindow::kLength);
    if (started >= noted) {
        *this = {std::max<std::int64_t>(missing, 0), reset, now};  // surely newer than what was known
    } else if (missing > at(now)) {
        *this = {missing, std::max(until, reset), now};
    }
}

void QuotaMeter::refuse(Clock::Monotonic now,
                        Clock::Monotonic started,
                        std::chrono::milliseconds hint,
                        std::chrono::milliseconds rest) noexcept {
    if (hint.count() > 0) {
        limited_until_ = std::max(limited_until_, now + std::min<std::chrono::milliseconds>(hint, limits::kToldWaitMax));
    }
    if (refusals_ > 0 && started < refused_at_) {
        return;  // it was under way with the one before: no news
    }
    if (hint.count() <= 0) {
        const auto doubled = rest * (std::int64_t{1} << std::min(refusals_, 10));
        limited_until_ = std::max(limited_until_, now + std::min<std::chrono::milliseconds>(doubled, limits::kLimitedRestMax));
    }
    ++refusals_;
    refused_at_ = now;
}

void QuotaMeter::took(Clock::Monotonic started) noexcept {
    if (started >= refused_at_) {
        refusals_ = 0;
    }
}

void QuotaMeter::inherit(const QuotaMeter& old) {
    const auto configured = configured_;
    *this = old;
    configured_ = configured;
    unsettled_tokens_ = 0;
}

}  // namespace eco2::routing
