#include "plugin_host/call_core.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "plugin_host/plugin_frame.hpp"

namespace eco2::plugin_host {
namespace {

/// What a queued event costs beside its text.
constexpr std::size_t kEventBytes = 128;

constexpr eco2_delta kNoDelta = {sizeof(eco2_delta), 0, 0, 0, {}, {}, {}, {}, nullptr, nullptr};

}  // namespace

/// A callback that waits to change threads: a copy, since the plugin's is borrowed for the callback.
struct CallCore::Event {
    enum class Kind { delta, end, failure };

    Kind kind = Kind::delta;
    int delta_kind = 0;
    std::string text;
    std::string meta;
    std::string upstream_request_id;
    std::string model;
    int upstream_http_status = 0;
    std::uint32_t flags = 0;
    std::optional<eco2_usage> usage;
    std::optional<eco2_rate_limits> limits;
    eco2_status status = ECO2_OK;
    FinishReason finish = FinishReason::none;
    std::unique_ptr<CallError> error;
    Errc failure = Errc::internal;

    std::size_t bytes() const noexcept {
        return kEventBytes + text.size() + meta.size() + upstream_request_id.size() + model.size();
    }
};

/// What the host holds: gone means silent and cancelled.
class CallHandle final : public Call {
public:
    explicit CallHandle(CallCore* core) noexcept : core_(CallRef::share(core)) {}
    ~CallHandle() override { core_->abandoned(); }
    CallHandle(const CallHandle&) = delete;
    CallHandle& operator=(const CallHandle&) = delete;

    void resume() override { core_->resume_asked(); }
    void cancel() override { core_->cancel_asked(); }

private:
    CallRef core_;
};

CallCore::CallCore(std::shared_ptr<InstanceContext> context,
                   CallFamily family,
                   std::string_view function,
                   CallObserver& observer)
    : context_(std::move(context)),
      family_(family),
      function_(function),
      thread_(context_->doors().executor.current_thread()),
      sink_{sizeof(eco2_sink), 0, this, &CallCore::take_delta, &CallCore::take_done},
      observer_(&observer) {}

CallCore::~CallCore() = default;

void CallCore::drop_ref() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete this;
    }
}

/// Runs `Step` later on the call's thread, with the call kept alive. A plain pointer so that the task needs no allocation.
template <void (CallCore::*Step)()>
void CallCore::post_step() {
    add_ref();
    context_->doors().executor.post_to(thread_, [this](TaskFate) {
        const auto held = CallRef::adopt(this);
        (this->*Step)();
    });
}

// ---- start ----

StartedCall start_call(CallCore* fresh) {
    const auto held = CallRef::adopt(fresh);
    return fresh->start();
}

StartedCall CallCore::start() {
    if (thread_ < 0) {
        return fail(Errc::internal, "a plugin was called from a thread that is not an I/O thread");
    }
    if (!context_->calls().enter()) {
        return fail(Errc::draining, "instance " + context_->id() + " is stopping");
    }
    add_ref();  // the plugin's, until finish
    context_->add(*this);
    eco2_status status = ECO2_INTERNAL;
    bool has_thrown = false;
    is_starting_ = true;
    {
        const PluginFrame frame(*context_, function_);
        try {
            status = begin(sink_, &plugin_call_);
        } catch (...) {
            has_thrown = true;
        }
    }
    is_starting_ = false;
    return settle_start(status, has_thrown);
}

StartedCall CallCore::settle_start(eco2_status status, bool has_thrown) {
    if (has_thrown || status != ECO2_OK) {
        plugin_call_ = nullptr;
        observer_ = nullptr;
        const bool has_ended = is_done_.exchange(true);
        if (has_thrown) {
            context_->note_violation("an exception crossed the boundary", function_);
        } else if (has_ended) {
            context_->note_violation("on_done after a start that was refused", function_);
        }
        finish();
        if (has_thrown) {
            return fail(Errc::plugin_contract, "plugin " + context_->plugin() + " threw across the boundary");
        }
        return call_error_of(family_, status, nullptr).error;
    }
    if (plugin_call_ == nullptr) {
        has_broken_start_ = true;
        context_->note_violation("a start that gave no call", function_);
    } else if (plugin_call_->struct_size < sizeof(eco2_call)) {
        has_broken_start_ = true;
        plugin_call_ = nullptr;
        context_->note_violation("a call shorter than this ABI's", function_);
    }
    if (!has_broken_start_) {
        return std::unique_ptr<Call>(std::make_unique<CallHandle>(this));
    }
    observer_ = nullptr;
    if (is_done_ && queued_ == 0) {
        finish();
    } else {
        cancel_asked();
    }
    return fail(Errc::plugin_contract,
                "plugin " + context_->plugin() + " broke a rule of the ABI in " + std::string(function_));
}

// ---- callbacks from the plugin ----

bool CallCore::enter_callback() noexcept {
    if (is_in_callback_.exchange(true, std::memory_order_acq_rel)) {
        violate("callbacks of one call overlap");
        return false;
    }
    return true;
}

CallCore::Place CallCore::place_of_callback() const noexcept {
    if (context_->doors().executor.current_thread() != thread_) {
        return Place::elsewhere;
    }
    if (is_starting_) {
        return Place::inside_start;
    }
    // Order is kept behind what already waits, and nothing is told from inside a call of ours.
    return is_in_plugin_ || queued_.load(std::memory_order_acquire) != 0 ? Place::elsewhere : Place::here;
}

eco2_flow CallCore::take_delta(void* self, const eco2_delta* delta) noexcept {
    auto* call = static_cast<CallCore*>(self);
    const auto held = CallRef::share(call);
    const HostFrame frame;
    if (!call->enter_callback()) {
        return ECO2_CONTINUE;
    }
    eco2_flow flow = ECO2_CONTINUE;
    if (call->is_done_.load(std::memory_order_acquire)) {
        call->violate("on_delta after on_done");
    } else if (delta == nullptr) {
        call->violate("on_delta without a delta");
    } else {
        const AbiView<eco2_delta> view(delta, kNoDelta);
        flow = call->delta_came(*view);
    }
    call->is_in_callback_.store(false, std::memory_order_release);
    return flow;
}

eco2_flow CallCore::delta_came(const eco2_delta& delta) {
    switch (place_of_callback()) {
        case Place::inside_start:
            has_broken_start_ = true;
            context_->note_violation("on_delta from inside the start", function_);
            return ECO2_CONTINUE;
        case Place::elsewhere: return enqueue(delta);
        case Place::here: break;
    }
    is_delivering_ = true;
    const auto flow = deliver(delta);
    is_delivering_ = false;
    if (flow == CallObserver::Flow::go_on || observer_ == nullptr || is_cancelled_) {
        return ECO2_CONTINUE;
    }
    is_observer_paused_ = true;
    is_plugin_paused_ = true;
    return ECO2_PAUSE;
}

void CallCore::take_done(void* self, const eco2_result* result) noexcept {
    auto* call = static_cast<CallCore*>(self);
    const auto held = CallRef::share(call);
    const HostFrame frame;
    const bool is_alone = call->enter_callback();
    if (call->is_done_.exchange(true, std::memory_order_acq_rel)) {
        call->violate("on_done twice");
    } else {
        call->done_came(result, is_alone);
    }
    if (is_alone) {
        call->is_in_callback_.store(false, std::memory_order_release);
    }
}

void CallCore::done_came(const eco2_result* raw, bool is_alone) {
    const AbiView<eco2_result> result(raw, {sizeof(eco2_result), ECO2_INTERNAL, ECO2_FINISH_NONE, 0, nullptr});
    const auto status = result ? result->status : ECO2_INTERNAL;
    const auto finish_reason = result ? finish_of(result->finish_reason) : FinishReason::none;
    std::unique_ptr<CallError> error;
    if (!result) {
        context_->note_violation("on_done without a result", function_);
        error = std::make_unique<CallError>(call_error(Errc::plugin_contract, "the plugin ended a call without a result"));
    } else if (status != ECO2_OK) {
        error = std::make_unique<CallError>(call_error_of(family_, status, result->error));
    }
    switch (is_alone ? place_of_callback() : Place::elsewhere) {
        case Place::inside_start:
            has_broken_start_ = true;
            context_->note_violation("on_done from inside the start", function_);
            return;
        case Place::elsewhere: {
            Event event;
            event.kind = Event::Kind::end;
            event.status = status;
            event.finish = finish_reason;
            event.error = std::move(error);
            enqueue(std::move(event));
            return;
        }
        case Place::here: break;
    }
    is_delivering_ = true;
    deliver_end(status, finish_reason, std::move(error));
    is_delivering_ = false;
    // The plugin may still touch its call when this returns: let go of it later.
    post_step<&CallCore::finish>();
}

/// Counts, and fails the call where it has not ended.
void CallCore::violate(std::string_view rule) {
    context_->note_violation(rule, function_);
    if (is_done_.load(std::memory_order_acquire)) {
        return;
    }
    Event event;
    event.kind = Event::Kind::failure;
    event.failure = Errc::plugin_contract;
    event.text = "plugin " + context_->plugin() + " broke a rule of the ABI: " + std::string(rule);
    enqueue(std::move(event));
}

// ---- changing threads ----

eco2_flow CallCore::enqueue(const eco2_delta& delta) {
    Event event;
    event.delta_kind = delta.kind;
    event.text = text_of(delta.text);
    event.meta = text_of(delta.meta);
    event.upstream_request_id = text_of(delta.upstream_request_id);
    event.model = text_of(delta.model);
    event.upstream_http_status = delta.upstream_http_status;
    event.flags = delta.flags;
    if (delta.usage != nullptr) {
        const AbiView<eco2_usage> usage(delta.usage, {sizeof(eco2_usage), 0, -1, -1, -1, -1});
        event.usage = *usage;
        event.usage->struct_size = sizeof(eco2_usage);
    }
    if (delta.limits != nullptr) {
        const AbiView<eco2_rate_limits> limits(delta.limits, {sizeof(eco2_rate_limits), 0, -1, -1, -1, -1, -1, -1});
        event.limits = *limits;
        event.limits->struct_size = sizeof(eco2_rate_limits);
    }
    return push(std::move(event)) ? ECO2_PAUSE : ECO2_CONTINUE;
}

void CallCore::enqueue(Event event) {
    push(std::move(event));
}

/// True: the plugin should pause.
bool CallCore::push(Event event) {
    bool wants_pause = false;
    {
        const std::lock_guard lock(mutex_);
        const bool is_delta = event.kind == Event::Kind::delta;
        if (is_delta && has_overflowed_) {
            return true;
        }
        queue_bytes_ += event.bytes();
        if (is_delta && queue_bytes_ > limits::kProviderTextBytesMax + limits::kCallQueueBytesMax) {
            has_overflowed_ = true;
            event = Event{};
            event.kind = Event::Kind::failure;
            event.failure = Errc::provider_bad_answer;
            event.text = "the plugin went on after it was told to pause";
        }
        wants_pause = is_delta && (is_observer_paused_ || queue_bytes_ > limits::kCallQueueBytesMax);
        if (wants_pause) {
            is_plugin_paused_ = true;
        }
        queue_.push_back(std::move(event));
        queued_.store(queue_.size(), std::memory_order_release);
    }
    post_pump();
    return wants_pause;
}

void CallCore::post_pump() {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(is_pump_posted_, true)) {
            return;
        }
    }
    post_step<&CallCore::pump>();
}

bool CallCore::pop(Event& event) {
    const std::lock_guard lock(mutex_);
    if (queue_.empty() || (is_observer_paused_ && queue_.front().kind == Event::Kind::delta)) {
        return false;
    }
    event = std::move(queue_.front());
    queue_.pop_front();
    queue_bytes_ -= event.bytes();
    return true;
}

void CallCore::pump() {
    {
        const std::lock_guard lock(mutex_);
        is_pump_posted_ = false;
    }
    Event event;
    while (!is_finished_ && pop(event)) {
        switch (event.kind) {
            case Event::Kind::failure: fail_now(event.failure, std::move(event.text)); break;
            case Event::Kind::end:
                deliver_end(event.status, event.finish, std::move(event.error));
                finish();
                break;
            case Event::Kind::delta: {
                const eco2_delta delta = {sizeof(eco2_delta),
                                          event.delta_kind,
                                          event.upstream_http_status,
                                          event.flags,
                                          abi_text(event.text),
                                          abi_text(event.meta),
                                          abi_text(event.upstream_request_id),
                                          abi_text(event.model),
                                          event.usage ? &*event.usage : nullptr,
                                          event.limits ? &*event.limits : nullptr};
                if (deliver(delta) == CallObserver::Flow::pause && observer_ != nullptr && !is_cancelled_) {
                    is_observer_paused_ = true;
                }
                break;
            }
        }
        // Only now, so that a callback that comes from inside a delivery queues up behind it.
        const std::lock_guard lock(mutex_);
        queued_.store(queue_.size(), std::memory_order_release);
    }
    if (!is_finished_ && !is_observer_paused_ && queued_ == 0) {
        resume_plugin();
    }
}

// ---- to the observer ----

CallObserver::Flow CallCore::deliver(const eco2_delta& delta) {
    using Flow = CallObserver::Flow;
    if (observer_ == nullptr) {
        return Flow::go_on;
    }
    switch (delta.kind) {
        case ECO2_DELTA_TEXT:
        case ECO2_DELTA_TOOL:
        case ECO2_DELTA_CHAT: return deliver_answer(delta);
        case ECO2_DELTA_RESULT: deliver_result(text_of(delta.text), text_of(delta.meta)); break;
        case ECO2_DELTA_USAGE:
            if (delta.usage != nullptr) {
                observer_->on_usage(usage_of(*delta.usage));
            }
            break;
        case ECO2_DELTA_META: {
            const auto limits = delta.limits == nullptr ? RateLimits{} : limits_of(*delta.limits);
            observer_->on_meta({.model = text_of(delta.model),
                                .upstream_request_id = text_of(delta.upstream_request_id),
                                .upstream_http_status = delta.upstream_http_status,
                                .limits = delta.limits == nullptr ? nullptr : &limits});
            break;
        }
        default: break;  // raw events have no reader; unknown kinds are skipped by the ABI's rule
    }
    return Flow::go_on;
}

CallObserver::Flow CallCore::deliver_answer(const eco2_delta& delta) {
    const auto text = text_of(delta.text);
    const auto json = text_of(delta.meta);
    text_bytes_ += text.size();
    if (text_bytes_ > limits::kProviderTextBytesMax || json.size() > limits::kUpstreamBodyBytesMax) {
        // What was asked for is too long for us: no other target would be better, and this one has done nothing wrong.
        fail_now(Errc::provider_bad_answer,
                 "the answer is longer than " + std::to_string(limits::kProviderTextBytesMax) + " bytes",
                 FaultClass::caller_fault);
        return CallObserver::Flow::go_on;
    }
    if (!is_valid_utf8(text) || !is_valid_utf8(json)) {
        context_->note_violation("text that is not UTF-8", function_);
        fail_now(Errc::plugin_contract, "plugin " + context_->plugin() + " gave text that is not UTF-8");
        return CallObserver::Flow::go_on;
    }
    switch (delta.kind) {
        case ECO2_DELTA_TOOL: return observer_->on_tool(text);
        case ECO2_DELTA_CHAT: return observer_->on_chat(text, json, (delta.flags & ECO2_DELTA_CONTENT) != 0);
        default: return observer_->on_text(text);
    }
}

void CallCore::deliver_result(std::string_view json, std::string_view meta) {
    if (json.size() + meta.size() > limits::kProviderTextBytesMax) {
        fail_now(family_ == CallFamily::rule_store ? Errc::rule_store_failed
                 : family_ == CallFamily::reward   ? Errc::reward_failed
                                                   : Errc::provider_bad_answer,
                 "the result is longer than " + std::to_string(limits::kProviderTextBytesMax) + " bytes");
        return;
    }
    if (!is_valid_utf8(json) || !is_valid_utf8(meta)) {
        context_->note_violation("a result that is not UTF-8", function_);
        fail_now(Errc::plugin_contract, "plugin " + context_->plugin() + " gave a result that is not UTF-8");
        return;
    }
    observer_->on_result(json, meta);
}

void CallCore::deliver_end(eco2_status status, FinishReason finish_reason, std::unique_ptr<CallError> error) {
    if (is_cancelled_) {
        const auto cancelled = call_error(Errc::cancelled, "the call was cancelled");
        tell_end(FinishReason::none, &cancelled);
    } else if (status == ECO2_OK && error == nullptr) {
        tell_end(finish_reason, nullptr);
    } else {
        tell_end(FinishReason::none, error.get());
    }
}

/// Ends the call for the observer now; the plugin is cancelled and waited for in silence.
void CallCore::fail_now(Errc code, std::string detail, FaultClass fault) {
    auto error = call_error(code, std::move(detail));
    error.fault = fault;
    cancel_asked();
    tell_end(FinishReason::none, &error);
}

void CallCore::tell_end(FinishReason finish_reason, const CallError* error) {
    if (auto* observer = std::exchange(observer_, nullptr); observer != nullptr) {
        observer->on_done(finish_reason, error);
    }
}

// ---- from the host ----

void CallCore::resume_asked() {
    is_observer_paused_ = false;
    if (is_finished_) {
        return;
    }
    if (is_delivering_ || queued_ != 0) {
        post_pump();
    } else {
        resume_plugin();
    }
}

void CallCore::cancel_asked() {
    if (is_finished_ || is_cancelled_) {
        return;
    }
    is_cancelled_ = true;
    // A paused observer is not waited for: what is queued goes by, so that the end is reached.
    is_observer_paused_ = false;
    if (queued_ != 0) {
        post_pump();
    }
    if (is_done_.load(std::memory_order_acquire)) {
        return;
    }
    watch_grace();
    if (is_delivering_) {
        post_step<&CallCore::cancel_plugin>();
    } else {
        cancel_plugin();
    }
}

void CallCore::post_cancel() {
    post_step<&CallCore::cancel_asked>();
}

void CallCore::abandoned() {
    observer_ = nullptr;
    cancel_asked();
}

// ---- to the plugin ----

void CallCore::resume_plugin() {
    if (is_done_.load(std::memory_order_acquire) || !is_plugin_paused_) {
        return;
    }
    if (is_in_callback_.load(std::memory_order_acquire)) {
        post_pump();  // its ECO2_PAUSE has not returned yet: a resume now would be lost on it
        return;
    }
    is_plugin_paused_ = false;
    call_plugin(&eco2_call::resume, "resume");
}

void CallCore::cancel_plugin() {
    if (!is_done_.load(std::memory_order_acquire)) {
        call_plugin(&eco2_call::cancel, "cancel");
    }
}

void CallCore::call_plugin(void (*eco2_call::*operation)(void*), std::string_view function) {
    if (plugin_call_ == nullptr || is_finished_ || plugin_call_->*operation == nullptr) {
        return;
    }
    is_in_plugin_ = true;
    try {
        const PluginFrame frame(*context_, function);
        (plugin_call_->*operation)(plugin_call_->self);
    } catch (...) {
        context_->note_violation("an exception crossed the boundary", function);
    }
    is_in_plugin_ = false;
}

void CallCore::watch_grace() {
    add_ref();
    grace_ = context_->doors().executor.post_after(limits::kCancelGrace, [this](TaskFate fate) {
        const auto held = CallRef::adopt(this);
        if (fate == TaskFate::due) {
            grace_over();
        }
    });
}

void CallCore::grace_over() {
    if (is_done_.load(std::memory_order_acquire)) {
        return;
    }
    context_->note_degraded(function_);
    const auto error =
        call_error(Errc::plugin_contract, "plugin " + context_->plugin() + " did not end a cancelled call in time");
    tell_end(FinishReason::none, &error);
}

void CallCore::finish() {
    if (std::exchange(is_finished_, true)) {
        return;
    }
    observer_ = nullptr;
    grace_.reset();
    if (const auto* call = std::exchange(plugin_call_, nullptr); call != nullptr && call->release != nullptr) {
        try {
            const PluginFrame frame(*context_, "release");
            call->release(call->self);
        } catch (...) {
            context_->note_violation("an exception crossed the boundary", "release");
        }
    }
    drop_request();
    context_->retire(*this);
    context_->calls().leave();
    drop_ref();
}

}  // namespace eco2::plugin_host
