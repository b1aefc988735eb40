#pragma once

#include "base/executor.hpp"
#include "base/io_thread.hpp"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace eco2::test {

/// Real threads that stand in for I/O threads, without sockets: for what hands work between threads. Time stands still: no
/// timer comes due.
///
/// Thread-safety: any thread; destruction runs what is queued first.
class ThreadedExecutor final : public Executor {
public:
    explicit ThreadedExecutor(int threads) {
        for (int i = 0; i < threads; ++i) {
            lanes_.push_back(std::make_unique<Lane>());
        }
        for (int i = 0; i < threads; ++i) {
            lanes_[static_cast<std::size_t>(i)]->thread = std::thread([this, i] { run(i); });
        }
    }

    ~ThreadedExecutor() override {
        for (auto& lane : lanes_) {
            {
                const std::lock_guard lock(lane->mutex);
                lane->is_ending = true;
            }
            lane->changed.notify_one();
        }
        for (auto& lane : lanes_) {
            lane->thread.join();
        }
    }

    void post(Task task) override { post_to(current_thread() < 0 ? 0 : current_thread(), std::move(task)); }

    void post_to(int thread, Task task) override {
        auto& lane = *lanes_.at(static_cast<std::size_t>(thread));
        {
            const std::lock_guard lock(lane.mutex);
            lane.tasks.push_back(std::move(task));
        }
        lane.changed.notify_one();
    }

    int current_thread() const noexcept override { return current(); }

    std::unique_ptr<Timer> post_after(std::chrono::nanoseconds, Task task) override {
        return std::make_unique<IdleTimer>(*this, current_thread() < 0 ? 0 : current_thread(), std::move(task));
    }
    bool run_blocking(Task, Task) override { std::terminate(); }

private:
    class IdleTimer final : public Timer {
    public:
        IdleTimer(ThreadedExecutor& executor, int thread, Task task)
            : executor_(executor), thread_(thread), task_(std::move(task)) {}
        ~IdleTimer() override {
            executor_.post_to(thread_, [task = std::move(task_)](TaskFate) { task(TaskFate::dropped); });
        }

    private:
        ThreadedExecutor& executor_;
        int thread_;
        Task task_;
    };
    struct Lane {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<Task> tasks;
        bool is_ending = false;
        std::thread thread;
    };

    static int& current() noexcept {
        thread_local int index = -1;
        return index;
    }

    void run(int index) {
        current() = index;
        const IoThreadMark mark;
        auto& lane = *lanes_[static_cast<std::size_t>(index)];
        std::unique_lock lock(lane.mutex);
        for (;;) {
            lane.changed.wait(lock, [&] { return lane.is_ending || !lane.tasks.empty(); });
            if (lane.tasks.empty()) {
                return;
            }
            auto task = std::move(lane.tasks.front());
            lane.tasks.pop_front();
            lock.unlock();
            task(TaskFate::due);
            task = nullptr;
            lock.lock();
        }
    }

    std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace eco2::test
