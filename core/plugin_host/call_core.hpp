#pragma once

#include "plugin_host/abi_values.hpp"
#include "plugin_host/instance_context.hpp"

#include <eco2/abi/base.h>

#include <atomic>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace eco2::plugin_host {

/// One call into a plugin, from its start until the plugin's on_done has come and its handle is released.
///
/// What the plugin tells is checked against the ABI's rules and handed to the observer on the I/O thread that started the call:
/// directly where it already comes from there, copied and posted where it does not. The host never calls resume, cancel or
/// release of a call from inside that call's own callbacks.
///
/// Thread-safety: take_delta, take_done, post_cancel, references: any thread. Everything else: the starting I/O thread.
/// Lifetime:      counted. The plugin's side holds one reference until the end, the host's handle another.
/// Limits:        limits::kProviderTextBytesMax of text, limits::kCallQueueBytesMax waiting to change threads before PAUSE,
///                limits::kCancelGrace from cancel to the end; then the observer is told so and the instance is degraded.
class CallCore {
public:
    CallCore(const CallCore&) = delete;
    CallCore& operator=(const CallCore&) = delete;

    void add_ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void drop_ref() noexcept;

    void post_cancel();

protected:
    CallCore(std::shared_ptr<InstanceContext> context, CallFamily family, std::string_view function, CallObserver& observer);
    virtual ~CallCore();

    const InstanceContext& context() const noexcept { return *context_; }

private:
    friend StartedCall start_call(CallCore* fresh);
    friend class CallHandle;

    struct Event;
    enum class Place { inside_start, here, elsewhere };

    /// Calls the interface's start function.
    virtual eco2_status begin(const eco2_sink& sink, const eco2_call** out) = 0;
    /// The request is not needed any more.
    virtual void drop_request() noexcept = 0;

    StartedCall start();
    StartedCall settle_start(eco2_status status, bool has_thrown);

    static eco2_flow take_delta(void* self, const eco2_delta* delta) noexcept;
    static void take_done(void* self, const eco2_result* result) noexcept;
    bool enter_callback() noexcept;
    Place place_of_callback() const noexcept;
    eco2_flow delta_came(const eco2_delta& delta);
    void done_came(const eco2_result* result, bool is_alone);
    void violate(std::string_view rule);

    eco2_flow enqueue(const eco2_delta& delta);
    void enqueue(Event event);
    bool push(Event event);
    void post_pump();
    void pump();
    bool pop(Event& event);

    CallObserver::Flow deliver(const eco2_delta& delta);
    CallObserver::Flow deliver_answer(const eco2_delta& delta);
    void deliver_result(std::string_view json, std::string_view meta);
    void deliver_end(eco2_status status, FinishReason finish, std::unique_ptr<CallError> error);
    void fail_now(Errc code, std::string detail, FaultClass fault = FaultClass::provider_fault);
    void tell_end(FinishReason finish, const CallError* error);

    void resume_asked();
    void cancel_asked();
    void abandoned();
    void resume_plugin();
    void cancel_plugin();
    void call_plugin(void (*eco2_call::*operation)(void*), std::string_view function);
    void watch_grace();
    void grace_over();
    void finish();

    template <void (CallCore::*Step)()>
    void post_step();

    const std::shared_ptr<InstanceContext> context_;
    const CallFamily family_;
    const std::string_view function_;
    const int thread_;
    eco2_sink sink_;
    std::atomic<int> references_{1};

    // any thread
    std::atomic<bool> is_in_callback_{false};
    std::atomic<bool> is_done_{false};
    std::atomic<bool> is_observer_paused_{false};
    std::atomic<bool> is_plugin_paused_{false};
    std::atomic<std::size_t> queued_{0};
    std::mutex mutex_;
    std::list<Event> queue_;
    std::size_t queue_bytes_ = 0;
    bool is_pump_posted_ = false;
    bool has_overflowed_ = false;

    // the starting thread
    CallObserver* observer_;
    const eco2_call* plugin_call_ = nullptr;
    std::unique_ptr<Timer> grace_;
    std::size_t text_bytes_ = 0;
    bool is_starting_ = false;
    bool is_in_plugin_ = false;   // resume, cancel or release is on the stack
    bool is_delivering_ = false;  // a callback of the plugin's is on this thread's stack
    bool is_cancelled_ = false;
    bool has_broken_start_ = false;
    bool is_finished_ = false;
};

/// Enters the instance's gate and starts `fresh`, whose only reference it takes over.
/// Errors: draining, plugin_contract, or what the plugin's refusal maps to. No callback follows an error.
StartedCall start_call(CallCore* fresh);

/// A counted pointer to a call.
class CallRef {
public:
    CallRef() = default;
    static CallRef adopt(CallCore* call) noexcept { return CallRef(call); }
    static CallRef share(CallCore* call) noexcept {
        call->add_ref();
        return CallRef(call);
    }
    CallRef(CallRef&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
    CallRef& operator=(CallRef&& other) noexcept {
        std::swap(call_, other.call_);
        return *this;
    }
    ~CallRef() {
        if (call_ != nullptr) {
            call_->drop_ref();
        }
    }

    CallCore* operator->() const noexcept { return call_; }

private:
    explicit CallRef(CallCore* call) noexcept : call_(call) {}
    CallCore* call_ = nullptr;
};

}  // namespace eco2::plugin_host
