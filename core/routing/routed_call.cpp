#include "routing/routed_call.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace eco2::routing {
namespace {

/// For jitter and routers; nothing secret hangs on it.
std::uint64_t fresh_random() {
    thread_local std::mt19937_64 engine(std::random_device{}());
    return engine();
}

bool has_image(const GenerateRequest& request) {
    return std::any_of(request.messages.begin(), request.messages.end(), [](const Message& message) {
        return std::any_of(message.parts.begin(), message.parts.end(), [](const Part& part) {
            return part.kind == Part::Kind::image_url || part.kind == Part::Kind::image_bytes;
        });
    });
}

bool can_take(const Capabilities& able, const GenerateRequest& request) {
    const bool has_tools = able.has_tools || (able.has_chat && request.chat_json != nullptr);
    return (able.has_vision || !has_image(request)) && (has_tools || request.tools_json == nullptr);
}

class Handle final : public Call {
public:
    explicit Handle(std::shared_ptr<RoutedCall> call) : call_(std::move(call)) {}
    ~Handle() override { call_->abandon(); }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    void resume() override { call_->resume(); }
    void cancel() override { call_->cancel(); }

private:
    std::shared_ptr<RoutedCall> call_;
};

CallError cut_error(Errc code, std::string detail) {
    CallError error;
    error.error = fail(code, std::move(detail));
    error.fault = FaultClass::provider_fault;
    error.is_retryable = true;
    return error;
}

CallError time_out_error(TimeOut which) {
    switch (which) {
        case TimeOut::headers: return cut_error(Errc::provider_timeout, "the provider sent no head in time");
        case TimeOut::first_content: return cut_error(Errc::provider_timeout, "the provider sent no content in time");
        case TimeOut::between_contents: return cut_error(Errc::provider_timeout, "the provider's answer stalled");
        case TimeOut::whole: return cut_error(Errc::provider_timeout, "the provider sent no whole answer in time");
        case TimeOut::none: break;
    }
    return cut_error(Errc::deadline_exceeded, "no target answered in time");
}

}  // namespace

RoutedCall::RoutedCall(std::shared_ptr<const WiredRoute> route,
                       std::shared_ptr<const GenerateRequest> request,
                       CallObserver& observer)
    : route_(std::move(route)),
      pin_(route_->doors.pin ? route_->doors.pin() : nullptr),
      request_(std::move(request)),
      observer_(&observer),
      started_(route_->doors.clock.now()),
      prompt_tokens_(estimate_prompt_tokens(*request_)),
      machine_(route_->definition, route_->board, route_->prices, facts(), started_) {}

StartedCall RoutedCall::start(std::shared_ptr<const WiredRoute> route,
                              std::shared_ptr<const GenerateRequest> request,
                              CallObserver& observer) {
    auto call = std::make_shared<RoutedCall>(std::move(route), std::move(request), observer);
    if (auto error = call->advance()) {
        // Told the way of all failures, so that the asker gets the trail too.
        call->route_->doors.executor.post(
            [call, error = std::move(*error)](TaskFate) { call->finish(FinishReason::none, &error); });
    }
    return std::unique_ptr<Call>(std::make_unique<Handle>(std::move(call)));
}

RequestFacts RoutedCall::facts() const {
    const auto& definition = route_->definition;
    RequestFacts facts;
    facts.caller = request_->caller;
    facts.model = request_->model;
    facts.prompt_tokens = prompt_tokens_;
    facts.output_tokens_max = request_->max_output_tokens >= 0 ? request_->max_output_tokens : limits::kReservedOutputTokens;
    facts.deadline = request_->deadline;
    facts.random = fresh_random();
    for (std::size_t i = 0; i < definition.targets.size(); ++i) {
        facts.order.push_back(i);
        facts.can_take.push_back(can_take(route_->providers[i]->capabilities(), *request_));
    }
    if (route_->router != nullptr) {
        std::vector<Candidate> candidates;
        for (const auto& to : definition.targets) {
            const auto& model = to.model.empty() ? request_->model : to.model;
            const auto health = route_->board.health(to.provider, model);
            candidates.push_back(
                {to.provider, model, to.weight, to.priority, health.latency_us, health.in_flight, health.failure_share});
        }
        facts.order =
            route_->router->order({request_->request_id, definition.name, facts.random, prefix_hash(*request_), &candidates});
    }
    return facts;
}

void RoutedCall::resume() {
    is_paused_ = false;
    progress_.content_at = now();
    if (call_ != nullptr) {
        call_->resume();
    }
}

void RoutedCall::cancel() {
    if (is_over_) {
        return;
    }
    route_->doors.executor.post([self = shared_from_this()](TaskFate) {
        if (!self->is_over_) {
            CallError error;
            error.error = fail(Errc::cancelled, "the call was cancelled");
            error.fault = FaultClass::none;
            self->book("cancelled", TargetBoard::Pass::Outcome::Kind::cancelled, nullptr, TimeOut::none);
            self->finish(FinishReason::none, &error);
        }
    });
}

void RoutedCall::abandon() {
    observer_ = nullptr;
    if (is_over_) {
        return;
    }
    book("cancelled", TargetBoard::Pass::Outcome::Kind::cancelled, nullptr, TimeOut::none);
    CallError error;
    error.error = fail(Errc::cancelled, "the asker is gone");
    finish(FinishReason::none, &error);
}

/// Does what the machine says until something is under way. An error: it is over.
std::optional<CallError> RoutedCall::advance() {
    for (;;) {
        auto step = machine_.next(now());
        switch (step.kind) {
            case RouteMachine::Step::Kind::over: return machine_.error();
            case RouteMachine::Step::Kind::wait:
                is_waiting_ = true;
                wait_until_ = step.until;
                arm_timer(wait_until_);
                return std::nullopt;
            case RouteMachine::Step::Kind::attempt:
                is_waiting_ = false;
                if (begin_attempt(std::move(step))) {
                    return std::nullopt;
                }
                break;
        }
    }
}

void RoutedCall::go_on() {
    if (is_over_) {
        return;
    }
    if (const auto error = advance()) {
        finish(FinishReason::none, &*error);
    }
}

/// False: it has failed already, and the machine knows.
bool RoutedCall::begin_attempt(RouteMachine::Step step) {
    target_ = step.target;
    pass_ = std::move(step.pass);
    auto request = request_for(target_, pass_->key());
    progress_ = {
        .started = now(), .content_at = {}, .is_streamed = request->is_streamed, .has_head = false, .has_content = false};
    usage_ = {};
    model_.clear();
    request_id_.clear();
    http_status_ = 0;
    output_tokens_ = 0;
    first_content_at_ = {};
    if (relay_ != nullptr) {
        relay_->begin();
    }
    auto started = route_->providers[target_]->generate(std::move(request), *this);
    if (!started) {
        CallError error;
        error.error = started.error();
        error.is_retryable = info(error.error.code).is_retryable;
        attempt_failed(error, TimeOut::none);
        return false;
    }
    call_ = std::move(started.value());
    // The request's own deadline is watched by whoever asks and by the exchange with the upstream.
    if (const auto clock = machine_.clock_of(progress_); clock.at < request_->deadline) {
        arm_timer(clock.at);
    }
    return true;
}

std::shared_ptr<const GenerateRequest> RoutedCall::request_for(std::size_t index, std::uint32_t key) const {
    const auto& to = route_->definition.targets[index];
    const auto& policy = route_->definition.policy;
    using StreamStages = RoutePolicy::StreamStages;
    const bool may_stream_whole = request_->chat_json == nullptr && route_->providers[index]->capabilities().has_streaming;
    const bool streams =
        request_->is_streamed ||
        (may_stream_whole && (policy.stream_stages == StreamStages::always ||
                              (policy.stream_stages == StreamStages::automatic && route_->providers.size() > 1)));
    const bool is_as_asked =
        (to.model.empty() || to.model == request_->model) && key == request_->key && streams == request_->is_streamed;
    if (is_as_asked) {
        return request_;
    }
    auto copy = std::make_shared<GenerateRequest>(*request_);
    if (!to.model.empty()) {
        copy->model = to.model;
    }
    copy->key = key;
    copy->is_streamed = streams;
    return copy;
}

/// One timer a call: it is set again only when something is due before it.
void RoutedCall::arm_timer(Clock::Monotonic at) {
    if (timer_ != nullptr && timer_due_ <= at) {
        return;
    }
    timer_due_ = at;
    timer_ = route_->doors.executor.post_after(at - now(), [weak = weak_from_this()](TaskFate fate) {
        const auto self = weak.lock();
        if (self != nullptr && fate == TaskFate::due && !self->is_over_) {
            self->on_timer();
        }
    });
}

void RoutedCall::on_timer() {
    timer_.reset();
    if (is_waiting_) {
        if (now() < wait_until_) {
            arm_timer(wait_until_);
        } else {
            go_on();
        }
        return;
    }
    if (is_paused_) {
        progress_.content_at = now();  // it is the asker who does not read
    }
    const auto clock = machine_.clock_of(progress_);
    if (now() < clock.at) {
        arm_timer(clock.at);
        return;
    }
    call_.reset();
    attempt_failed(time_out_error(clock.which), clock.which);
    go_on();
}

void RoutedCall::note_content(std::string_view text) {
    progress_.has_head = true;
    if (!std::exchange(progress_.has_content, true)) {
        first_content_at_ = now();
        progress_.content_at = first_content_at_;
    } else {
        progress_.content_at = now();
    }
    output_tokens_ += estimate_text_tokens(text);
}

CallObserver::Flow RoutedCall::on_text(std::string_view text) {
    note_content(text);
    return pass_on(relay().text(text), PieceKind::text, text, {}, false);
}

CallObserver::Flow RoutedCall::on_chat(std::string_view text, std::string_view json, bool has_more) {
    progress_.has_head = true;
    if (has_more || !text.empty()) {
        note_content(text);
    }
    return pass_on(relay().chat(text, json, has_more), PieceKind::chat, text, json, has_more);
}

CallObserver::Flow RoutedCall::on_tool(std::string_view json) {
    note_content(json);
    return pass_on(relay().tool(json), PieceKind::tool, json, {}, true);
}

void RoutedCall::on_meta(const CallMeta& meta) {
    progress_.has_head = true;
    if (meta.limits != nullptr && pass_ != nullptr) {
        pass_->note_limits(*meta.limits);
    }
    if (meta.upstream_http_status != 0) {
        http_status_ = meta.upstream_http_status;
    }
    if (!meta.model.empty()) {
        model_ = shorten(meta.model, limits::kModelNameBytesMax);
    }
    if (!meta.upstream_request_id.empty()) {
        request_id_ = shorten(meta.upstream_request_id, limits::kModelNameBytesMax);
    }
    if (has_told_route_) {
        tell_meta();
    }
}

CallObserver::Flow RoutedCall::pass_on(
    AnswerRelay::Take take, PieceKind kind, std::string_view text, std::string_view json, bool has_more) {
    const auto self = shared_from_this();  // the asker may drop the call from inside
    switch (take) {
        case AnswerRelay::Take::keep: return Flow::go_on;
        case AnswerRelay::Take::diverged: diverged(); return Flow::go_on;
        case AnswerRelay::Take::pass: break;
        case AnswerRelay::Take::rest:
            tell_route();
            return kind == PieceKind::chat ? tell(kind, relay().rest_text(), relay().remade_chunk(), has_more)
                                           : tell(kind, relay().rest_text(), {}, has_more);
    }
    tell_route();
    const auto kept = tell_kept();
    const auto told = tell(kind, text, json, has_more);
    return kept == Flow::pause ? kept : told;
}

CallObserver::Flow RoutedCall::tell(PieceKind kind, std::string_view text, std::string_view json, bool has_more) {
    if (observer_ == nullptr) {
        return Flow::go_on;
    }
    auto flow = Flow::go_on;
    switch (kind) {
        case PieceKind::text: flow = observer_->on_text(text); break;
        case PieceKind::chat: flow = observer_->on_chat(text, json, has_more); break;
        case PieceKind::tool: flow = observer_->on_tool(text); break;
    }
    is_paused_ = is_paused_ || flow == Flow::pause;
    return flow;
}

CallObserver::Flow RoutedCall::tell_kept() {
    auto flow = Flow::go_on;
    for (const auto& piece : relay().take_kept()) {
        using Kind = AnswerRelay::Piece::Kind;
        const auto kind = piece.kind == Kind::text   ? PieceKind::text
                          : piece.kind == Kind::chat ? PieceKind::chat
                                                     : PieceKind::tool;
        if (tell(kind, piece.text, piece.json, piece.has_more) == Flow::pause) {
            flow = Flow::pause;
        }
    }
    return flow;
}

/// Before the first piece of an attempt that leaves: who answers, and why it is he.
void RoutedCall::tell_route() {
    if (has_told_route_) {
        return;
    }
    has_told_route_ = true;
    if (observer_ != nullptr) {
        const auto& model = target().model.empty() ? request_->model : target().model;
        const std::string key = pass_ == nullptr ? std::string() : pass_->key_id();
        observer_->on_route({target().provider, model, key, machine_.attempts(), machine_.trail().text()});
    }
    tell_meta();
}

void RoutedCall::tell_meta() {
    if (observer_ != nullptr && (!model_.empty() || !request_id_.empty())) {
        observer_->on_meta({.model = model_, .upstream_request_id = request_id_, .upstream_http_status = http_status_});
    }
}

/// The restarted answer contradicts what the asker has: no attempt can make that whole.
void RoutedCall::diverged() {
    call_.reset();
    const auto error = cut_error(Errc::provider_reset, "the answer broke off, and another target answers differently");
    book("diverged", TargetBoard::Pass::Outcome::Kind::answered, nullptr, TimeOut::none);
    machine_.give_up("the new answer differs from what had left", now());
    finish(FinishReason::none, machine_.error().error.detail.empty() ? &error : &machine_.error());
}

void RoutedCall::on_done(FinishReason finish_reason, const CallError* error) {
    const auto self = shared_from_this();
    call_.reset();
    if (is_over_) {
        return;
    }
    if (error == nullptr) {
        attempt_answered(finish_reason);
        return;
    }
    if (error->error.code == Errc::cancelled) {
        // Nobody here has asked for it: the plugin is being stopped.
        CallError stopped = *error;
        stopped.fault = FaultClass::provider_fault;
        attempt_failed(stopped, TimeOut::none);
    } else {
        attempt_failed(*error, TimeOut::none);
    }
    go_on();
}

void RoutedCall::attempt_answered(FinishReason finish_reason) {
    if (!relay().end()) {
        diverged();
        return;
    }
    machine_.trail().add(now(), target().provider, "answered");
    has_told_route_ = false;  // told again, whole
    tell_route();
    tell_kept();
    book("ok", TargetBoard::Pass::Outcome::Kind::answered, nullptr, TimeOut::none);
    if (observer_ != nullptr) {
        observer_->on_usage(usage_);
    }
    finish(finish_reason, nullptr);
}

void RoutedCall::attempt_failed(const CallError& error, TimeOut time_out) {
    const auto booked = book(error.error.name(), TargetBoard::Pass::Outcome::Kind::failed, &error, time_out);
    machine_.failed(error, time_out, has_left(), booked, now());
    has_told_route_ = false;
    if (!has_left()) {
        return;
    }
    if (!relay_->can_restart()) {
        machine_.give_up("content had left that no restart can repeat", now());
    } else if (route_->definition.policy.mid_stream == RoutePolicy::MidStream::restart_marked) {
        relay_->forget();
        if (observer_ != nullptr) {
            observer_->on_restart();
        }
    }
}

AnswerRelay& RoutedCall::relay() {
    if (relay_ == nullptr) {
        relay_ = std::make_unique<AnswerRelay>(route_->definition.policy.mid_stream, holds_answer());
        relay_->begin();
    }
    return *relay_;
}

/// Settles the attempt with the board and the ledger. What it cost.
std::int64_t RoutedCall::book(std::string_view outcome,
                              TargetBoard::Pass::Outcome::Kind kind,
                              const CallError* error,
                              TimeOut time_out) {
    if (pass_ == nullptr) {
        return 0;
    }
    AttemptRecord record;
    record.request_id = request_->request_id;
    record.route = route_->definition.name;
    record.provider = target().provider;
    record.model = target().model.empty() ? request_->model : target().model;
    record.answered = model_;
    record.key = pass_->key_id();
    record.caller = request_->caller;
    record.attempt = machine_.attempts();
    record.outcome = outcome;
    record.duration = now() - progress_.started;
    if (first_content_at_ != Clock::Monotonic{}) {
        record.first_content = first_content_at_ - progress_.started;
    }
    const bool has_usage = usage_.input_tokens >= 0 || usage_.output_tokens >= 0;
    // An upstream bills what it has begun: not what it refused, nor what never reached it.
    const bool is_silent = http_status_ == 0 && (error == nullptr || time_out != TimeOut::none);
    const bool is_begun = http_status_ == 0 ? is_silent || progress_.has_content : http_status_ < 300;
    if (has_usage) {
        record.input_tokens = std::max<std::int64_t>(0, usage_.input_tokens);
        record.output_tokens = std::max<std::int64_t>(0, usage_.output_tokens);
        record.cached_input_tokens = std::max<std::int64_t>(0, usage_.cached_input_tokens);
        record.is_estimated = usage_.is_estimated;
    } else if (is_begun) {
        record.input_tokens = prompt_tokens_;
        record.output_tokens = output_tokens_;
        record.is_estimated = true;
    }
    route_->prices.price(record);
    pass_->settle({.kind = kind,
                   .error = error,
                   .is_time_out = time_out != TimeOut::none,
                   .tokens = record.input_tokens + record.output_tokens,
                   .first_content = record.first_content});
    pass_.reset();
    route_->doors.watcher.on_attempt(record);
    return record.cost_picousd;
}

void RoutedCall::finish(FinishReason finish_reason, const CallError* error) {
    if (std::exchange(is_over_, true)) {
        return;
    }
    call_.reset();
    timer_.reset();
    pass_.reset();
    RoutedRecord record;
    record.request_id = request_->request_id;
    record.route = route_->definition.name;
    record.caller = request_->caller;
    record.outcome = error == nullptr ? std::string("ok") : std::string(error->error.name());
    record.attempts = machine_.attempts();
    record.trail = machine_.trail().text();
    record.duration = now() - started_;
    route_->doors.watcher.on_routed(record);
    if (auto* observer = std::exchange(observer_, nullptr); observer != nullptr) {
        if (error != nullptr) {
            observer->on_route({target().provider, request_->model, {}, machine_.attempts(), record.trail});
        }
        observer->on_done(finish_reason, error);
    }
}

}  // namespace eco2::routing
