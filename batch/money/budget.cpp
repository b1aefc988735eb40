#include "batch/money/budget.hpp"

#include "batch/money/price_list.hpp"
#include "batch/money/range.hpp"

#include <algorithm>

namespace eco2::batch {

Budget::Budget(std::int64_t cap_picousd) noexcept : cap_(std::clamp<std::int64_t>(cap_picousd, 0, kAmountMax)) {}

// Without a cap too there is an end, so that no sum can overflow.
std::int64_t Budget::limit() const noexcept {
    return cap_ != 0 ? cap_ : kAmountMax;
}

std::int64_t Budget::free() const noexcept {
    return limit() - reserved_ - booked_;
}

std::int64_t Budget::reserved(std::string_view shard) const noexcept {
    const auto found = shards_.find(shard);
    return found == shards_.end() ? 0 : found->second.reserved;
}

std::int64_t Budget::missing(std::string_view shard, std::int64_t worst) const noexcept {
    const auto found = shards_.find(shard);
    const auto held = found == shards_.end() ? Share{} : found->second;
    const auto wanted = std::max<std::int64_t>(worst - std::min(held.booked, worst), 0);
    return std::max<std::int64_t>(wanted - held.reserved - free(), 0);
}

Result<void> Budget::reserve(std::string_view shard, std::int64_t worst) {
    if (worst < 0) {
        return fail(Errc::invalid_field, "a reservation of " + std::to_string(worst) + " picousd: must not be negative");
    }
    if (const auto lacking = missing(shard, worst); lacking != 0) {
        return fail(Errc::budget_exceeded,
                    "the next batch may cost " + rounded_usd(worst) + " USD, " + rounded_usd(lacking) +
                        " more than is left: cap " + rounded_usd(limit()) + ", booked " + rounded_usd(booked_) + ", reserved " +
                        rounded_usd(reserved_) + "; wait for what is under way to be settled, or raise the cap");
    }
    auto& share = shards_.try_emplace(std::string(shard)).first->second;
    const auto wanted = std::max<std::int64_t>(worst - share.booked, 0);
    reserved_ += wanted - share.reserved;
    share.reserved = wanted;
    absorb();
    return {};
}

void Budget::book(std::string_view shard, std::int64_t used) {
    used = std::clamp<std::int64_t>(used, 0, kAmountMax);
    if (const auto found = shards_.find(shard); found != shards_.end()) {
        auto& share = found->second;
        const auto covered = std::min(used, share.reserved);
        share.reserved -= covered;
        share.booked = add_capped(share.booked, used);
        reserved_ -= covered;
        booked_ += covered;
        used -= covered;
    }
    overrun_ = add_capped(overrun_, used);
    absorb();
}

void Budget::release(std::string_view shard) {
    const auto found = shards_.find(shard);
    if (found != shards_.end()) {
        reserved_ -= found->second.reserved;
        shards_.erase(found);
        absorb();
    }
}

Result<void> Budget::set_cap(std::int64_t cap_picousd) {
    const auto cap = std::clamp<std::int64_t>(cap_picousd, 0, kAmountMax);
    const auto bound = reserved_ + booked_;
    if (cap != 0 && cap < bound) {
        return fail(Errc::budget_exceeded,
                    "a cap of " + rounded_usd(cap) + " USD is less than what is booked (" + rounded_usd(booked_) +
                        ") and reserved (" + rounded_usd(reserved_) + "); the least is " + rounded_usd(bound));
    }
    cap_ = cap;
    absorb();
    return {};
}

// Room that has come about belongs first to what was spent beyond the cap.
void Budget::absorb() noexcept {
    const auto taken = std::min(overrun_, free());
    overrun_ -= taken;
    booked_ += taken;
}

}  // namespace eco2::batch
