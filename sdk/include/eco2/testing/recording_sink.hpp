#pragma once

#include "eco2/abi/base.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace eco2::testing {

/// A delta with its own copies.
struct RecordedDelta {
    std::int32_t kind = 0;
    std::string text;
    std::string meta;
    std::string model;
    std::string upstream_request_id;
    std::int32_t upstream_http_status = 0;
    bool has_usage = false;
    eco2_usage usage{};
    bool has_limits = false;
    eco2_rate_limits limits{};
    std::uint32_t flags = 0;
};

struct RecordedResult {
    eco2_status status = -1;  // -1: not done yet
    eco2_finish_reason finish_reason = ECO2_FINISH_NONE;
    eco2_error_class error_class = ECO2_CLASS_NONE;
    std::int32_t upstream_http_status = 0;
    bool is_retryable = false;
    std::int64_t retry_after_ms = -1;
    std::string code;
    std::string message;
};

/// Records a call's output and notes every breach of the contract: a second on_done, a delta after it, callbacks that overlap
/// or come from inside the start, a failure without code or message.
///
/// Thread-safety: any thread. Lifetime: outlives the call.
class RecordingSink {
public:
    RecordingSink() {
        sink_.struct_size = sizeof sink_;
        sink_.ctx = this;
        sink_.on_delta = [](void* self, const eco2_delta* delta) {
            return static_cast<RecordingSink*>(self)->on_delta(*delta);
        };
        sink_.on_done = [](void* self, const eco2_result* result) { static_cast<RecordingSink*>(self)->on_done(*result); };
    }
    ~RecordingSink() { release(); }
    RecordingSink(const RecordingSink&) = delete;
    RecordingSink& operator=(const RecordingSink&) = delete;

    /// Called for each delta with its index; its answer is what the plugin gets.
    std::function<eco2_flow(std::size_t index)> delta_hook;
    /// Called from inside on_done.
    std::function<void()> done_hook;

    /// Starts a call: `start(const eco2_sink*, const eco2_call** out) -> eco2_status`.
    template <class Start>
    eco2_status start(Start&& start) {
        starting_thread_.store(std::this_thread::get_id());
        const eco2_call* made = nullptr;
        const eco2_status status = std::forward<Start>(start)(&sink_, &made);
        starting_thread_.store(std::thread::id());
        if ((status == ECO2_OK) != (made != nullptr)) {
            note("start: the call must be given exactly when the status is ECO2_OK");
        }
        const std::lock_guard lock(mutex_);
        call_ = made;
        return status;
    }
    void resume() {
        with_call([](const eco2_call* call) { call->resume(call->self); });
    }
    void cancel() {
        with_call([](const eco2_call* call) { call->cancel(call->self); });
    }
    void release() {
        const eco2_call* dropped = nullptr;
        {
            const std::lock_guard lock(mutex_);
            dropped = std::exchange(call_, nullptr);
        }
        if (dropped != nullptr) {
            dropped->release(dropped->self);
        }
    }

    std::vector<RecordedDelta> deltas() const {
        const std::lock_guard lock(mutex_);
        return deltas_;
    }
    /// All that was said, as text or in chat deltas.
    std::string text() const {
        std::string out;
        for (const RecordedDelta& delta : deltas()) {
            const bool is_said = delta.kind == ECO2_DELTA_TEXT || delta.kind == ECO2_DELTA_CHAT;
            out += is_said ? delta.text : std::string();
        }
        return out;
    }
    std::vector<RecordedDelta> deltas_of(std::int32_t kind) const {
        std::vector<RecordedDelta> out = deltas();
        std::erase_if(out, [&](const RecordedDelta& delta) { return delta.kind != kind; });
        return out;
    }
    RecordedResult result() const {
        const std::lock_guard lock(mutex_);
        return result_;
    }
    bool is_done() const { return done_count_.load() > 0; }
    /// Empty: the plugin kept the contract, and the call is done.
    std::vector<std::string> breaches() const {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> out = breaches_;
        if (done_count_.load() == 0) {
            out.emplace_back("on_done never came");
        }
        return out;
    }

private:
    static std::string text_of(eco2_str from) { return std::string(from.data == nullptr ? "" : from.data, from.size); }

    template <class Use>
    void with_call(Use&& use) {
        const eco2_call* call = nullptr;
        {
            const std::lock_guard lock(mutex_);
            call = call_;
        }
        if (call != nullptr) {
            use(call);
        }
    }
    void note(std::string breach) {
        const std::lock_guard lock(mutex_);
        breaches_.push_back(std::move(breach));
    }
    void enter(std::string_view name) {
        if (is_busy_.exchange(true)) {
            note(std::string(name) + ": callbacks overlap");
        }
        if (starting_thread_.load() == std::this_thread::get_id()) {
            note(std::string(name) + ": from inside the start");
        }
        if (done_count_.load() > 0) {
            note(std::string(name) + ": after on_done");
        }
    }

    eco2_flow on_delta(const eco2_delta& delta) {
        enter("on_delta");
        RecordedDelta kept{delta.kind,
                           text_of(delta.text),
                           text_of(delta.meta),
                           text_of(delta.model),
                           text_of(delta.upstream_request_id),
                           delta.upstream_http_status,
                           delta.usage != nullptr,
                           delta.usage != nullptr ? *delta.usage : eco2_usage{},
                           delta.limits != nullptr,
                           delta.limits != nullptr ? *delta.limits : eco2_rate_limits{},
                           delta.flags};
        std::size_t index = 0;
        {
            const std::lock_guard lock(mutex_);
            index = deltas_.size();
            deltas_.push_back(std::move(kept));
        }
        const eco2_flow flow = delta_hook ? delta_hook(index) : ECO2_CONTINUE;
        is_busy_.store(false);
        return flow;
    }

    void on_done(const eco2_result& result) {
        enter("on_done");
        RecordedResult kept;
        kept.status = result.status;
        kept.finish_reason = result.finish_reason;
        if (result.error != nullptr) {
            kept.error_class = result.error->error_class;
            kept.upstream_http_status = result.error->upstream_http_status;
            kept.is_retryable = (result.error->flags & ECO2_ERROR_RETRYABLE) != 0;
            kept.retry_after_ms = result.error->retry_after_ms;
            kept.code = text_of(result.error->code);
            kept.message = text_of(result.error->message);
        }
        if ((result.error == nullptr) != (result.status == ECO2_OK)) {
            note("on_done: an error must be given exactly when the status is not ECO2_OK");
        }
        if (result.error != nullptr && (kept.code.empty() || kept.message.empty())) {
            note("on_done: a failure without code or message");
        }
        {
            const std::lock_guard lock(mutex_);
            result_ = std::move(kept);
        }
        is_busy_.store(false);
        if (done_hook) {
            done_hook();
        }
        done_count_.fetch_add(1);
    }

    eco2_sink sink_{};
    mutable std::mutex mutex_;
    const eco2_call* call_ = nullptr;
    std::vector<RecordedDelta> deltas_;
    RecordedResult result_;
    std::vector<std::string> breaches_;
    std::atomic<std::thread::id> starting_thread_{};
    std::atomic<bool> is_busy_{false};
    std::atomic<int> done_count_{0};
};

}  // namespace eco2::testing
