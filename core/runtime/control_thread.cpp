#include "runtime/control_thread.hpp"

#include "base/limits.hpp"

#include <pthread.h>

#include <utility>

namespace eco2::runtime {

ControlThread::ControlThread(std::function<bool()> tend) : tend_(std::move(tend)), thread_([this] { run(); }) {}

ControlThread::~ControlThread() {
    stop();
}

bool ControlThread::post(Task task) {
    const std::lock_guard lock(mutex_);
    if (is_stopping_ || tasks_.size() >= limits::kControlQueueMax) {
        return false;
    }
    tasks_.push_back(std::move(task));
    changed_.notify_one();
    return true;
}

void ControlThread::stop() {
    std::deque<Task> dropped;
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        dropped = std::exchange(tasks_, {});
        changed_.notify_one();
    }
    if (thread_.joinable()) {
        thread_.join();
    }
    for (const auto& task : dropped) {
        task(TaskFate::dropped);
    }
}

void ControlThread::run() {
    pthread_setname_np(pthread_self(), "eco2-control");
    const auto has_work = [this] { return is_stopping_ || !tasks_.empty(); };
    bool is_tending = false;
    std::unique_lock lock(mutex_);
    while (!is_stopping_) {
        if (is_tending) {
            changed_.wait_for(lock, limits::kTendInterval, has_work);
        } else {
            changed_.wait(lock, has_work);
        }
        if (is_stopping_) {
            return;
        }
        Task task;
        if (!tasks_.empty()) {
            task = std::move(tasks_.front());
            tasks_.pop_front();
        }
        lock.unlock();
        if (task) {
            task(TaskFate::due);
            task = nullptr;
        }
        is_tending = tend_();
        lock.lock();
    }
}

}  // namespace eco2::runtime
