#include "plugin_host/services_executor.hpp"

#include "plugin_host/plugin_frame.hpp"

#include <algorithm>
#include <utility>

namespace eco2::plugin_host {

ExecutorService::ExecutorService(InstanceContext& context)
    : context_(context),
      table_{sizeof(eco2_executor_service),
             0,
             this,
             &ExecutorService::post,
             &ExecutorService::post_after,
             &ExecutorService::cancel_timer,
             &ExecutorService::run_blocking} {}

void ExecutorService::PluginTask::run(TaskFate fate) const noexcept {
    const PluginFrame frame(*context, name);
    const bool is_due = fate == TaskFate::due && !context->are_tasks_cancelled();
    try {
        function(argument, is_due ? ECO2_OK : ECO2_CANCELLED);
    } catch (...) {
        context->note_violation("an exception crossed the boundary", name);
    }
}

void ExecutorService::PluginTask::run_and_leave(TaskFate fate) const noexcept {
    run(fate);
    context->frames().leave();
}

eco2_status ExecutorService::post(void* self, eco2_task_fn task, void* arg) noexcept {
    auto& service = *static_cast<ExecutorService*>(self);
    const HostFrame frame;
    if (task == nullptr) {
        return ECO2_INVALID_ARGUMENT;
    }
    if (!service.context_.frames().enter()) {
        return ECO2_UNAVAILABLE;
    }
    service.context_.doors().executor.post([held = PluginTask{service.context_.shared_from_this(), task, arg, "task"}](
                                               TaskFate fate) { held.run_and_leave(fate); });
    return ECO2_OK;
}

std::uint64_t ExecutorService::reserve_timer() {
    const std::lock_guard lock(mutex_);
    if (timers_.size() >= limits::kPluginTimersMax) {
        return 0;
    }
    timers_.emplace(++last_timer_, nullptr);
    return last_timer_;
}

void ExecutorService::keep_timer(std::uint64_t id, std::unique_ptr<Timer> timer) {
    const std::lock_guard lock(mutex_);
    if (const auto found = timers_.find(id); found != timers_.end() && !are_timers_dropped_) {
        std::swap(found->second, timer);
    }
    // Otherwise the instance stops, or the task has already cancelled its own timer: it goes with this function.
}

eco2_status ExecutorService::post_after(
    void* self, std::int64_t delay_ns, eco2_task_fn task, void* arg, eco2_timer** out) noexcept {
    auto& service = *static_cast<ExecutorService*>(self);
    const HostFrame frame;
    if (task == nullptr || out == nullptr) {
        return ECO2_INVALID_ARGUMENT;
    }
    *out = nullptr;
    if (!service.context_.frames().enter()) {
        return ECO2_UNAVAILABLE;
    }
    const auto id = service.reserve_timer();
    if (id == 0) {
        service.context_.frames().leave();
        return ECO2_RESOURCE_EXHAUSTED;
    }
    *out = reinterpret_cast<eco2_timer*>(id);
    auto timer = service.context_.doors().executor.post_after(
        std::chrono::nanoseconds(std::max<std::int64_t>(delay_ns, 0)),
        [held = PluginTask{service.context_.shared_from_this(), task, arg, "timer"}](TaskFate fate) {
            held.run_and_leave(fate);
        });
    service.keep_timer(id, std::move(timer));
    return ECO2_OK;
}

void ExecutorService::cancel_timer(void* self, eco2_timer* raw) noexcept {
    auto& service = *static_cast<ExecutorService*>(self);
    const HostFrame frame;
    std::unique_ptr<Timer> timer;  // goes after the lock: its task may want it
    bool is_known = false;
    {
        const std::lock_guard lock(service.mutex_);
        if (const auto found = service.timers_.find(reinterpret_cast<std::uint64_t>(raw)); found != service.timers_.end()) {
            timer = std::move(found->second);
            service.timers_.erase(found);
            is_known = true;
        }
    }
    if (!is_known) {
        service.context_.note_violation("cancel_timer of a timer that is not there", "executor.cancel_timer");
    }
}

eco2_status ExecutorService::run_blocking(void* self, eco2_task_fn work, eco2_task_fn done, void* arg) noexcept {
    auto& service = *static_cast<ExecutorService*>(self);
    const HostFrame frame;
    if (work == nullptr || done == nullptr) {
        return ECO2_INVALID_ARGUMENT;
    }
    if (!service.context_.frames().enter()) {
        return ECO2_UNAVAILABLE;
    }
    const auto context = service.context_.shared_from_this();
    const bool is_accepted = service.context_.doors().executor.run_blocking(
        [held = PluginTask{context, work, arg, "blocking work"}](TaskFate fate) { held.run(fate); },
        [held = PluginTask{context, done, arg, "blocking work's end"}](TaskFate fate) { held.run_and_leave(fate); });
    if (!is_accepted) {
        context->frames().leave();
        return ECO2_RESOURCE_EXHAUSTED;
    }
    return ECO2_OK;
}

void ExecutorService::drop_timers() {
    std::unordered_map<std::uint64_t, std::unique_ptr<Timer>> dropped;
    const std::lock_guard lock(mutex_);
    are_timers_dropped_ = true;
    for (auto& [id, timer] : timers_) {
        dropped.emplace(id, std::move(timer));  // the numbers stay: each is still cancelled once by the plugin
    }
}

}  // namespace eco2::plugin_host
