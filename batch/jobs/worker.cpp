#include "batch/jobs/worker.hpp"

#include "batch/jobs/ownership.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace eco2::batch {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 250ms;  // how soon a change by another process is seen
constexpr auto kTrouble = 2s;  // until a store that failed is tried again

}  // namespace

Worker::Worker(Doors doors, Settings settings)
    : doors_(std::move(doors)), settings_(std::move(settings)), thread_([this] { run(); }) {}

Worker::~Worker() {
    is_stopping_ = true;
    wake();
    thread_.join();
}

void Worker::wake() {
    const std::lock_guard lock(mutex_);
    is_woken_ = true;
    changed_.notify_all();
}

Worker::Status Worker::status() const {
    const std::lock_guard lock(mutex_);
    Status status = status_;
    status.transfer_bytes = transfer_bytes_;
    status.transfer_total = transfer_total_;
    return status;
}

void Worker::set_trouble(std::string trouble) {
    const std::lock_guard lock(mutex_);
    status_.trouble = std::move(trouble);
}

bool Worker::rest(std::chrono::nanoseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return is_woken_ || is_stopping_.load(); });
    is_woken_ = false;
    return !is_stopping_;
}

void Worker::run() {
    pthread_setname_np(pthread_self(), "eco2-batch");
    while (!is_stopping_) {
        auto owned = Ownership::take(settings_.data_dir, doors_.file, doors_.clock, settings_.lease);
        if (!owned) {
            set_trouble(owned.error().detail);
        } else if (owned.value() != nullptr) {
            {
                const std::lock_guard lock(mutex_);
                status_.is_owner = true;
            }
            work();
            const std::lock_guard lock(mutex_);
            status_.is_owner = false;
        }
        (void)rest(kLook);
    }
}

/// Until the jobs are another process's, or this one stops.
void Worker::work() {
    auto doors = doors_.make();
    doors.may_go_on = [this] { return !is_stopping_.load(); };
    doors.on_transfer = [this](std::int64_t bytes, std::int64_t total) {
        transfer_bytes_ = bytes;
        transfer_total_ = total;
    };
    Machine machine(std::move(doors), settings_);
    bool has_begun = false;
    while (!is_stopping_) {
        if (!has_begun) {
            const auto begun = machine.begin();
            has_begun = begun.has_value();
            if (!begun) {
                if (begun.error().code == Errc::cancelled) {
                    return;
                }
                set_trouble(begun.error().detail);
                (void)rest(kTrouble);
                continue;
            }
        }
        const auto turn = machine.turn();
        transfer_total_ = 0;
        if (!turn) {
            if (turn.error().code == Errc::cancelled) {
                doors_.log.warn("batch work handed over", {{"detail", turn.error().detail}});
                return;
            }
            doors_.log.error("batch work stands still", {{"detail", turn.error().detail}});
            set_trouble(turn.error().detail + "; it goes on by itself when that is mended");
            (void)rest(kTrouble);
            continue;
        }
        set_trouble({});
        if (turn.value().has_worked) {
            continue;
        }
        auto wait = std::chrono::nanoseconds(kLook);
        if (turn.value().next_ns != 0) {
            wait = std::clamp(
                std::chrono::nanoseconds(turn.value().next_ns - doors_.clock.wall_ns()), std::chrono::nanoseconds(1ms), wait);
        }
        (void)rest(wait);
    }
    (void)doors_.file.release();
}

}  // namespace eco2::batch
