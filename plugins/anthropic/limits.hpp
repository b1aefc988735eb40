#pragma once

#include "eco2/plugin/headers.hpp"
#include "eco2/wire/rate_limits.hpp"

#include <cstdint>

namespace eco2::anthropic {

/// Reads anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}. Where the tokens are told as input and output only, the
/// one with the smaller share left counts. Resets are RFC 3339 times, put against `wall_now_ns`.
wire::RateLimits read_rate_limits(const plugin::Headers& headers, std::int64_t wall_now_ns);

/// Milliseconds until a limit that is spent comes back; -1: none is spent.
std::int64_t reset_hint_ms(const wire::RateLimits& limits);

}  // namespace eco2::anthropic
