#pragma once

#include <chrono>
#include <cstdint>

namespace eco2 {

/// The door through which logic sees time; tests hand in their own.
///
/// Thread-safety: any thread.
class Clock {
public:
    using Monotonic = std::chrono::steady_clock::time_point;
    virtual ~Clock() = default;
    virtual Monotonic now() const noexcept = 0;
    virtual std::int64_t wall_ns() const noexcept = 0;  ///< since 1970-01-01 UTC
};

/// The real one. Lifetime: static.
const Clock& system_clock() noexcept;

}  // namespace eco2
