#include "app/front_limits.hpp"

#include <chrono>
#include <utility>

namespace eco2::app {
namespace {

Error exceeded(std::string what, Clock::Monotonic again_at, Clock::Monotonic now) {
    auto error = fail(Errc::quota_exceeded, std::move(what));
    error.retry_after_ms = static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(again_at - now).count());
    return error;
}

/// When a slot has room that has none now: what was counted leaves the window slot by slot.
Clock::Monotonic first_room(const routing::QuotaMeter& meter, std::int64_t tokens, Clock::Monotonic now) {
    using routing::RateWindow;
    auto low = RateWindow::slot_of(now) + 1;
    auto high = low + RateWindow::kSlots;
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        if (meter.has_room(RateWindow::begin_of(middle), tokens)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return RateWindow::begin_of(low);
}

}  // namespace

Result<FrontLimits::Ticket> FrontLimits::admit(const Caller& caller, std::int64_t tokens) {
    if (caller.requests_per_minute == 0 && caller.tokens_per_minute == 0) {
        return Ticket();
    }
    const auto now = clock_.now();
    const std::lock_guard lock(mutex_);
    auto& meter =
        keys_.try_emplace(caller.key_id, RateQuota{caller.requests_per_minute, caller.tokens_per_minute}).first->second;
    if (!meter.has_room(now, tokens)) {
        const bool are_requests_out = meter.room(now).requests < 1;
        const auto limit = are_requests_out ? caller.requests_per_minute : caller.tokens_per_minute;
        return exceeded("this API key has a limit of " + std::to_string(limit) +
                            (are_requests_out ? " requests a minute" : " tokens a minute"),
                        first_room(meter, tokens, now),
                        now);
    }
    Ticket ticket;
    ticket.limits_ = this;
    ticket.key_id_ = caller.key_id;
    ticket.reservation_ = meter.reserve(now, tokens);
    return ticket;
}

void FrontLimits::Ticket::settle(std::int64_t tokens) {
    auto* limits = std::exchange(limits_, nullptr);
    if (limits == nullptr) {
        return;
    }
    const std::lock_guard lock(limits->mutex_);
    limits->keys_.at(key_id_).settle(reservation_, tokens);
}

Result<std::shared_ptr<const void>> MoneyHolds::hold(const Caller& caller, const SpendDoor& spend, std::int64_t worst_picousd) {
    const auto cap = caller.spend_max_picousd;
    if (cap <= 0 || worst_picousd <= 0) {
        return std::shared_ptr<const void>();
    }
    auto name = caller_name(caller);
    const std::lock_guard lock(mutex_);
    const auto found = held_.find(name);
    const auto held = found == held_.end() ? 0 : found->second;
    if (held > 0 && spend.spent_picousd(name) + held + worst_picousd > cap) {
        auto error = fail(Errc::quota_exceeded, "requests under way may use up what this API key may still spend (usd-cap)");
        error.retry_after_ms = 1'000;
        return error;
    }
    held_[name] = held + worst_picousd;
    return std::shared_ptr<const void>(this, [self = shared_from_this(), name = std::move(name), worst_picousd](const void*) {
        self->drop(name, worst_picousd);
    });
}

void MoneyHolds::drop(const std::string& name, std::int64_t picousd) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = held_.find(name);
    if (found != held_.end() && (found->second -= picousd) <= 0) {
        held_.erase(found);
    }
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
