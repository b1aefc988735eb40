#include "app/front_limits.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace eco2::app {
namespace {

constexpr std::int64_t kSecondMs = 1'000;

Error exceeded(std::string what, long retry_after_ms) {
    auto error = fail(Errc::quota_exceeded, std::move(what));
    error.retry_after_ms = retry_after_ms;
    return error;
}

}  // namespace

void RollingMinute::roll(std::int64_t second) {
    const auto steps = std::min(second - last_, kBuckets);
    for (std::int64_t i = 1; i <= steps; ++i) {
        sum_ -= std::exchange(counts_[static_cast<std::size_t>((last_ + i) % kBuckets)], 0);
    }
    last_ = std::max(last_, second);
}

long RollingMinute::wait_ms(std::int64_t wanted, std::int64_t limit, std::int64_t now_ms) {
    roll(now_ms / kSecondMs);
    auto left = sum_;
    std::int64_t wait = 0;
    for (auto second = last_ - kBuckets + 1; left + wanted > limit && second <= last_; ++second) {
        const auto count = second < 0 ? 0 : counts_[static_cast<std::size_t>(second % kBuckets)];
        if (count != 0) {
            left -= count;
            wait = (second + kBuckets) * kSecondMs - now_ms;
        }
    }
    return static_cast<long>(wait);
}

void RollingMinute::add(std::int64_t count, std::int64_t now_ms) {
    roll(now_ms / kSecondMs);
    counts_[static_cast<std::size_t>(last_ % kBuckets)] += count;
    sum_ += count;
}

void RollingMinute::correct(std::int64_t difference, std::int64_t then_ms, std::int64_t now_ms) {
    roll(now_ms / kSecondMs);
    const auto second = then_ms / kSecondMs;
    if (second > last_ - kBuckets) {
        counts_[static_cast<std::size_t>(second % kBuckets)] += difference;
        sum_ += difference;
    }
}

std::int64_t RollingMinute::sum(std::int64_t now_ms) {
    roll(now_ms / kSecondMs);
    return sum_;
}

std::int64_t FrontLimits::now_ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now().time_since_epoch()).count();
}

Result<FrontLimits::Ticket> FrontLimits::admit(const Caller& caller, std::int64_t tokens) {
    if (caller.requests_per_minute == 0 && caller.tokens_per_minute == 0) {
        return Ticket();
    }
    const auto now = now_ms();
    const std::lock_guard lock(mutex_);
    auto& key = keys_[caller.key_id];
    if (const auto limit = caller.requests_per_minute; limit > 0) {
        if (const auto wait = key.requests.wait_ms(1, limit, now); wait > 0) {
            return exceeded("this API key has a limit of " + std::to_string(limit) + " requests a minute", wait);
        }
    }
    // A request that is larger than a whole minute's worth goes through when nothing else does.
    if (const auto limit = caller.tokens_per_minute; limit > 0) {
        tokens = std::min(tokens, limit);
        if (const auto wait = key.tokens.wait_ms(tokens, limit, now); wait > 0) {
            return exceeded("this API key has a limit of " + std::to_string(limit) + " tokens a minute", wait);
        }
    }
    key.requests.add(1, now);
    key.tokens.add(tokens, now);
    Ticket ticket;
    ticket.limits_ = this;
    ticket.key_id_ = caller.key_id;
    ticket.tokens_ = tokens;
    ticket.at_ms_ = now;
    return ticket;
}

void FrontLimits::Ticket::settle(std::int64_t tokens) {
    auto* limits = std::exchange(limits_, nullptr);
    if (limits == nullptr) {
        return;
    }
    const auto now = limits->now_ms();
    const std::lock_guard lock(limits->mutex_);
    limits->keys_[key_id_].tokens.correct(tokens - tokens_, at_ms_, now);
}

Result<void> check_money(const Caller& caller, const SpendDoor& spend) {
    const auto cap = caller.spend_max_picousd;
    if (cap > 0 && spend.spent_picousd(caller_name(caller)) >= cap) {
        return fail(Errc::quota_exceeded, "this API key has spent what it may spend (usd-cap)");
    }
    return {};
}

std::string caller_name(const Caller& caller) {
    switch (caller.means) {
        case Caller::Means::key: return "key:" + caller.key_id;
        case Caller::Means::none: return {};
        default: return "user:" + caller.user_id;
    }
}

}  // namespace eco2::app
