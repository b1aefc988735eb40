#pragma once

#include "base/limits.hpp"
#include "plugin_host/gate.hpp"
#include "plugin_host/plugin_host.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

namespace eco2::plugin_host {

class CallCore;

/// What calls, host services and tasks of one instance share: who it is, its gates, its marks, its open calls.
///
/// Thread-safety: any thread.
/// Lifetime:      shared by the instance and by everything that is open in it; so it outlives each frame inside the plugin.
class InstanceContext : public std::enable_shared_from_this<InstanceContext> {
public:
    InstanceContext(Doors doors, InstanceConfig config);
    ~InstanceContext();
    InstanceContext(const InstanceContext&) = delete;
    InstanceContext& operator=(const InstanceContext&) = delete;

    const Doors& doors() const noexcept { return doors_; }
    const InstanceConfig& config() const noexcept { return config_; }
    const std::string& id() const noexcept { return config_.id; }
    const std::string& plugin() const noexcept { return config_.plugin; }

    Gate& calls() noexcept { return calls_; }    ///< calls through the doors, rule snapshots
    Gate& frames() noexcept { return frames_; }  ///< tasks, timers, HTTP exchanges

    /// From here on tasks are told ECO2_CANCELLED.
    void cancel_tasks() noexcept { are_tasks_cancelled_ = true; }
    bool are_tasks_cancelled() const noexcept { return are_tasks_cancelled_; }

    /// The plugin broke a rule of the ABI: counted and logged, never fatal.
    void note_violation(std::string_view rule, std::string_view function) noexcept;
    /// Logged at most once a second.
    void note_slow_call(std::string_view function, Clock::Monotonic::duration time) noexcept;
    /// A cancelled call did not end in time.
    void note_degraded(std::string_view function) noexcept;

    std::uint64_t violations() const noexcept { return violations_; }
    std::uint64_t slow_calls() const noexcept { return slow_calls_; }
    bool is_degraded() const noexcept { return is_degraded_; }

    void add(CallCore& call);
    /// Forgets an ended call but keeps its memory until many others have ended, so that a callback that comes too late is
    /// recognised as one.
    void retire(CallCore& call);
    /// Cancels every open call, each on its own thread.
    void cancel_calls();
    /// Lets go of retired calls; nothing of the plugin may run any more.
    void forget_retired();

    /// Kept as long as the context: the tables that the plugin holds pointers to.
    void keep(std::shared_ptr<void> services) noexcept { services_ = std::move(services); }

private:
    Doors doors_;
    InstanceConfig config_;
    Gate calls_;
    Gate frames_;
    std::atomic<bool> are_tasks_cancelled_{false};
    std::atomic<bool> is_degraded_{false};
    std::atomic<std::uint64_t> violations_{0};
    std::atomic<std::uint64_t> slow_calls_{0};
    std::atomic<std::int64_t> slow_logged_ns_{0};

    std::mutex mutex_;
    std::unordered_set<CallCore*> open_;
    std::array<CallCore*, limits::kRetiredCallsKept> retired_{};
    std::size_t next_retired_ = 0;
    bool keeps_retired_ = true;

    std::shared_ptr<void> services_;
};

}  // namespace eco2::plugin_host
