#include "rules_sqlite/poller.hpp"

#include <exception>
#include <utility>

namespace rules_sqlite {

/// Keeps the poller alive while the host has the task.
struct Poller::Task {
    std::shared_ptr<Poller> poller;
};

Poller::Poller(const eco2::plugin::Host& host, std::shared_ptr<RuleStore> store, std::int64_t interval_ms)
    : host_(host), store_(std::move(store)), interval_ns_(interval_ms * 1'000'000) {}

Result<void> Poller::start() {
    if (host_.executor() == nullptr) {
        return fail(Status::unsupported, "no_executor", "this host lends no executor");
    }
    if (arm() != ECO2_OK) {
        return fail(Status::unavailable, "no_timer", "the host refused a timer");
    }
    return {};
}

void Poller::stop() {
    eco2_timer* timer = nullptr;
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
        timer = std::exchange(timer_, nullptr);
    }
    if (timer != nullptr) {
        host_.executor()->cancel_timer(host_.executor()->ctx, timer);
    }
}

eco2_status Poller::arm() {
    auto task = std::make_unique<Task>(Task{shared_from_this()});
    // Held over the call: a timer that fires at once must find its own handle.
    const std::lock_guard lock(mutex_);
    if (is_stopped_) {
        return ECO2_OK;
    }
    const eco2_executor_service* executor = host_.executor();
    const eco2_status status = executor->post_after(executor->ctx, interval_ns_, &timer_task, task.get(), &timer_);
    if (status == ECO2_OK) {
        task.release();
    } else {
        timer_ = nullptr;
    }
    return status;
}

void Poller::timer_task(void* arg, eco2_status why) noexcept {
    const std::unique_ptr<Task> task(static_cast<Task*>(arg));
    if (why == ECO2_OK) {
        eco2::plugin::detail::swallowed([&] { task->poller->on_timer(); });
    }
}

void Poller::on_timer() {
    eco2_timer* timer = nullptr;
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) {
            return;
        }
        timer = std::exchange(timer_, nullptr);
    }
    const eco2_executor_service* executor = host_.executor();
    executor->cancel_timer(executor->ctx, timer);
    auto task = std::make_unique<Task>(Task{shared_from_this()});
    if (executor->run_blocking(executor->ctx, &work_task, &done_task, task.get()) == ECO2_OK) {
        task.release();
    } else {
        rearm();  // the pool is full: there will be a better moment
    }
}

void Poller::work_task(void* arg, eco2_status why) noexcept {
    if (why == ECO2_OK) {
        eco2::plugin::detail::swallowed([&] { static_cast<Task*>(arg)->poller->refresh(); });
    }
}

void Poller::done_task(void* arg, eco2_status) noexcept {
    const std::unique_ptr<Task> task(static_cast<Task*>(arg));
    eco2::plugin::detail::swallowed([&] { task->poller->rearm(); });
}

void Poller::rearm() {
    const auto status = arm();
    if (status != ECO2_OK && status != ECO2_UNAVAILABLE) {  // the latter: this instance is being stopped
        host_.log().error("the host took no timer: changes of the rules by others will not be seen any more");
    }
}

void Poller::refresh() {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) {
            return;
        }
    }
    const auto refreshed = store_->refresh();
    const RuleStore::Health health = store_->health();
    if (!refreshed && health.problem != last_problem_) {
        host_.log().warn("the rules cannot be read again, the last ones keep serving",
                         {{"code", refreshed.error().code}, {"reason", refreshed.error().message}});
    } else if (refreshed && *refreshed) {
        host_.log().info("rules loaded",
                         {{"version", std::to_string(health.version)}, {"rules", std::to_string(health.rules)}});
    }
    last_problem_ = health.problem;
}

}  // namespace rules_sqlite
