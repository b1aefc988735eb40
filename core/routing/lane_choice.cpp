#include "routing/lane_choice.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <tuple>

namespace eco2::routing {
namespace {

using Standing = Lane::Standing;

/// SplitMix64: ties are broken, no secrets made.
std::uint64_t next_random(std::uint64_t& state) {
    state += 0x9E3779B97F4A7C15U;
    auto mixed = state;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31U);
}

template <class Container, class Value>
bool contains(const Container* container, const Value& value) {
    return container != nullptr && std::find(container->begin(), container->end(), value) != container->end();
}

}  // namespace

LaneChoice::LaneChoice(Target& target, const TargetBoard::Want& want, Clock::Monotonic now, const FairQueue::Entry* entry)
    : target_(target), want_(want), now_(now) {
    for (auto& lane : target_.lanes) {
        lane.standing = standing_of(lane);
    }
    if (!has(Standing::usable) && has(Standing::account_left_out)) {
        counted_ = Standing::account_left_out;
    }
    for (const auto& lane : target_.lanes) {
        own_tokens_ = lane.standing == counted_ ? std::max(own_tokens_, tokens_of(lane)) : own_tokens_;
    }
    const auto ahead = target_.queue.ahead_of(entry);
    need_ = {ahead.requests + 1, ahead.tokens + own_tokens_};
}

Standing LaneChoice::standing_of(const Lane& lane) const {
    if (contains(want_.keys, lane.key->place)) {
        return Standing::key_left_out;
    }
    if (!want_.is_last_resort && !lane.key->health.lets_in(now_)) {
        return Standing::at_fault;
    }
    if (!want_.is_last_resort && !lane.breaker.lets_in(now_)) {
        return Standing::open;
    }
    return contains(want_.accounts, lane.key->account->id) ? Standing::account_left_out : Standing::usable;
}

bool LaneChoice::has(Standing standing) const noexcept {
    return std::any_of(target_.lanes.begin(), target_.lanes.end(), [&](const Lane& lane) { return lane.standing == standing; });
}

std::int64_t LaneChoice::tokens_of(const Lane& lane) const noexcept {
    const auto& group = target_.groups[lane.group];
    return lane.key->meter.capped(group.model->capped(group.account->meter.capped(want_.tokens)));
}

bool LaneChoice::has_room(const Lane& lane, Clock::Monotonic when) const noexcept {
    const auto& group = target_.groups[lane.group];
    if (want_.is_last_resort) {
        return group.account->meter.has_configured_room(when, want_.tokens) &&
               group.model->has_configured_room(when, want_.tokens) && lane.key->meter.has_configured_room(when, want_.tokens);
    }
    return group.account->meter.has_room(when, want_.tokens) && group.model->has_room(when, want_.tokens) &&
           lane.key->meter.has_room(when, want_.tokens);
}

LaneChoice::Room LaneChoice::room(Clock::Monotonic when) const noexcept {
    Room total;
    for (const auto& group : target_.groups) {
        Room keys;
        for (const auto index : group.lanes) {
            const auto& lane = target_.lanes[index];
            if (lane.standing == counted_) {
                const auto key = lane.key->meter.room(when);
                keys.requests += std::max<std::int64_t>(key.requests, 0);
                keys.tokens += std::max<std::int64_t>(key.tokens, 0);
                keys.unsettled += lane.key->meter.unsettled_tokens();
            }
        }
        const auto account = group.account->meter.room(when);
        const auto model = group.model->room(when);
        total.requests += std::max<std::int64_t>(std::min({account.requests, model.requests, keys.requests}), 0);
        total.tokens += std::max<std::int64_t>(std::min({account.tokens, model.tokens, keys.tokens}), 0);
        total.unsettled += std::max({group.account->meter.unsettled_tokens(), group.model->unsettled_tokens(), keys.unsettled});
    }
    return total;
}

std::optional<std::size_t> LaneChoice::choose(std::uint64_t& random) const {
    if (counted_ != Standing::usable || (need_.requests > 1 && !is_turn(now_, need_))) {
        return std::nullopt;
    }
    std::optional<std::size_t> best;
    std::pair<double, std::int64_t> best_rank;
    std::uint64_t equals = 0;
    for (std::size_t index = 0; index < target_.lanes.size(); ++index) {
        const auto& lane = target_.lanes[index];
        if (lane.standing != Standing::usable || !has_room(lane, now_)) {
            continue;
        }
        const auto& group = target_.groups[lane.group];
        const auto share =
            std::min({group.account->meter.share_left(now_), group.model->share_left(now_), lane.key->meter.share_left(now_)});
        const std::pair rank(-share, lane.key->in_flight);
        equals = best && rank == best_rank ? equals + 1 : 1;
        if (!best || rank < best_rank || (rank == best_rank && next_random(random) % equals == 0)) {
            best = index;
            best_rank = rank;
        }
    }
    return best;
}

bool LaneChoice::is_turn(Clock::Monotonic when, const Need& need) const noexcept {
    const auto total = room(when);
    if (total.requests < need.requests || need.tokens == kAnyTokens) {
        return total.requests >= need.requests;
    }
    return total.tokens >= need.tokens && std::any_of(target_.lanes.begin(), target_.lanes.end(), [&](const Lane& lane) {
               return lane.standing == counted_ && has_room(lane, when);
           });
}

template <class Look>
void LaneChoice::for_each_meter(Look look) const {
    for (const auto& lane : target_.lanes) {
        if (lane.standing == counted_) {
            const auto& group = target_.groups[lane.group];
            look(group.account->meter);
            look(*group.model);
            look(lane.key->meter);
        }
    }
}

Clock::Monotonic LaneChoice::first_turn(const Need& need) const {
    const auto first_slot = RateWindow::slot_of(now_) + 1;
    auto low = first_slot;
    auto high = first_slot + RateWindow::kSlots;
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        if (is_turn(RateWindow::begin_of(middle), need)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    // What was told ends between slots, or after all of them.
    auto found = RateWindow::begin_of(low);
    bool is_found = is_turn(found, need);
    for_each_meter([&](const QuotaMeter& meter) {
        for (const auto until : meter.told_until()) {
            if (until > now_ && (until < found || !is_found) && is_turn(until, need)) {
                found = until;
                is_found = true;
            }
        }
    });
    return found;
}

Clock::Monotonic LaneChoice::turn() const {
    auto end = now_ + RateWindow::kLength;
    for_each_meter([&](const QuotaMeter& meter) {
        for (const auto until : meter.told_until()) {
            end = std::max(end, until);
        }
    });
    // More wait ahead than a whole window holds: so many windows pass first.
    const auto full = room(end);
    const auto whole = [](std::int64_t needed, std::int64_t size) { return size > 0 ? (needed - 1) / size : 0; };
    const auto of_requests = whole(need_.requests, full.requests);
    const auto windows = std::max(of_requests, need_.tokens > 0 ? whole(need_.tokens, full.tokens) : 0);
    const Need rest{std::max<std::int64_t>(need_.requests - windows * full.requests, 1),
                    std::max(need_.tokens - windows * full.tokens, own_tokens_)};
    const auto found = first_turn(rest) + windows * RateWindow::kLength;
    const bool has_tokens_limit = full.tokens < QuotaMeter::kPlenty;
    return has_tokens_limit && of_requests == 0 ? std::min(found, turn_if_tokens_come_back()) : found;
}

Clock::Monotonic LaneChoice::turn_if_tokens_come_back() const {
    // Reservations are estimates from above: those under way, and those ahead too, may need far less than they reserve.
    auto again = Clock::Monotonic::max();
    if (const auto left = room(now_); left.unsettled > 0) {
        const bool is_next = left.tokens + left.unsettled >= need_.tokens;
        again = now_ + (is_next ? limits::kAskAgain : limits::kAskAgainBehind);
    } else if (need_.requests > 1) {
        again = first_turn({1, own_tokens_}) + limits::kAskAgainBehind;
    } else {
        return again;
    }
    const Need requests{need_.requests, kAnyTokens};
    return is_turn(again, requests) ? again : first_turn(requests);
}

Clock::Monotonic LaneChoice::earliest(Standing standing) const noexcept {
    auto found = Clock::Monotonic::max();
    for (const auto& lane : target_.lanes) {
        if (lane.standing == standing) {
            found = std::min(found, std::max(lane.key->health.probe_at(), lane.breaker.open_until()));
        }
    }
    // Past: a probe is under way.
    return found > now_ ? found : now_ + limits::kAskAgain;
}

TargetBoard::Denial LaneChoice::denial() const {
    using Why = TargetBoard::Denial::Why;
    if (has(Standing::usable)) {
        auto ready_at = turn();
        return {Why::limited, has(Standing::open) ? std::min(ready_at, earliest(Standing::open)) : ready_at};
    }
    if (has(Standing::account_left_out)) {
        return {Why::limited, std::max(turn(), now_ + limits::kAskAgain)};
    }
    if (has(Standing::open)) {
        return {Why::circuit_open, earliest(Standing::open)};
    }
    return {Why::keys_at_fault, earliest(has(Standing::at_fault) ? Standing::at_fault : Standing::key_left_out)};
}

}  // namespace eco2::routing
