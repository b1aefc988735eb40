#pragma once

#include "base/executor.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eco2 {

/// What everybody may see of one submitted run: its durable events, numbered from 1, and where it stands. Streams are cursors
/// on it.
///
/// Thread-safety: any thread; a subscription belongs to the I/O thread that made it.
/// Lifetime:      shared by the run and its readers; the executor outlives it.
/// Cost:          the events' bytes, four bytes an event, and about 100 bytes a subscription.
class RunFeed : public std::enable_shared_from_this<RunFeed> {
public:
    RunFeed(Executor& executor, std::string run_id, std::string user_id, std::string pipeline);

    const std::string& run_id() const noexcept { return run_id_; }
    const std::string& user_id() const noexcept { return user_id_; }
    const std::string& pipeline() const noexcept { return pipeline_; }

    /// Where the run is, for a result that is not there yet.
    struct Status {
        std::string stage = "queued";
        int progress = 0;
    };

    /// Makes events visible and wakes who waits. `result` not empty: the run is over with it.
    void append(std::span<const std::string> events, Status status, std::string result = {});

    /// Appends the events after the first `from` of them to `out`. The number of events so far.
    std::size_t read(std::size_t from, std::string& out) const;

    std::size_t size() const;
    bool is_over() const;
    /// Empty: not over.
    std::string result() const;
    Status status() const;
    /// Of memory.
    std::size_t bytes() const;

    /// Ends the subscription when destroyed.
    class Subscription {
    public:
        virtual ~Subscription() = default;
    };
    /// `wake` runs on the calling I/O thread after each append, never from inside.
    std::unique_ptr<Subscription> subscribe(std::function<void()> wake);
    std::size_t subscribers() const;

private:
    struct Subscriber {
        int thread;
        std::function<void()> wake;
    };
    class Handle;

    Executor& executor_;
    const std::string run_id_;
    const std::string user_id_;
    const std::string pipeline_;

    mutable std::mutex mutex_;  // guards all below
    std::string events_;        // one after the other
    std::vector<std::uint32_t> ends_;
    Status status_;
    std::string result_;
    std::vector<std::shared_ptr<Subscriber>> subscribers_;
};

}  // namespace eco2
