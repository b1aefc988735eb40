#pragma once

#include "batch/jobs/machine.hpp"
#include "batch/jobs/settings.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace eco2::batch {

/// A thread that works on the jobs of a data directory whenever no other process does.
///
/// Thread-safety: any thread.
/// Lifetime:      what `make` gives is used and destroyed on the worker's thread. Destruction stops it, in the middle of a
///                transfer too, and waits.
class Worker {
public:
    struct Doors {
        JobFile& file;  // the worker's alone
        const Clock& clock;
        Log& log;
        /// Machine::Doors but for the hooks that are the worker's.
        std::function<Machine::Doors()> make;
    };

    Worker(Doors doors, Settings settings);
    ~Worker();

    /// Something may have become due.
    void wake();

    struct Status {
        bool is_owner = false;
        std::string trouble;  // why nothing goes on: a full disk, a store that cannot be opened; empty: nothing
        std::int64_t transfer_bytes = 0;
        std::int64_t transfer_total = 0;
    };
    Status status() const;

private:
    void run();
    void work();
    bool rest(std::chrono::nanoseconds time);
    void set_trouble(std::string trouble);

    Doors doors_;
    const Settings settings_;
    std::atomic<bool> is_stopping_ = false;
    std::atomic<std::int64_t> transfer_bytes_ = 0;
    std::atomic<std::int64_t> transfer_total_ = 0;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool is_woken_ = false;
    Status status_;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace eco2::batch
