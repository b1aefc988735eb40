#pragma once

#include "base/executor.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace eco2::runtime {

/// The thread "eco2-control": what may block and must never happen twice at once while a host serves. It reloads, and takes
/// replaced plugin instances down.
///
/// Thread-safety: any thread; stop and destruction: not from a task.
/// Limits:        limits::kControlQueueMax tasks that wait.
class ControlThread {
public:
    /// `tend` is called after each task, and every limits::kTendInterval for as long as it says true.
    explicit ControlThread(std::function<bool()> tend);
    ~ControlThread();
    ControlThread(const ControlThread&) = delete;
    ControlThread& operator=(const ControlThread&) = delete;

    /// Tasks run one after another. False: stopping, or too many wait; it will not run.
    bool post(Task task);

    /// Ends after the task under way; those that wait run with `dropped`, on the calling thread. Blocks until then.
    void stop();

private:
    void run();

    const std::function<bool()> tend_;
    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    std::deque<Task> tasks_;
    bool is_stopping_ = false;
    std::thread thread_;
};

}  // namespace eco2::runtime
