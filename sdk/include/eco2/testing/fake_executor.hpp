#pragma once

#include "eco2/abi/services.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace eco2::testing {

/// Virtual time: moves only when told. Thread-safety: any thread.
class VirtualClock {
public:
    VirtualClock() {
        table_.struct_size = sizeof table_;
        table_.ctx = this;
        table_.monotonic_ns = [](void* self) { return static_cast<VirtualClock*>(self)->monotonic_ns(); };
        table_.wall_ns = [](void* self) { return static_cast<VirtualClock*>(self)->wall_ns(); };
    }
    VirtualClock(const VirtualClock&) = delete;
    VirtualClock& operator=(const VirtualClock&) = delete;

    const eco2_clock_service* table() const noexcept { return &table_; }
    std::int64_t monotonic_ns() const {
        const std::lock_guard lock(mutex_);
        return now_ns_;
    }
    std::int64_t wall_ns() const { return monotonic_ns() + wall_offset_ns_; }
    void advance_ns(std::int64_t by) {
        const std::lock_guard lock(mutex_);
        now_ns_ += by;
    }

private:
    eco2_clock_service table_{};
    mutable std::mutex mutex_;
    std::int64_t now_ns_ = 1'000'000'000;
    std::int64_t wall_offset_ns_ = 1'767'225'600'000'000'000;  // 2026-01-01
};

/// An executor whose tasks run when the test says so: `run_io` is the I/O thread, `run_blocking` the blocking pool.
///
/// Thread-safety: any thread; two threads may play I/O thread and pool at the same time.
class FakeExecutor {
public:
    explicit FakeExecutor(VirtualClock& clock) : clock_(clock) {
        table_.struct_size = sizeof table_;
        table_.ctx = this;
        table_.post = [](void* self, eco2_task_fn task, void* arg) { return from(self).post(task, arg); };
        table_.post_after = [](void* self, std::int64_t delay_ns, eco2_task_fn task, void* arg, eco2_timer** out) {
            return from(self).post_after(delay_ns, task, arg, out);
        };
        table_.cancel_timer = [](void* self, eco2_timer* timer) { from(self).cancel_timer(timer); };
        table_.run_blocking = [](void* self, eco2_task_fn work, eco2_task_fn done, void* arg) {
            return from(self).queue_blocking(work, done, arg);
        };
    }
    FakeExecutor(const FakeExecutor&) = delete;
    FakeExecutor& operator=(const FakeExecutor&) = delete;

    const eco2_executor_service* table() const noexcept { return &table_; }

    /// The statuses that post and run_blocking give from now on.
    void refuse_with(eco2_status status) {
        const std::lock_guard lock(mutex_);
        refusal_ = status;
    }
    void post(std::function<void()> task) {
        const std::lock_guard lock(mutex_);
        io_.push_back(std::move(task));
    }
    /// Runs one task of the I/O thread, or the first timer that is due. False: there is none.
    bool run_one_io() {
        std::function<void()> task;
        {
            const std::lock_guard lock(mutex_);
            if (io_.empty()) {
                move_due_timer();
            }
            if (io_.empty()) {
                return false;
            }
            task = std::move(io_.front());
            io_.pop_front();
        }
        task();
        return true;
    }
    bool run_one_blocking() {
        std::function<void()> task;
        {
            const std::lock_guard lock(mutex_);
            if (blocking_.empty()) {
                return false;
            }
            task = std::move(blocking_.front());
            blocking_.pop_front();
        }
        task();
        return true;
    }
    /// Runs both until nothing is left to do at this moment.
    void run_until_idle() {
        while (run_one_io() || run_one_blocking()) {
        }
    }
    /// What happens to queued work when the host stops: it runs with ECO2_CANCELLED.
    void set_stopping() {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    std::size_t timer_count() const {
        const std::lock_guard lock(mutex_);
        return timers_.size();
    }

private:
    struct Timer {
        std::int64_t due_ns;
        std::function<void(eco2_status)> task;  // empty: has run
    };

    static FakeExecutor& from(void* self) { return *static_cast<FakeExecutor*>(self); }

    eco2_status why() const {
        const std::lock_guard lock(mutex_);
        return is_stopping_ ? ECO2_CANCELLED : ECO2_OK;
    }
    eco2_status post(eco2_task_fn task, void* arg) {
        const std::lock_guard lock(mutex_);
        if (refusal_ == ECO2_OK) {
            io_.push_back([this, task, arg] { task(arg, why()); });
        }
        return refusal_;
    }
    eco2_status queue_blocking(eco2_task_fn work, eco2_task_fn done, void* arg) {
        const std::lock_guard lock(mutex_);
        if (refusal_ == ECO2_OK) {
            blocking_.push_back([this, work, done, arg] {
                work(arg, why());
                post([this, done, arg] { done(arg, why()); });
            });
        }
        return refusal_;
    }
    eco2_status post_after(std::int64_t delay_ns, eco2_task_fn task, void* arg, eco2_timer** out) {
        const std::lock_guard lock(mutex_);
        *out = nullptr;
        if (refusal_ == ECO2_OK) {
            timers_.push_back(std::make_unique<Timer>(
                Timer{clock_.monotonic_ns() + delay_ns, [task, arg](eco2_status status) { task(arg, status); }}));
            *out = reinterpret_cast<eco2_timer*>(timers_.back().get());
        }
        return refusal_;
    }
    void cancel_timer(eco2_timer* handle) {
        const std::lock_guard lock(mutex_);
        const auto found = std::find_if(timers_.begin(), timers_.end(), [&](const std::unique_ptr<Timer>& timer) {
            return reinterpret_cast<eco2_timer*>(timer.get()) == handle;
        });
        if (found == timers_.end()) {
            return;
        }
        if ((*found)->task) {
            io_.push_back([task = std::move((*found)->task)] { task(ECO2_CANCELLED); });
        }
        timers_.erase(found);
    }
    void move_due_timer() {
        const std::int64_t now = clock_.monotonic_ns();
        for (const std::unique_ptr<Timer>& timer : timers_) {
            if (timer->task && timer->due_ns <= now) {
                io_.push_back([task = std::move(timer->task)] { task(ECO2_OK); });
                timer->task = nullptr;
                return;
            }
        }
    }

    eco2_executor_service table_{};
    VirtualClock& clock_;
    mutable std::mutex mutex_;
    std::deque<std::function<void()>> io_;
    std::deque<std::function<void()>> blocking_;
    std::vector<std::unique_ptr<Timer>> timers_;
    eco2_status refusal_ = ECO2_OK;
    bool is_stopping_ = false;
};

}  // namespace eco2::testing
