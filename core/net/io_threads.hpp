#pragma once

#include "base/executor.hpp"

#include <cstddef>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace eco2::net {

class DeadlineWheel;

/// The host's threads: N I/O threads with one io_context each, and one bounded blocking pool.
///
/// Thread-safety: any thread; start, stop: control thread.
/// Lifetime:      outlives everything that runs on it.
class IoThreads final : public Executor {
public:
    struct Options {
        std::size_t io_threads = 0;  // 0: one per core
        std::size_t blocking_threads;
        std::size_t blocking_queue_max;
        /// Called on each I/O thread about every 50 ms with how late its loop was.
        std::function<void(std::chrono::nanoseconds lag)> on_lag;
        Options();
    };

    explicit IoThreads(Options options);
    ~IoThreads() override;

    void start();
    /// Drops timers and queued blocking work (each task runs with `dropped`), then joins all threads.
    void stop();

    /// False before start and after stop: what is posted then waits.
    bool is_running() const noexcept;
    std::size_t size() const noexcept;
    boost::asio::io_context& context(std::size_t index) noexcept;
    /// Of that thread; used on it alone.
    DeadlineWheel& deadlines(std::size_t index) noexcept;
    std::size_t blocking_queue_depth() const noexcept;

    void post(Task task) override;
    std::unique_ptr<Timer> post_after(std::chrono::nanoseconds delay, Task task) override;
    bool run_blocking(Task work, Task done) override;
    int current_thread() const noexcept override;
    void post_to(int thread, Task task) override;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::net
