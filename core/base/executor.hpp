#pragma once

#include "base/error.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace eco2 {

/// Why a task runs: because it is due, or because it never will be (timer cancelled, host stopping).
enum class TaskFate { due, dropped };

using Task = std::function<void(TaskFate)>;

/// A pending timer. Destroying it cancels: the task then runs once with `dropped`, soon and never from inside.
class Timer {
public:
    virtual ~Timer() = default;
};

/// The door to threads and timers; `net::IoThreads` is the real one, tests bring a virtual one.
///
/// Every accepted task runs exactly once. No task runs from inside the call that hands it over.
///
/// Thread-safety: any thread.
class Executor {
public:
    virtual ~Executor() = default;

    /// Soon, on the calling I/O thread, or on any I/O thread when the caller is not on one.
    virtual void post(Task task) = 0;

    /// Where the caller is, as with post.
    virtual std::unique_ptr<Timer> post_after(std::chrono::nanoseconds delay, Task task) = 0;

    /// `work` on the blocking pool, then `done` where the caller was. False: the queue is full and nothing will run.
    /// Both run in every other case; `work` gets `dropped` and must not block when the host is stopping.
    virtual bool run_blocking(Task work, Task done) = 0;

    /// Index of the calling I/O thread, or -1. Stable for the thread's life.
    virtual int current_thread() const noexcept = 0;

    /// Soon, on the I/O thread with this index (0 <= index < number of I/O threads).
    virtual void post_to(int thread, Task task) = 0;
};

}  // namespace eco2
