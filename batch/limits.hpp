#pragma once

#include <cstddef>

/// The limits of the offline half, each with its reason; what it shares with live runs is in base/limits.hpp.
namespace eco2::limits {

inline constexpr std::size_t kBatchWalksPerThread = 64;  // runs in memory at once; more would only wait for the same core

}  // namespace eco2::limits
