#include "plugin_host/health_probe.hpp"

#include "base/io_thread.hpp"
#include "plugin_host/abi_values.hpp"
#include "plugin_host/plugin_frame.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>

namespace eco2::plugin_host {
namespace {

/// The sink of one self-test. Alive until the plugin's on_done has returned, also after the prober gave up.
class Probe {
public:
    explicit Probe(std::shared_ptr<InstanceContext> context) : context_(std::move(context)) {}

    eco2_status start(const eco2_health& table, std::chrono::nanoseconds timeout, std::shared_ptr<Probe> self) {
        self_ = std::move(self);
        const auto deadline = abi_time(context_->doors().clock.now() + timeout);
        eco2_status status = ECO2_INTERNAL;
        try {
            const PluginFrame frame(*context_, "health check");
            status = table.check(table.self, deadline, &sink_, &call_);
        } catch (...) {
            context_->note_violation("an exception crossed the boundary", "health check");
        }
        if (status != ECO2_OK) {
            call_ = nullptr;
            self_.reset();
        }
        return status;
    }

    bool wait(std::chrono::nanoseconds timeout) {
        std::unique_lock lock(mutex_);
        return ended_.wait_for(lock, timeout, [this] { return is_done_; });
    }

    void cancel() noexcept { call(&eco2_call::cancel); }
    void release() noexcept {
        call(&eco2_call::release);
        call_ = nullptr;
    }

    Result<void> verdict() {
        const std::lock_guard lock(mutex_);
        if (status_ == ECO2_OK) {
            return {};
        }
        return fail(Errc::plugin_failed, "the self-test of instance " + context_->id() + " failed: " + reason_);
    }

private:
    static eco2_flow on_delta(void*, const eco2_delta*) noexcept { return ECO2_CONTINUE; }

    static void on_done(void* raw, const eco2_result* raw_result) noexcept {
        auto& probe = *static_cast<Probe*>(raw);
        std::shared_ptr<Probe> self;
        {
            const std::lock_guard lock(probe.mutex_);
            if (probe.self_ == nullptr) {
                return;
            }
            const AbiView<eco2_result> result(raw_result, {sizeof(eco2_result), ECO2_INTERNAL, 0, 0, nullptr});
            probe.status_ = result ? result->status : ECO2_INTERNAL;
            probe.reason_ = describe(probe.status_, result ? result->error : nullptr);
            self = std::move(probe.self_);
        }
        // Out of the gate before the prober goes on: it destroys the plugin of a failed self-test only where nobody is inside.
        self->context_->calls().leave();
        const std::lock_guard lock(self->mutex_);
        self->is_done_ = true;
        self->ended_.notify_all();
    }

    void call(void (*eco2_call::*operation)(void*)) noexcept {
        if (call_ == nullptr || call_->*operation == nullptr) {
            return;
        }
        try {
            const PluginFrame frame(*context_, "health check");
            (call_->*operation)(call_->self);
        } catch (...) {
            context_->note_violation("an exception crossed the boundary", "health check");
        }
    }

    const std::shared_ptr<InstanceContext> context_;
    const eco2_sink sink_{sizeof(eco2_sink), 0, this, &Probe::on_delta, &Probe::on_done};
    const eco2_call* call_ = nullptr;
    std::mutex mutex_;
    std::condition_variable ended_;
    std::shared_ptr<Probe> self_;
    bool is_done_ = false;
    eco2_status status_ = ECO2_INTERNAL;
    std::string reason_;
};

}  // namespace

Result<void> probe_health(const std::shared_ptr<InstanceContext>& context,
                          const eco2_health& table,
                          std::chrono::milliseconds timeout) {
    assert_may_block();
    if (!context->calls().enter()) {
        return fail(Errc::draining, "instance " + context->id() + " is stopping");
    }
    const auto probe = std::make_shared<Probe>(context);
    if (const auto status = probe->start(table, timeout, probe); status != ECO2_OK) {
        context->calls().leave();
        return fail(Errc::plugin_failed,
                    "the self-test of instance " + context->id() + " did not start: " + std::string(status_name(status)));
    }
    if (probe->wait(timeout)) {
        probe->release();
        return probe->verdict();
    }
    probe->cancel();
    if (probe->wait(limits::kCancelGrace)) {
        probe->release();
    } else {
        context->note_degraded("health check");
    }
    return fail(
        Errc::plugin_failed,
        "the self-test of instance " + context->id() + " did not end within " + std::to_string(timeout.count()) + " ms");
}

}  // namespace eco2::plugin_host
