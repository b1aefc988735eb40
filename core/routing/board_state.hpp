#pragma once

#include "routing/quota_meter.hpp"
#include "routing/retry_budget.hpp"
#include "routing/target_board.hpp"
#include "routing/target_table.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

namespace eco2::routing {

/// What an attempt has taken from the board, to be given back by `settle`. Pins its target until then.
struct Leave {
    Target* target = nullptr;
    std::size_t lane = 0;
    Clock::Monotonic started{};
    QuotaMeter::Reservation of_account;
    QuotaMeter::Reservation of_model;
    QuotaMeter::Reservation of_key;
    bool is_breaker_probe = false;
    bool is_key_probe = false;

    Key& key() const noexcept { return *target->lanes[lane].key; }
};

/// A TargetBoard without its lock: the same operations, with the time told.
///
/// Thread-safety: none. Time never goes back.
class BoardState {
public:
    BoardState(const RoutingDefinition& definition, Clock::Monotonic now, std::uint64_t seed);
    BoardState(const BoardState&) = delete;
    BoardState& operator=(const BoardState&) = delete;

    void inherit(const BoardState& old);

    /// Null: full. Else the entry's place is in the target's queue, and pins it until `leave`.
    Target* join(std::string_view provider, std::string_view model, std::int64_t queue_max, FairQueue::Entry& entry);
    /// `target` null: it never joined.
    void leave(Target* target, FairQueue::Entry& entry);

    using Answer = std::variant<Leave, TargetBoard::Denial>;
    /// `waited_at` and `entry`: where it has joined; null: nowhere.
    Answer ask(const TargetBoard::Want& want, const Target* waited_at, FairQueue::Entry* entry, Clock::Monotonic now);
    void note_limits(const Leave& leave, const RateLimits& limits, Clock::Monotonic now);
    void settle(const Leave& leave, const TargetBoard::Pass::Outcome& outcome, Clock::Monotonic now);

    bool take_retry(Clock::Monotonic now) { return retries_.take(now); }
    TargetBoard::Health health(std::string_view provider, std::string_view model, Clock::Monotonic now) const;
    std::vector<TargetBoard::KeyStatus> status(Clock::Monotonic now) const;

private:
    Leave take(Target& target, std::size_t lane, std::int64_t tokens, Clock::Monotonic now);
    void judge_key(
        Key& key, const Leave& leave, const TargetBoard::Pass::Outcome& outcome, bool is_alive, Clock::Monotonic now);

    const RoutingDefinition definition_;
    TargetTable table_;  // refers to definition_
    RetryBudget retries_;
    std::uint64_t random_;
};

}  // namespace eco2::routing
