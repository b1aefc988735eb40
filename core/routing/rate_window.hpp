#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

namespace eco2::routing {

/// Counts what was sent within any minute, in slots of 250 ms.
///
/// It counts longer than a minute, so that an upstream that counts a fixed or a sliding minute, whenever that begins, never
/// sees more than this: by one slot, since a slot's requests may be of its end; and by kArrivalSlack, since a request may
/// arrive late and a later one at once.
///
/// Thread-safety: none, also of const members. Time given to it never goes back.
/// Cost:          4 KB once something was counted, 8 KB once a later time was asked for. Constant time, amortised; `used` of a
///                later time is linear in the slots once after each change.
class RateWindow {
public:
    static constexpr std::chrono::milliseconds kSlot{250};
    static constexpr std::chrono::milliseconds kArrivalSlack{500};
    static constexpr std::int64_t kSlots = (std::chrono::milliseconds(60'000) + kArrivalSlack) / kSlot + 1;
    static constexpr std::chrono::milliseconds kLength = kSlots * kSlot;

    struct Amount {
        std::int64_t requests = 0;
        std::int64_t tokens = 0;
    };

    static std::int64_t slot_of(Clock::Monotonic time) noexcept { return time.time_since_epoch() / kSlot; }
    static Clock::Monotonic begin_of(std::int64_t slot) noexcept { return Clock::Monotonic(slot * kSlot); }

    /// Counts one request. Returns its slot.
    std::int64_t add(Clock::Monotonic now, std::int64_t tokens);
    /// The tokens of an earlier request were others. Nothing, where its slot no longer counts.
    void correct(std::int64_t slot, std::int64_t tokens_by) noexcept;

    /// What of all that was counted still counts at `when`, which is now or later.
    Amount used(Clock::Monotonic when) const noexcept;

private:
    void advance(std::int64_t slot);
    Amount& at(std::int64_t slot) { return slots_[static_cast<std::size_t>(slot % kSlots)]; }
    const Amount& at(std::int64_t slot) const { return slots_[static_cast<std::size_t>(slot % kSlots)]; }

    void add_up() const;

    std::vector<Amount> slots_;  // a ring, empty until something was counted
    std::int64_t newest_ = 0;    // slot; those within kSlots before it are in `sum_`
    Amount sum_;
    mutable std::vector<Amount> newest_sums_;  // of the newest slot, the newest two ...; empty: to be added up
};

}  // namespace eco2::routing
