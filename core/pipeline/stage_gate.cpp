#include "pipeline/stage_gate.hpp"

#include <algorithm>
#include <utility>

namespace eco2 {

StageGate::StageGate(Executor& executor, std::size_t running_max, std::size_t waiting_max)
    : executor_(executor), running_max_(running_max), waiting_max_(waiting_max) {}

std::unique_ptr<StageGate::Pass> StageGate::enter(std::function<void()> admitted) {
    auto place = std::make_shared<Place>();
    const std::lock_guard lock(mutex_);
    const bool is_let_in = running_ < running_max_;
    if (is_let_in) {
        ++running_;
        place->state = State::inside;
    } else if (waiters_.size() < waiting_max_) {
        place->thread = executor_.current_thread();
        place->admitted = std::move(admitted);
        waiters_.push_back(place);
    } else {
        return nullptr;
    }
    return std::make_unique<Pass>(*this, std::move(place), is_let_in);
}

void StageGate::leave(Place& place) {
    std::shared_ptr<Place> next;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(place.state, State::left) == State::waiting) {
            std::erase_if(waiters_, [&](const auto& waiter) { return waiter.get() == &place; });
            return;
        }
        if (waiters_.empty()) {
            --running_;
            return;
        }
        next = std::move(waiters_.front());
        waiters_.pop_front();
        next->state = State::inside;
    }
    const int thread = next->thread;
    executor_.post_to(thread, [this, next = std::move(next)](TaskFate fate) {
        std::function<void()> admitted;
        {
            const std::lock_guard lock(mutex_);
            if (fate == TaskFate::due && next->state == State::inside) {
                admitted = std::move(next->admitted);
            }
        }
        if (admitted) {
            admitted();
        }
    });
}

std::size_t StageGate::running() const {
    const std::lock_guard lock(mutex_);
    return running_;
}

std::size_t StageGate::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiters_.size();
}

}  // namespace eco2
