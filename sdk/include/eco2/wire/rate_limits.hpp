#pragma once

#include "eco2/wire/duration.hpp"
#include "eco2/wire/headers.hpp"

#include <charconv>
#include <cstdint>
#include <string_view>

namespace eco2::wire {

/// What an upstream says of its limits; -1: not known.
struct RateLimits {
    std::int64_t requests_limit = -1;
    std::int64_t requests_remaining = -1;
    std::int64_t requests_reset_ms = -1;
    std::int64_t tokens_limit = -1;
    std::int64_t tokens_remaining = -1;
    std::int64_t tokens_reset_ms = -1;

    bool operator==(const RateLimits&) const = default;
};

namespace detail {

inline std::int64_t count_or_unknown(std::string_view text) noexcept {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty() && value >= 0 ? value : -1;
}

}  // namespace detail

/// Reads x-ratelimit-{limit,remaining,reset}-{requests,tokens}, resets as Go durations.
template <HeaderSource Headers>
RateLimits read_rate_limits(const Headers& headers) noexcept {
    RateLimits limits;
    limits.requests_limit = detail::count_or_unknown(headers.find("x-ratelimit-limit-requests"));
    limits.requests_remaining = detail::count_or_unknown(headers.find("x-ratelimit-remaining-requests"));
    limits.requests_reset_ms = parse_duration_ms(headers.find("x-ratelimit-reset-requests")).value_or(-1);
    limits.tokens_limit = detail::count_or_unknown(headers.find("x-ratelimit-limit-tokens"));
    limits.tokens_remaining = detail::count_or_unknown(headers.find("x-ratelimit-remaining-tokens"));
    limits.tokens_reset_ms = parse_duration_ms(headers.find("x-ratelimit-reset-tokens")).value_or(-1);
    return limits;
}

}  // namespace eco2::wire
