#pragma once

#include "base/clock.hpp"

#include <chrono>

namespace eco2::routing {

/// A moment of virtual time, which begins at an hour so that nothing is near the epoch.
inline Clock::Monotonic at(std::chrono::nanoseconds since_begin) {
    return Clock::Monotonic{} + std::chrono::hours(1) + since_begin;
}

}  // namespace eco2::routing
