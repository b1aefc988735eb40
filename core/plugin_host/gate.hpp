#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace eco2::plugin_host {

/// Counts who is inside something that must not be taken down, on the host's side of the boundary.
///
/// Thread-safety: any thread.
/// Lifetime:      whoever leaves keeps the gate's owner alive until leave has returned.
class Gate {
public:
    /// False: closed; the caller must stay out.
    bool enter() noexcept {
        auto state = state_.load(std::memory_order_relaxed);
        do {
            if ((state & kClosed) != 0) {
                return false;
            }
        } while (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire, std::memory_order_relaxed));
        return true;
    }

    void leave() noexcept {
        if (state_.fetch_sub(1, std::memory_order_acq_rel) == (kClosed | 1U)) {
            const std::lock_guard lock(mutex_);
            is_empty_.notify_all();
        }
    }

    /// Nobody enters from here on.
    void close() noexcept { state_.fetch_or(kClosed, std::memory_order_acq_rel); }

    /// Waits until nobody is inside; only after close. False: somebody still was at `deadline`.
    bool wait_until(std::chrono::steady_clock::time_point deadline) {
        std::unique_lock lock(mutex_);
        return is_empty_.wait_until(lock, deadline, [this] { return inside() == 0; });
    }

    std::size_t inside() const noexcept { return state_.load(std::memory_order_acquire) & ~kClosed; }
    bool is_closed() const noexcept { return (state_.load(std::memory_order_acquire) & kClosed) != 0; }

private:
    static constexpr std::uint64_t kClosed = std::uint64_t{1} << 63U;

    std::atomic<std::uint64_t> state_{0};
    std::mutex mutex_;
    std::condition_variable is_empty_;
};

}  // namespace eco2::plugin_host
