#pragma once

#include "plugin_host/instance_context.hpp"

#include <eco2/abi/services.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace eco2::plugin_host {

/// eco2.draft.executor over Executor: every task is inside the instance's gate from its acceptance to its end.
///
/// Thread-safety: any thread.
/// Limits:        limits::kPluginTimersMax; the blocking pool's queue.
/// Errors:        ECO2_UNAVAILABLE once the instance stops.
class ExecutorService {
public:
    explicit ExecutorService(InstanceContext& context);
    ExecutorService(const ExecutorService&) = delete;
    ExecutorService& operator=(const ExecutorService&) = delete;

    const eco2_executor_service& table() const noexcept { return table_; }

    /// Each pending timer's task runs soon, with ECO2_CANCELLED.
    void drop_timers();

private:
    struct PluginTask {
        std::shared_ptr<InstanceContext> context;
        eco2_task_fn function;
        void* argument;
        std::string_view name;

        void run(TaskFate fate) const noexcept;
        void run_and_leave(TaskFate fate) const noexcept;
    };

    static eco2_status post(void* self, eco2_task_fn task, void* arg) noexcept;
    static eco2_status post_after(void* self, std::int64_t delay_ns, eco2_task_fn task, void* arg, eco2_timer** out) noexcept;
    static void cancel_timer(void* self, eco2_timer* timer) noexcept;
    static eco2_status run_blocking(void* self, eco2_task_fn work, eco2_task_fn done, void* arg) noexcept;

    /// What an eco2_timer stands for is a number, so that a stale one is recognised.
    std::uint64_t reserve_timer();
    void keep_timer(std::uint64_t id, std::unique_ptr<Timer> timer);

    InstanceContext& context_;
    eco2_executor_service table_;
    std::mutex mutex_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Timer>> timers_;
    std::uint64_t last_timer_ = 0;
    bool are_timers_dropped_ = false;
};

}  // namespace eco2::plugin_host
