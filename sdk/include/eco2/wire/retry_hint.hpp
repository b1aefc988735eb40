#pragma once

#include "eco2/wire/duration.hpp"
#include "eco2/wire/headers.hpp"
#include "eco2/wire/http_date.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace eco2::wire {

/// What a response says about trying again.
struct RetryHint {
    std::int64_t after_ms = -1;        // -1: no hint
    std::optional<bool> should_retry;  // x-should-retry, where sent
};

/// Reads `Retry-After`: seconds (fractions are taken, some send them) or an HTTP date. A date that has passed means now.
inline std::optional<std::int64_t> parse_retry_after_ms(std::string_view value, std::int64_t wall_now_ns) noexcept {
    if (const auto seconds = parse_decimal_ms(value, 1000.0)) {
        return seconds;
    }
    const auto date = parse_http_date(value);
    if (!date) {
        return std::nullopt;
    }
    constexpr std::int64_t kNsPerMs = 1'000'000;
    return std::max<std::int64_t>(0, *date * 1000 - wall_now_ns / kNsPerMs);
}

/// `retry-after-ms` wins over `retry-after`. What cannot be read counts as not sent.
template <HeaderSource Headers>
RetryHint read_retry_hint(const Headers& headers, std::int64_t wall_now_ns) noexcept {
    RetryHint hint;
    if (const auto exact = parse_decimal_ms(headers.find("retry-after-ms"), 1.0)) {
        hint.after_ms = *exact;
    } else if (const auto after = parse_retry_after_ms(headers.find("retry-after"), wall_now_ns)) {
        hint.after_ms = *after;
    }
    const std::string_view should = headers.find("x-should-retry");
    if (should == "true" || should == "false") {
        hint.should_retry = should == "true";
    }
    return hint;
}

}  // namespace eco2::wire
