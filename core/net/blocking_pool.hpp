#pragma once

#include "base/executor.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace eco2::net {

/// Threads for work that blocks, with a bounded queue. Every accepted task runs once.
///
/// Thread-safety: any thread; start and stop: control thread.
class BlockingPool {
public:
    BlockingPool(std::size_t thread_count, std::size_t queue_max);
    ~BlockingPool();

    void start();
    /// Lets running tasks end, runs the queued ones with `dropped`, joins. Blocks: as long as the running tasks.
    void stop();
    /// False: the queue is full or the pool has stopped.
    bool push(Task task);
    std::size_t depth() const noexcept;

private:
    void run(std::size_t index);

    const std::size_t thread_count_;
    const std::size_t queue_max_;
    mutable std::mutex mutex_;
    std::condition_variable has_work_;
    std::deque<Task> queue_;
    bool is_stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace eco2::net
