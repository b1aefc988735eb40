#include "plugin_host/instance_context.hpp"

#include "plugin_host/abi_values.hpp"
#include "plugin_host/call_core.hpp"

#include <string>
#include <utility>
#include <vector>

namespace eco2::plugin_host {

InstanceContext::InstanceContext(Doors doors, InstanceConfig config) : doors_(doors), config_(std::move(config)) {}

InstanceContext::~InstanceContext() = default;

void InstanceContext::note_violation(std::string_view rule, std::string_view function) noexcept {
    ++violations_;
    doors_.log.error("plugin broke a rule of the ABI",
                     {{"plugin", plugin()}, {"instance", id()}, {"rule", rule}, {"function", function}});
}

void InstanceContext::note_slow_call(std::string_view function, Clock::Monotonic::duration time) noexcept {
    constexpr std::int64_t kLogIntervalNs = 1'000'000'000;
    ++slow_calls_;
    const auto now = abi_time(doors_.clock.now());
    auto last = slow_logged_ns_.load();
    if ((last != 0 && now - last < kLogIntervalNs) || !slow_logged_ns_.compare_exchange_strong(last, now)) {
        return;
    }
    const auto ms = std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
    doors_.log.warn("plugin held an I/O thread",
                    {{"plugin", plugin()}, {"instance", id()}, {"function", function}, {"ms", ms}});
}

void InstanceContext::note_degraded(std::string_view function) noexcept {
    is_degraded_ = true;
    note_violation("a cancelled call did not end in time", function);
}

void InstanceContext::add(CallCore& call) {
    const std::lock_guard lock(mutex_);
    open_.insert(&call);
}

void InstanceContext::retire(CallCore& call) {
    CallRef forgotten;  // let go outside the lock
    const std::lock_guard lock(mutex_);
    open_.erase(&call);
    if (keeps_retired_) {
        call.add_ref();
        forgotten = CallRef::adopt(std::exchange(retired_[next_retired_], &call));
        next_retired_ = (next_retired_ + 1) % retired_.size();
    }
}

void InstanceContext::cancel_calls() {
    std::vector<CallRef> open;
    {
        const std::lock_guard lock(mutex_);
        for (auto* call : open_) {
            open.push_back(CallRef::share(call));
        }
    }
    for (auto& call : open) {
        call->post_cancel();
    }
}

void InstanceContext::forget_retired() {
    std::vector<CallRef> forgotten;
    const std::lock_guard lock(mutex_);
    keeps_retired_ = false;
    for (auto*& call : retired_) {
        forgotten.push_back(CallRef::adopt(std::exchange(call, nullptr)));
    }
}

}  // namespace eco2::plugin_host
