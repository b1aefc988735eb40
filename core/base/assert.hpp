#pragma once

namespace eco2 {

[[noreturn]] void assertion_failed(const char* condition, const char* why, const char* file, int line) noexcept;

}  // namespace eco2

/// Documents an invariant of our own; stays on in release. Never reachable by a client, provider, plugin, file or clock.
#define ECO2_ASSERT(condition, why) \
    ((condition) ? static_cast<void>(0) : ::eco2::assertion_failed(#condition, why, __FILE__, __LINE__))
