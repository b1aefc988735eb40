#pragma once

#include "base/clock.hpp"

#include <string>
#include <string_view>

namespace eco2::routing {

/// Why a request went where it went, as one line for people, logs and a response header:
///
///   0ms primary/gpt-x[main]: asked; 412ms primary: 503 PROVIDER_OVERLOADED, next target; 413ms fallback/gpt-y: asked
///
/// ASCII but for what upstreams and clients named; no secrets, keys by their ids.
///
/// Thread-safety: none. Limits: kTrailBytesMax; what comes later is left out with "...".
class Trail {
public:
    explicit Trail(Clock::Monotonic start) noexcept : start_(start) {}

    /// "<ms> <who>: <what>".
    void add(Clock::Monotonic now, std::string_view who, std::string_view what);
    const std::string& text() const noexcept { return text_; }

private:
    Clock::Monotonic start_;
    std::string text_;
};

}  // namespace eco2::routing
