#pragma once

#include "routing/target_board.hpp"
#include "routing/target_table.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace eco2::routing {

/// One ask's look at a target: which key may be used now, or when asking again makes sense.
///
/// Thread-safety: none. Lifetime: of one ask; it writes the lanes' standing.
class LaneChoice {
public:
    LaneChoice(Target& target, const TargetBoard::Want& want, Clock::Monotonic now, const FairQueue::Entry* entry);

    /// The one with the most room; among equals the one with the fewest requests under way; among those any, by `random`.
    /// None: there is no room for this request and for all that wait ahead of it.
    std::optional<std::size_t> choose(std::uint64_t& random) const;

    /// What it would reserve at most: what it wants, within the limits.
    std::int64_t own_tokens() const noexcept { return own_tokens_; }

    /// Where `choose` found none.
    TargetBoard::Denial denial() const;

private:
    static constexpr std::int64_t kAnyTokens = -1;  // of a need: tokens do not matter
    struct Need {
        std::int64_t requests = 1;
        std::int64_t tokens = 0;
    };
    struct Room {
        std::int64_t requests = 0;
        std::int64_t tokens = 0;
        std::int64_t unsettled = 0;  // tokens that may come back at any time
    };

    Lane::Standing standing_of(const Lane& lane) const;
    bool has(Lane::Standing standing) const noexcept;
    std::int64_t tokens_of(const Lane& lane) const noexcept;
    bool has_room(const Lane& lane, Clock::Monotonic when) const noexcept;
    Room room(Clock::Monotonic when) const noexcept;
    bool is_turn(Clock::Monotonic when, const Need& need) const noexcept;
    Clock::Monotonic turn() const;
    Clock::Monotonic turn_if_tokens_come_back() const;
    Clock::Monotonic first_turn(const Need& need) const;
    Clock::Monotonic earliest(Lane::Standing standing) const noexcept;
    template <class Look>
    void for_each_meter(Look look) const;

    Target& target_;
    const TargetBoard::Want& want_;
    const Clock::Monotonic now_;
    Lane::Standing counted_ = Lane::Standing::usable;  // the lanes whose room counts
    std::int64_t own_tokens_ = 0;
    Need need_;
};

}  // namespace eco2::routing
