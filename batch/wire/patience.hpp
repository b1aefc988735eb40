#pragma once

#include "batch/wire/transport.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace eco2::batch {

/// Why an exchange ends before its response is whole.
struct WireBreak {
    std::string detail;
    bool was_stopped = false;
};

/// How long a wait may go on, and who may end it.
///
/// Thread-safety: none.
class Patience {
public:
    using Clock = std::chrono::steady_clock;

    /// `what` is what takes too long, in "WHAT took longer than 15 s". Lifetime: `hooks` outlives this.
    Patience(const Transport::Hooks& hooks,
             std::string what,
             std::chrono::milliseconds all_max,
             std::chrono::milliseconds idle_max);

    /// Bytes have moved on the wire: idleness begins anew.
    void note_moved() noexcept { moved_at_ = Clock::now(); }
    /// How much of the file has moved: what `may_go_on` is told.
    void set_file_bytes(std::int64_t bytes) noexcept { file_bytes_ = bytes; }

    /// None: go on. Asks `may_go_on` the first time, and then where kBatchAskInterval has passed.
    std::optional<WireBreak> check();
    /// How long to wait before `check` has something new to say.
    std::chrono::milliseconds slice() const noexcept;
    /// Until the whole takes too long; not negative.
    std::chrono::milliseconds left() const noexcept;

private:
    const Transport::Hooks& hooks_;
    const std::string what_;
    const std::chrono::milliseconds all_max_;
    const std::chrono::milliseconds idle_max_;
    const Clock::time_point began_at_ = Clock::now();
    Clock::time_point moved_at_ = began_at_;
    std::optional<Clock::time_point> asked_at_;
    std::int64_t file_bytes_ = 0;
};

/// "15 s", "0.5 s".
std::string seconds_text(std::chrono::milliseconds time);

}  // namespace eco2::batch
