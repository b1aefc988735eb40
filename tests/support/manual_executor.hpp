#pragma once

#include "base/clock.hpp"
#include "base/executor.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>

namespace eco2::test {

/// Time that moves only when the test says so.
class ManualClock final : public Clock {
public:
    Monotonic now() const noexcept override { return Monotonic{} + std::chrono::hours(1) + elapsed_; }
    std::int64_t wall_ns() const noexcept override { return 1'700'000'000'000'000'000 + elapsed_.count(); }
    void advance(std::chrono::nanoseconds by) { elapsed_ += by; }

private:
    std::chrono::nanoseconds elapsed_{0};
};

/// An executor without threads: tasks run when the test calls `run`, timers when it calls `advance`. Everything is I/O thread
/// 0.
class ManualExecutor final : public Executor {
public:
    explicit ManualExecutor(ManualClock& clock) : clock_(clock) {}
    ~ManualExecutor() override { drop_all(); }

    void post(Task task) override { tasks_.push_back(std::move(task)); }
    void post_to(int, Task task) override { post(std::move(task)); }
    int current_thread() const noexcept override { return 0; }

    std::unique_ptr<Timer> post_after(std::chrono::nanoseconds delay, Task task) override {
        const auto id = ++last_timer_;
        timers_.emplace(id, Pending{clock_.now() + delay, std::move(task)});
        return std::make_unique<ManualTimer>(*this, id);
    }

    bool run_blocking(Task work, Task done) override {
        if (is_pool_full) {
            return false;
        }
        post([work = std::move(work), done = std::move(done)](TaskFate fate) {
            work(fate);
            done(fate);
        });
        return true;
    }

    /// Runs what is due now, also what that posts. Returns how many tasks ran.
    int run() {
        int count = 0;
        while (!tasks_.empty()) {
            auto task = std::move(tasks_.front());
            tasks_.pop_front();
            task(TaskFate::due);
            ++count;
        }
        return count;
    }

    /// Moves time on step by step, running timers in the order of their due times.
    void advance(std::chrono::nanoseconds by) {
        const auto end = clock_.now() + by;
        run();
        for (;;) {
            const auto next = std::min_element(
                timers_.begin(), timers_.end(), [](const auto& a, const auto& b) { return a.second.due < b.second.due; });
            if (next == timers_.end() || next->second.due > end) {
                break;
            }
            clock_.advance(std::max(next->second.due - clock_.now(), Clock::Monotonic::duration::zero()));
            auto task = std::move(next->second.task);
            timers_.erase(next);
            task(TaskFate::due);
            run();
        }
        clock_.advance(end - clock_.now());
    }

    std::size_t timers_pending() const { return timers_.size(); }
    void drop_all() {
        for (auto pending = std::exchange(timers_, {}); auto& [id, timer] : pending) {
            timer.task(TaskFate::dropped);
        }
        for (auto tasks = std::exchange(tasks_, {}); auto& task : tasks) {
            task(TaskFate::dropped);
        }
    }

    bool is_pool_full = false;

private:
    struct Pending {
        Clock::Monotonic due;
        Task task;
    };
    class ManualTimer final : public Timer {
    public:
        ManualTimer(ManualExecutor& executor, std::uint64_t id) : executor_(executor), id_(id) {}
        ~ManualTimer() override {
            if (auto node = executor_.timers_.extract(id_); !node.empty()) {
                executor_.post([task = std::move(node.mapped().task)](TaskFate) { task(TaskFate::dropped); });
            }
        }

    private:
        ManualExecutor& executor_;
        std::uint64_t id_;
    };

    ManualClock& clock_;
    std::deque<Task> tasks_;
    std::map<std::uint64_t, Pending> timers_;
    std::uint64_t last_timer_ = 0;
};

}  // namespace eco2::test
