#pragma once

#include "eco2/wire/http_date.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace eco2::wire {

/// Reads "2026-01-31T08:49:37Z", with a fraction or an offset such as +09:00 too, as seconds since 1970; fractions round up.
/// Source: RFC 3339 5.6.
inline std::optional<std::int64_t> parse_rfc3339(std::string_view text) noexcept {
    if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't')) {
        return std::nullopt;
    }
    const auto month = detail::fixed_digits(text.substr(5, 2));
    const auto seconds = detail::date_seconds(
        detail::fixed_digits(text.substr(0, 4)), month, detail::fixed_digits(text.substr(8, 2)), text.substr(11, 8));
    if (!seconds) {
        return std::nullopt;
    }
    text.remove_prefix(19);
    std::int64_t fraction = 0;
    if (text.front() == '.') {
        const std::size_t end = text.find_first_not_of("0123456789", 1);
        if (end == std::string_view::npos || end == 1) {
            return std::nullopt;
        }
        fraction = text.substr(1, end - 1).find_first_not_of('0') == std::string_view::npos ? 0 : 1;
        text.remove_prefix(end);
    }
    if (text == "Z" || text == "z") {
        return *seconds + fraction;
    }
    if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') {
        return std::nullopt;
    }
    const auto hours = detail::fixed_digits(text.substr(1, 2));
    const auto minutes = detail::fixed_digits(text.substr(4, 2));
    if (!hours || !minutes || *hours > 23 || *minutes > 59) {
        return std::nullopt;
    }
    const std::int64_t offset = std::int64_t{*hours} * 3600 + std::int64_t{*minutes} * 60;
    return *seconds + fraction - (text[0] == '+' ? offset : -offset);
}

}  // namespace eco2::wire
