#include "routing/board_state.hpp"

#include "routing/lane_choice.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace eco2::routing {
namespace {

using Outcome = TargetBoard::Pass::Outcome;

/// What a failed attempt says of its upstream, by FaultClass. An upstream that refuses a request for its contents, or for
/// being too many, is alive; of the latter and of a refused key the breaker learns nothing, since other parts see to them.
constexpr std::array kVerdicts{
    Verdict::failed,  // none: no class was told
    Verdict::alive,   // caller_fault
    Verdict::alive,   // context_length
    Verdict::alive,   // content_policy
    Verdict::silent,  // key_fault
    Verdict::silent,  // limited
    Verdict::failed,  // overloaded
    Verdict::failed,  // provider_fault
};
static_assert(kVerdicts.size() == static_cast<std::size_t>(FaultClass::provider_fault) + 1);

Verdict verdict_of(const Outcome& outcome) {
    if (outcome.kind != Outcome::Kind::failed) {
        return outcome.kind == Outcome::Kind::answered ? Verdict::alive : Verdict::silent;
    }
    if (outcome.is_time_out || outcome.error == nullptr) {
        return Verdict::failed;
    }
    return kVerdicts.at(static_cast<std::size_t>(outcome.error->fault));
}

bool failed_with(const Outcome& outcome, FaultClass fault) {
    return outcome.kind == Outcome::Kind::failed && !outcome.is_time_out && outcome.error != nullptr &&
           outcome.error->fault == fault;
}

std::chrono::milliseconds time_until(Clock::Monotonic then, Clock::Monotonic now) {
    return std::chrono::ceil<std::chrono::milliseconds>(std::max(then - now, Clock::Monotonic::duration::zero()));
}

/// Of one key for one model, or, without a lane, for all of them.
TargetBoard::KeyStatus status_of(const Provider& provider,
                                 const Key& key,
                                 const std::vector<const QuotaMeter*>& meters,
                                 const Lane* lane,
                                 Clock::Monotonic now) {
    TargetBoard::KeyStatus status;
    status.provider = provider.id;
    status.key = key.id;
    status.account = key.account->id;
    status.state = "ok";
    QuotaMeter::Room room;
    auto ready_at = now;
    for (const auto* meter : meters) {
        const auto left = meter->room(now);
        room = {std::min(room.requests, left.requests), std::min(room.tokens, left.tokens)};
        for (const auto until : meter->told_until()) {
            ready_at = left.requests < 1 || left.tokens < 1 ? std::max(ready_at, until) : ready_at;
        }
    }
    if (room.requests < 1 || room.tokens < 1) {
        status.state = "limited";
    }
    if (lane != nullptr && lane->breaker.state(now) != Breaker::State::closed) {
        status.state = lane->breaker.state(now) == Breaker::State::open ? "open" : "half_open";
        ready_at = lane->breaker.open_until();
    }
    if (key.health.is_at_fault()) {
        status.state = "at_fault";
        ready_at = key.health.probe_at();
    }
    status.requests_left = room.requests < QuotaMeter::kPlenty ? std::max<std::int64_t>(room.requests, 0) : -1;
    status.tokens_left = room.tokens < QuotaMeter::kPlenty ? std::max<std::int64_t>(room.tokens, 0) : -1;
    status.ready_in = time_until(ready_at, now);
    return status;
}

}  // namespace

BoardState::BoardState(const RoutingDefinition& definition, Clock::Monotonic now, std::uint64_t seed)
    : definition_(definition),
      table_(definition_),
      retries_(definition.retry_share, definition.retry_floor_per_second, now),
      random_(seed) {}

void BoardState::inherit(const BoardState& old) {
    table_.inherit(old.table_);
    retries_.inherit(old.retries_);
}

Target* BoardState::join(std::string_view provider, std::string_view model, std::int64_t queue_max, FairQueue::Entry& entry) {
    auto& target = table_.use(provider, model);
    if (static_cast<std::int64_t>(target.queue.size()) >= queue_max) {
        return nullptr;
    }
    target.queue.join(entry);
    ++target.pins;
    return &target;
}

void BoardState::leave(Target* target, FairQueue::Entry& entry) {
    if (target != nullptr) {
        target->queue.leave(entry);
        --target->pins;
    }
}

BoardState::Answer BoardState::ask(const TargetBoard::Want& want,
                                   const Target* waited_at,
                                   FairQueue::Entry* entry,
                                   Clock::Monotonic now) {
    auto& target = table_.use(want.provider, want.model);
    // A place in another target's queue is none in this one's.
    auto* const own_entry = waited_at == &target ? entry : nullptr;
    const LaneChoice choice(target, want, now, own_entry);
    if (own_entry != nullptr) {
        target.queue.want(*own_entry, choice.own_tokens());
    }
    const auto lane = choice.choose(random_);
    if (!lane) {
        return choice.denial();
    }
    if (own_entry != nullptr) {
        target.queue.serve(*own_entry);
    }
    if (!want.is_retry) {
        retries_.first_attempt(now);
    }
    return take(target, *lane, want.tokens, now);
}

Leave BoardState::take(Target& target, std::size_t lane, std::int64_t tokens, Clock::Monotonic now) {
    Leave leave;
    leave.target = &target;
    leave.lane = lane;
    leave.started = now;
    auto& key = leave.key();
    auto& group = target.groups[target.lanes[lane].group];
    leave.of_account = key.account->meter.reserve(now, tokens);
    leave.of_model = group.model->reserve(now, tokens);
    leave.of_key = key.meter.reserve(now, tokens);
    leave.is_breaker_probe = target.lanes[lane].breaker.begin(now);
    leave.is_key_probe = key.health.begin();
    ++key.in_flight;
    ++target.in_flight;
    ++target.pins;
    return leave;
}

void BoardState::note_limits(const Leave& leave, const RateLimits& limits, Clock::Monotonic now) {
    auto& target = *leave.target;
    target.groups[target.lanes[leave.lane].group].model->note(now, leave.started, limits);
}

void BoardState::settle(const Leave& leave, const Outcome& outcome, Clock::Monotonic now) {
    auto& target = *leave.target;
    auto& lane = target.lanes[leave.lane];
    auto& key = *lane.key;
    auto& model_meter = *target.groups[lane.group].model;
    const auto verdict = verdict_of(outcome);

    key.account->meter.settle(leave.of_account, outcome.tokens);
    model_meter.settle(leave.of_model, outcome.tokens);
    key.meter.settle(leave.of_key, outcome.tokens);
    if (failed_with(outcome, FaultClass::limited)) {
        const std::chrono::milliseconds hint(outcome.error->error.retry_after_ms);
        model_meter.refuse(now, leave.started, hint, definition_.limited_default);
    } else if (verdict == Verdict::alive) {
        model_meter.took(leave.started);
    }
    lane.breaker.end(now, leave.started, leave.is_breaker_probe, verdict, definition_.breaker);
    judge_key(key, leave, outcome, verdict == Verdict::alive, now);

    if (outcome.first_content.count() >= 0) {
        target.pulse.first_content(now, outcome.first_content);
    }
    if (verdict != Verdict::silent) {
        target.pulse.attempt(now, verdict == Verdict::failed);
    }
    --key.in_flight;
    --target.in_flight;
    --target.pins;
}

void BoardState::judge_key(Key& key, const Leave& leave, const Outcome& outcome, bool is_alive, Clock::Monotonic now) {
    if (leave.is_key_probe) {
        key.health.release_probe();
    }
    if (failed_with(outcome, FaultClass::key_fault)) {
        key.health.refuse(now, leave.started, definition_.key_probe);
    } else if (is_alive) {
        key.health.took(leave.started);
    }
}

TargetBoard::Health BoardState::health(std::string_view provider, std::string_view model, Clock::Monotonic now) const {
    const auto* target = table_.find(provider, model);
    if (target == nullptr) {
        return {};
    }
    return {target->pulse.latency_us(now), target->in_flight, target->pulse.failure_share(now)};
}

std::vector<TargetBoard::KeyStatus> BoardState::status(Clock::Monotonic now) const {
    std::vector<TargetBoard::KeyStatus> rows;
    for (const auto& [id, provider] : table_.providers()) {
        for (const auto& key : provider.keys) {
            rows.push_back(status_of(provider, key, {&key.account->meter, &key.meter}, nullptr, now));
        }
    }
    for (const auto& target : table_.targets()) {
        for (const auto& lane : target.lanes) {
            const auto& key = *lane.key;
            const auto* model_meter = target.groups[lane.group].model.get();
            auto& row =
                rows.emplace_back(status_of(*target.provider, key, {&key.account->meter, model_meter, &key.meter}, &lane, now));
            row.model = target.model;
            row.waiting = target.queue.size();
        }
    }
    return rows;
}

}  // namespace eco2::routing
