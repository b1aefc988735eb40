#include "routing/rate_window.hpp"

#include <algorithm>

namespace eco2::routing {
namespace {

constexpr std::int64_t kFewSlots = 8;  // quicker taken off one by one

}  // namespace

std::int64_t RateWindow::add(Clock::Monotonic now, std::int64_t tokens) {
    advance(slot_of(now));
    newest_sums_.clear();
    auto& slot = at(newest_);
    ++slot.requests;
    slot.tokens += tokens;
    ++sum_.requests;
    sum_.tokens += tokens;
    return newest_;
}

void RateWindow::correct(std::int64_t slot, std::int64_t tokens_by) noexcept {
    if (slots_.empty() || slot > newest_ || slot <= newest_ - kSlots) {
        return;
    }
    newest_sums_.clear();
    at(slot).tokens += tokens_by;
    sum_.tokens += tokens_by;
}

RateWindow::Amount RateWindow::used(Clock::Monotonic when) const noexcept {
    if (slots_.empty()) {
        return {};
    }
    const auto oldest_kept = slot_of(when) - kSlots + 1;
    if (oldest_kept > newest_) {
        return {};
    }
    const auto oldest = newest_ - kSlots + 1;
    if (oldest_kept > oldest + kFewSlots) {
        add_up();
        return newest_sums_[static_cast<std::size_t>(newest_ - oldest_kept)];
    }
    auto left = sum_;
    for (auto slot = oldest; slot < oldest_kept; ++slot) {
        left.requests -= at(slot).requests;
        left.tokens -= at(slot).tokens;
    }
    return left;
}

void RateWindow::add_up() const {
    if (!newest_sums_.empty()) {
        return;
    }
    newest_sums_.reserve(kSlots);
    Amount sum;
    for (auto slot = newest_; slot > newest_ - kSlots; --slot) {
        sum.requests += at(slot).requests;
        sum.tokens += at(slot).tokens;
        newest_sums_.push_back(sum);
    }
}

void RateWindow::advance(std::int64_t slot) {
    if (slots_.empty()) {
        slots_.resize(kSlots);
        newest_ = slot;
    }
    const auto from = std::max(newest_, slot - kSlots) + 1;
    for (auto fresh = from; fresh <= slot; ++fresh) {
        auto& reused = at(fresh);
        sum_.requests -= reused.requests;
        sum_.tokens -= reused.tokens;
        reused = {};
    }
    newest_ = std::max(newest_, slot);
}

}  // namespace eco2::routing
