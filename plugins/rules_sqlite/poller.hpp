#pragma once

#include "rules_sqlite/rule_store.hpp"

#include "eco2/plugin/host.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace rules_sqlite {

/// Looks every few moments whether another process has changed the database: a timer of the host, then work on its blocking
/// pool.
/// Thread-safety: start and stop on the control thread; the rest is the host's.
/// Lifetime: shared with the tasks that the host still has; after stop they do nothing more.
class Poller : public std::enable_shared_from_this<Poller> {
public:
    Poller(const eco2::plugin::Host& host, std::shared_ptr<RuleStore> store, std::int64_t interval_ms);

    /// Errors: `no_executor`, or the host takes no timer.
    Result<void> start();
    /// Idempotent. Blocks: never.
    void stop();

private:
    struct Task;

    eco2_status arm();
    void rearm();
    void on_timer();
    void refresh();
    static void timer_task(void* arg, eco2_status why) noexcept;
    static void work_task(void* arg, eco2_status why) noexcept;
    static void done_task(void* arg, eco2_status why) noexcept;

    eco2::plugin::Host host_;
    std::shared_ptr<RuleStore> store_;
    std::int64_t interval_ns_;

    std::mutex mutex_;
    bool is_stopped_ = false;      // under mutex_
    eco2_timer* timer_ = nullptr;  // under mutex_; each is handed back exactly once, fired or not
    std::string last_problem_;     // one refresh at a time
};

}  // namespace rules_sqlite
