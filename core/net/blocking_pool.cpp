#include "net/blocking_pool.hpp"

#include <pthread.h>

#include <string>
#include <utility>

namespace eco2::net {

BlockingPool::BlockingPool(std::size_t thread_count, std::size_t queue_max)
    : thread_count_(thread_count), queue_max_(queue_max) {}

BlockingPool::~BlockingPool() {
    stop();
}

void BlockingPool::start() {
    for (std::size_t i = 0; i < thread_count_; ++i) {
        threads_.emplace_back([this, i] { run(i); });
    }
}

void BlockingPool::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    has_work_.notify_all();
    for (std::thread& thread : threads_) {
        thread.join();
    }
    threads_.clear();
    // Left only where the pool never ran.
    for (Task& task : std::exchange(queue_, {})) {
        task(TaskFate::dropped);
    }
}

bool BlockingPool::push(Task task) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_ || queue_.size() >= queue_max_) {
            return false;
        }
        queue_.push_back(std::move(task));
    }
    has_work_.notify_one();
    return true;
}

std::size_t BlockingPool::depth() const noexcept {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

void BlockingPool::run(std::size_t index) {
    pthread_setname_np(pthread_self(), ("eco2-block-" + std::to_string(index)).c_str());
    std::unique_lock lock(mutex_);
    while (true) {
        has_work_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
        if (queue_.empty()) {
            return;
        }
        Task task = std::move(queue_.front());
        queue_.pop_front();
        const TaskFate fate = is_stopping_ ? TaskFate::dropped : TaskFate::due;
        lock.unlock();
        task(fate);
        task = nullptr;
        lock.lock();
    }
}

}  // namespace eco2::net
