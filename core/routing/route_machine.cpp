#include "routing/route_machine.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <utility>

namespace eco2::routing {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds kHintGrace{500};  // the board's own idea of a hint's end may be a little later than the upstream's

CallError made(Errc code, FaultClass fault, std::string detail, std::int64_t retry_after_ms = -1) {
    CallError error;
    error.error = fail(code, std::move(detail));
    error.error.retry_after_ms = static_cast<long>(retry_after_ms);
    error.fault = fault;
    error.is_retryable = info(code).is_retryable;
    return error;
}

std::int64_t ms_until(Clock::Monotonic then, Clock::Monotonic now) {
    return std::max<std::int64_t>(0, std::chrono::ceil<milliseconds>(then - now).count());
}

std::string_view word_of(TimeOut time_out) {
    switch (time_out) {
        case TimeOut::none: break;
        case TimeOut::headers: return "no head in time";
        case TimeOut::first_content: return "no content in time";
        case TimeOut::between_contents: return "stalled";
        case TimeOut::whole: return "no whole answer in time";
    }
    return "";
}

/// What happened, as the trail says it: "503 PROVIDER_OVERLOADED".
std::string what_of(const CallError& error, TimeOut time_out) {
    if (time_out != TimeOut::none) {
        return std::string(word_of(time_out));
    }
    std::string text = error.upstream_http_status == 0 ? std::string() : std::to_string(error.upstream_http_status) + " ";
    text += error.error.name();
    if (error.error.retry_after_ms >= 0) {
        text += " (wait " + std::to_string(error.error.retry_after_ms) + " ms)";
    }
    return text;
}

bool is_not_there(int status) noexcept {
    return status == 404 || status == 405;
}

}  // namespace

RouteMachine::RouteMachine(
    const RouteDefinition& route, TargetBoard& board, const PriceBook& prices, RequestFacts facts, Clock::Monotonic now)
    : route_(route),
      board_(board),
      prices_(prices),
      facts_(std::move(facts)),
      trail_(now),
      tried_(route.targets.size()),
      error_(made(Errc::provider_rejected, FaultClass::caller_fault, {})) {
    facts_.deadline = std::min(facts_.deadline, now + route.policy.total);
    for (std::size_t i = 0; i < tried_.size(); ++i) {
        if (!facts_.can_take[i]) {
            tried_[i].is_left = tried_[i].is_left_for_good = true;
            note(now, i, "cannot take what the request holds");
        }
    }
}

std::string RouteMachine::name_of(std::size_t index) const {
    const auto& to = target(index);
    return to.model.empty() ? to.provider : to.provider + "/" + to.model;
}

std::string_view RouteMachine::model_of(std::size_t index) const {
    return target(index).model.empty() ? facts_.model : std::string_view(target(index).model);
}

void RouteMachine::note(Clock::Monotonic now, std::size_t index, std::string_view what) {
    trail_.add(now, name_of(index), what);
}

RouteMachine::Step RouteMachine::over() {
    is_over_ = true;
    place_.reset();
    return {};
}

RouteMachine::Step RouteMachine::over(CallError error) {
    error_ = std::move(error);
    return over();
}

RouteMachine::Step RouteMachine::wait_until(Clock::Monotonic until) {
    Step step;
    step.kind = Step::Kind::wait;
    step.until = std::min(until, facts_.deadline);
    return step;
}

RouteMachine::Step RouteMachine::next(Clock::Monotonic now) {
    if (is_over_) {
        return {};
    }
    if (now >= facts_.deadline) {
        trail_.add(now, route_.name, "out of time");
        if (place_ != nullptr && !has_content_left_) {
            return over(made(Errc::provider_limited,
                             FaultClass::limited,
                             "every target of route " + route_.name + " is at its limit; no turn came in time",
                             ms_until(turn_at_, now)));
        }
        return attempts_ == 0 || has_content_left_
                   ? over(made(Errc::deadline_exceeded, FaultClass::provider_fault, "no target answered in time"))
                   : over();
    }
    if (now < not_before_) {
        return wait_until(not_before_);
    }
    if (!has_leave(now)) {
        return over();
    }
    denied_.clear();
    if (preferred_) {
        if (auto step = ask_preferred(now)) {
            return std::move(*step);
        }
        preferred_.reset();
    }
    for (const std::size_t index : facts_.order) {
        if (auto step = ask(index, now)) {
            return std::move(*step);
        }
    }
    return none_left(now);
}

/// Whether the budget allows one more attempt.
bool RouteMachine::has_leave(Clock::Monotonic now) {
    if (attempts_ == 0 || has_leave_) {
        return true;
    }
    if (attempts_ >= route_.policy.attempts) {
        trail_.add(now, route_.name, "all " + std::to_string(attempts_) + " attempts made");
        return false;
    }
    has_leave_ = board_.take_retry();
    if (!has_leave_) {
        trail_.add(now, route_.name, "the host's retry budget is used up");
    }
    return has_leave_;
}

/// The target that has asked for some patience, or failed once, is asked before all others.
std::optional<RouteMachine::Step> RouteMachine::ask_preferred(Clock::Monotonic now) {
    const std::size_t index = *preferred_;
    const bool has_hint = hint_until_ != Clock::Monotonic{};
    if (has_hint && now >= hint_until_) {
        tried_[index].limited_accounts.clear();
    }
    if (auto step = ask(index, now)) {
        return step;
    }
    if (now < hint_until_) {
        return wait_until(hint_until_);
    }
    const bool is_nearly_there = !denied_.empty() && denied_.back().target == index &&
                                 denied_.back().denial.why == TargetBoard::Denial::Why::limited && has_hint &&
                                 now < hint_until_ + kHintGrace;
    if (is_nearly_there) {
        return wait_until(std::max(now + milliseconds(1), std::min(denied_.back().denial.ready_at, hint_until_ + kHintGrace)));
    }
    std::erase_if(denied_, [index](const Denied& denied) { return denied.target == index; });
    if (leaves_if_denied_) {
        tried_[index].is_left = true;
        note(now, index, "no other key; next target");
    }
    return std::nullopt;
}

/// Nothing: it may not be asked now; why is in `denied_`, unless it is behind us.
std::optional<RouteMachine::Step> RouteMachine::ask(std::size_t index, Clock::Monotonic now, bool is_last_resort) {
    auto& tried = tried_[index];
    if (tried.is_left) {
        return std::nullopt;
    }
    if (is_too_dear(index)) {
        tried.is_left = tried.is_left_for_good = true;
        note(now, index, "could cost more than the request may");
        error_ = made(Errc::budget_exceeded,
                      FaultClass::caller_fault,
                      "an attempt could cost more than route " + route_.name + " allows a request");
        return std::nullopt;
    }
    const TargetBoard::Want want{.provider = target(index).provider,
                                 .model = model_of(index),
                                 .tokens = facts_.prompt_tokens + facts_.output_tokens_max,
                                 .accounts = &tried.limited_accounts,
                                 .keys = &tried.bad_keys,
                                 .place = place_ != nullptr && place_target_ == index ? place_.get() : nullptr,
                                 .is_last_resort = is_last_resort,
                                 .is_retry = attempts_ > 0};
    auto answer = board_.ask(want);
    if (auto* pass = std::get_if<std::unique_ptr<TargetBoard::Pass>>(&answer)) {
        return begin(index, std::move(*pass), now);
    }
    denied_.push_back({index, std::get<TargetBoard::Denial>(answer)});
    return std::nullopt;
}

bool RouteMachine::is_too_dear(std::size_t index) const {
    if (route_.policy.cost_usd <= 0) {
        return false;
    }
    const auto worst =
        prices_.worst_picousd(target(index).provider, model_of(index), facts_.prompt_tokens, facts_.output_tokens_max);
    return static_cast<double>(spent_picousd_ + worst) > route_.policy.cost_usd * 1e12;
}

/// Why those before the one that is asked are not, once each.
void RouteMachine::note_skipped(Clock::Monotonic now) {
    using Why = TargetBoard::Denial::Why;
    for (const auto& [index, denial] : denied_) {
        if (std::exchange(tried_[index].is_skip_noted, true)) {
            continue;
        }
        note(now,
             index,
             denial.why == Why::limited        ? "skipped: at its limit"
             : denial.why == Why::circuit_open ? "skipped: it has failed too often of late"
                                               : "skipped: the upstream has refused its keys");
    }
}

RouteMachine::Step RouteMachine::begin(std::size_t index, std::unique_ptr<TargetBoard::Pass> pass, Clock::Monotonic now) {
    note_skipped(now);
    ++attempts_;
    tried_[index].is_asked = true;
    has_leave_ = false;
    place_.reset();
    preferred_.reset();
    hint_until_ = {};
    leaves_if_denied_ = false;
    current_ = index;
    current_key_ = pass->key();
    current_account_ = pass->account();
    std::string what = pass->is_probe() ? "probed" : "asked";
    if (!pass->key_id().empty()) {
        what += " with key " + pass->key_id();
    }
    note(now, index, what);
    Step step;
    step.kind = Step::Kind::attempt;
    step.target = index;
    step.pass = std::move(pass);
    return step;
}

RouteMachine::Step RouteMachine::none_left(Clock::Monotonic now) {
    using Why = TargetBoard::Denial::Why;
    std::vector<std::size_t> limited;
    for (std::size_t i = 0; i < denied_.size(); ++i) {
        if (denied_[i].denial.why == Why::limited) {
            limited.push_back(i);
        }
    }
    const bool is_told = route_.is_plain && route_.policy.queue_max == 0;  // limits that are known by hearsay alone
    if (!limited.empty() && !is_told) {
        return in_queue(limited, now);
    }
    return denied_.empty() ? another_round(now) : last_resort(now);
}

/// Waits where the turn comes first.
RouteMachine::Step RouteMachine::in_queue(const std::vector<std::size_t>& limited, Clock::Monotonic now) {
    const auto first = *std::min_element(limited.begin(), limited.end(), [this](std::size_t a, std::size_t b) {
        return denied_[a].denial.ready_at < denied_[b].denial.ready_at;
    });
    const auto ready_at = turn_at_ = denied_[first].denial.ready_at;
    const auto refused = [&](std::string_view why) {
        note(now, denied_[first].target, std::string("at its limit; ") + std::string(why));
        return over(made(Errc::provider_limited,
                         FaultClass::limited,
                         "every target of route " + route_.name + " is at its limit; " + std::string(why),
                         ms_until(ready_at, now)));
    };
    if (place_ == nullptr) {
        if (route_.policy.queue_max == 0) {
            return refused("the route does not wait");
        }
        place_target_ = denied_[first].target;
        place_ = board_.queue(target(place_target_).provider, model_of(place_target_), facts_.caller, route_.policy.queue_max);
        if (place_ == nullptr) {
            return refused("its queue is full");
        }
        queued_until_ = now + route_.policy.queue_wait_max;
        note(now, place_target_, "at its limit; waits for its turn");
    }
    if (now >= queued_until_) {
        return refused("the wait was too long");
    }
    // Places that are given up make turns come sooner than the board can tell: looked at each second.
    const auto soonest = now + milliseconds(1);
    return wait_until(std::clamp(ready_at, soonest, std::max(soonest, std::min(queued_until_, now + std::chrono::seconds(1)))));
}

/// Every target is thought to be down, or its keys to be refused. One attempt is made all the same, since nobody else can
/// answer; but no more than one.
RouteMachine::Step RouteMachine::last_resort(Clock::Monotonic now) {
    if (attempts_ > 0) {
        // What is thought to be down, and has not been asked by this request, may have come back.
        for (const auto& [index, denial] : std::vector<Denied>(denied_)) {
            if (tried_[index].is_asked || denial.why == TargetBoard::Denial::Why::limited) {
                continue;
            }
            if (auto step = ask(index, now, true)) {
                trail_.add(now, route_.name, "as a last resort");
                return std::move(*step);
            }
        }
        const bool can_others = std::any_of(
            tried_.begin(), tried_.end(), [](const Tried& tried) { return tried.is_left && !tried.is_left_for_good; });
        return can_others ? another_round(now) : over();
    }
    const auto denied = std::exchange(denied_, {});
    is_last_resort_ = !route_.is_plain;
    for (const auto& [index, denial] : denied) {
        if (auto step = ask(index, now, true)) {
            trail_.add(now, route_.name, "as a last resort");
            return std::move(*step);
        }
    }
    return over(made(Errc::provider_overloaded, FaultClass::overloaded, "every target of route " + route_.name + " is down"));
}

RouteMachine::Step RouteMachine::another_round(Clock::Monotonic now) {
    const bool can_any = std::any_of(tried_.begin(), tried_.end(), [](const Tried& tried) { return !tried.is_left_for_good; });
    // A plain route does not wait for a limit to pass: its asker hears of it at once.
    const bool is_waste = route_.is_plain && error_.fault == FaultClass::limited && error_.error.retry_after_ms < 0;
    if (attempts_ == 0 && error_.error.detail.empty()) {
        error_.error.detail = "no target of route " + route_.name + " can take this";
    }
    if (attempts_ == 0 || attempts_ >= route_.policy.attempts || is_waste || !has_passing_fault_ || !can_any ||
        is_last_resort_) {
        return over();
    }
    const auto& policy = route_.policy;
    ++round_;
    const auto most = std::min<nanoseconds>(policy.backoff_max, policy.backoff_base * (1LL << std::min(round_ - 1, 10)));
    auto pause = jitter(std::chrono::duration_cast<milliseconds>(most));
    if (error_.error.retry_after_ms > 0) {
        const milliseconds hint(error_.error.retry_after_ms);
        if (hint > policy.hint_wait_max) {
            return over();
        }
        pause = std::max<nanoseconds>(pause, hint);
    }
    if (now + pause >= facts_.deadline) {
        trail_.add(now, route_.name, "no time for another round");
        return over();
    }
    for (auto& tried : tried_) {
        tried.is_left = tried.is_left_for_good;
        tried.limited_accounts.clear();
    }
    not_before_ = now + pause;
    trail_.add(now, route_.name, "another round in " + std::to_string(ms_until(not_before_, now)) + " ms");
    return wait_until(not_before_);
}

void RouteMachine::failed(
    const CallError& error, TimeOut time_out, bool has_content_left, std::int64_t spent_picousd, Clock::Monotonic now) {
    spent_picousd_ += spent_picousd;
    note(now, current_, what_of(error, time_out));
    const bool had_content_left = std::exchange(has_content_left_, has_content_left_ || has_content_left);
    const bool is_passing = error.fault == FaultClass::overloaded || error.fault == FaultClass::limited ||
                            error.fault == FaultClass::provider_fault || error.fault == FaultClass::none;
    // Later ones are about making whole what this one broke; and a fault that passes says more of when to come back than one
    // that stays.
    if (!had_content_left && (is_passing || !has_passing_fault_)) {
        error_ = error;
    }
    has_passing_fault_ = has_passing_fault_ || is_passing;
    if (has_content_left_ && route_.policy.mid_stream == RoutePolicy::MidStream::give_up) {
        return give_up("content had left", now);
    }
    if (is_last_resort_) {
        is_over_ = true;
        return;
    }
    by_fault(error, time_out, now);
}

void RouteMachine::give_up(std::string_view why, Clock::Monotonic now) {
    trail_.add(now, route_.name, why);
    is_over_ = true;
    place_.reset();
}

void RouteMachine::by_fault(const CallError& error, TimeOut time_out, Clock::Monotonic now) {
    const auto& policy = route_.policy;
    switch (error.fault) {
        case FaultClass::caller_fault:
            if (is_not_there(error.upstream_http_status) && has_others(false)) {
                return leave("not there; next target", true, now);  // its address or its model, which the caller did not choose
            }
            // Of a restart it says that this target cannot make the answer whole, no more.
            has_content_left_ ? leave("next target", true, now) : give_up("the request's own fault: given back", now);
            return;
        case FaultClass::context_length: return on_context_length(now);
        case FaultClass::content_policy:
            policy.content_policy == RoutePolicy::ContentPolicy::next ? leave("next target", true, now)
                                                                      : give_up("refused for its content: given back", now);
            return;
        case FaultClass::key_fault:
            tried_[current_].bad_keys.push_back(current_key_);
            preferred_ = current_;
            leaves_if_denied_ = true;
            return;
        case FaultClass::limited: return on_limited(error, now);
        case FaultClass::overloaded: return leave("next target", false, now);
        case FaultClass::none:
        case FaultClass::provider_fault: return on_provider_fault(error, time_out, now);
    }
}

/// Targets besides the last one that may still be asked.
bool RouteMachine::has_others(bool in_this_round) const {
    for (std::size_t i = 0; i < tried_.size(); ++i) {
        if (i != current_ && !(in_this_round ? tried_[i].is_left : tried_[i].is_left_for_good)) {
            return true;
        }
    }
    return false;
}

void RouteMachine::on_limited(const CallError& error, Clock::Monotonic now) {
    auto& tried = tried_[current_];
    tried.limited_accounts.push_back(current_account_);
    const milliseconds hint(error.error.retry_after_ms);
    if (hint.count() < 0) {
        preferred_ = current_;  // for a key of another quota group
        leaves_if_denied_ = true;
        return;
    }
    if (hint <= route_.policy.hint_wait_max && now + hint < facts_.deadline) {
        if (tried.hints_waited > 0 && has_others(true)) {
            return leave("limited again after its wait; next target", false, now);
        }
        ++tried.hints_waited;
        preferred_ = current_;
        hint_until_ = now + hint;
        return;
    }
    leave("too long to wait; next target", false, now);
}

void RouteMachine::on_provider_fault(const CallError& error, TimeOut time_out, Clock::Monotonic now) {
    const bool is_silent = time_out != TimeOut::none || error.error.code == Errc::provider_timeout;
    if (is_silent || error.error.code == Errc::provider_tls) {
        return leave("left for good; next target", true, now);
    }
    auto& tried = tried_[current_];
    if (!has_content_left_ && tried.same_retries < route_.policy.same_target_retries) {
        ++tried.same_retries;
        preferred_ = current_;
        not_before_ = now + jitter(route_.policy.backoff_base);
        return;
    }
    leave("next target", false, now);
}

void RouteMachine::on_context_length(Clock::Monotonic now) {
    using ContextLength = RoutePolicy::ContextLength;
    if (route_.policy.context_length == ContextLength::give_back && !has_content_left_) {
        return give_up("too long for the model: given back", now);
    }
    leave("too long for the model", true, now);
    if (route_.policy.context_length != ContextLength::larger) {
        return;
    }
    const auto least = target(current_).context_tokens;
    for (std::size_t i = 0; i < tried_.size(); ++i) {
        if (target(i).context_tokens <= least) {
            tried_[i].is_left = tried_[i].is_left_for_good = true;
        }
    }
}

void RouteMachine::leave(std::string_view why, bool is_for_good, Clock::Monotonic now) {
    tried_[current_].is_left = true;
    tried_[current_].is_left_for_good = tried_[current_].is_left_for_good || is_for_good;
    preferred_.reset();
    hint_until_ = {};
    note(now, current_, why);
}

/// Full jitter: anything from nothing to `most`.
nanoseconds RouteMachine::jitter(milliseconds most) {
    facts_.random = facts_.random * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
    const double share = static_cast<double>(facts_.random >> 11) * 0x1.0p-53;
    return nanoseconds(static_cast<std::int64_t>(share * 1e6 * static_cast<double>(most.count())));
}

RouteMachine::ClockOut RouteMachine::clock_of(const Progress& progress) const noexcept {
    const auto& policy = route_.policy;
    ClockOut out;
    if (!progress.is_streamed) {
        out = {progress.started + policy.whole, TimeOut::whole};
    } else if (progress.has_content) {
        out = {progress.content_at + policy.between_contents, TimeOut::between_contents};
    } else if (!progress.has_head && policy.headers < policy.first_content) {
        out = {progress.started + policy.headers, TimeOut::headers};
    } else {
        out = {progress.started + policy.first_content, TimeOut::first_content};
    }
    return out.at < facts_.deadline ? out : ClockOut{facts_.deadline, TimeOut::none};
}

std::uint64_t prefix_hash(const GenerateRequest& request) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    std::size_t left = limits::kPrefixHashBytesMax;
    for (const auto& message : request.messages) {
        for (const auto& part : message.parts) {
            if (part.kind != Part::Kind::text || part.text == nullptr) {
                continue;
            }
            for (const char byte : std::string_view(*part.text).substr(0, left)) {
                hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
            }
            left -= std::min(left, part.text->size());
            if (left == 0) {
                return hash;
            }
        }
    }
    return hash;
}

}  // namespace eco2::routing
