#pragma once

#include "base/executor.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace eco2 {

/// Limits how many runs are in one stage at once; the others wait in order, up to a bound.
///
/// Thread-safety: any thread; one run's pass is made and destroyed on that run's I/O thread.
/// Lifetime:      outlives its passes.
class StageGate {
    struct Place;

public:
    StageGate(Executor& executor, std::size_t running_max, std::size_t waiting_max);

    /// A place inside or in the queue; destroying it leaves, and lets the next one in.
    class Pass {
    public:
        Pass(StageGate& gate, std::shared_ptr<Place> place, bool was_let_in)
            : gate_(gate), place_(std::move(place)), was_let_in_(was_let_in) {}
        ~Pass() { gate_.leave(*place_); }
        Pass(const Pass&) = delete;
        Pass& operator=(const Pass&) = delete;
        /// There was a place at once: `admitted` will not be called. Fixed by `enter`; where it is false, another thread may
        /// have let this pass in by now, and `admitted` is what tells.
        bool was_let_in() const noexcept { return was_let_in_; }

    private:
        StageGate& gate_;
        std::shared_ptr<Place> place_;
        const bool was_let_in_;
    };

    /// Null: the queue is full. A pass that was not let in at once calls `admitted` later on the calling I/O thread, once,
    /// never from inside, unless it is destroyed before.
    std::unique_ptr<Pass> enter(std::function<void()> admitted);

    std::size_t running() const;
    std::size_t waiting() const;

private:
    enum class State { waiting, inside, left };
    struct Place {
        State state = State::waiting;
        int thread = -1;
        std::function<void()> admitted;
    };

    void leave(Place& place);

    Executor& executor_;
    const std::size_t running_max_;
    const std::size_t waiting_max_;
    mutable std::mutex mutex_;
    std::size_t running_ = 0;
    std::deque<std::shared_ptr<Place>> waiters_;
};

}  // namespace eco2
