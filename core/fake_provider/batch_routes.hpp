#pragma once

#include "base/executor.hpp"
#include "fake_provider/batch_api.hpp"
#include "fake_provider/control.hpp"
#include "fake_provider/movable_clock.hpp"
#include "net/server.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string_view>

namespace eco2::fake {

/// The Files and Batches APIs on a server: replies go out as their faults say, and batches go on by timers.
///
/// Thread-safety: any thread; `handle` and `advance` on the exchange's I/O thread.
/// Lifetime:      `executor` outlives it. What is under way keeps it until `stop`, or until the executor stops.
class BatchRoutes : public std::enable_shared_from_this<BatchRoutes> {
public:
    BatchRoutes(std::shared_ptr<Control> control, Executor& executor);

    /// `path` is one that BatchApi::owns, without /v1.
    void handle(std::shared_ptr<net::ServerExchange> exchange, std::string_view path);
    /// {"seconds":N}: moves the clock ahead, does all that is then due, and replies.
    void advance(std::shared_ptr<net::ServerExchange> exchange);
    void reset() { api_.reset(); }
    void stop();
    BatchApi& api() noexcept { return api_; }

private:
    void send(BatchReply reply, std::shared_ptr<net::ServerExchange> exchange);
    void send_file(BatchReply reply, net::ServerExchange& exchange);
    void send_cut(BatchReply reply, net::ServerExchange& exchange);
    void play_script(Script script, std::shared_ptr<net::ServerExchange> exchange);
    void kick();
    void work();
    void work_later(std::chrono::nanoseconds delay);

    const std::shared_ptr<Control> control_;
    Executor& executor_;
    MovableClock clock_;
    BatchApi api_;
    std::atomic<bool> is_stopped_ = false;
    std::mutex mutex_;  // guards what follows
    bool is_working_ = false;
    bool is_kicked_ = false;  // while it worked
    std::unique_ptr<Timer> timer_;
};

}  // namespace eco2::fake
