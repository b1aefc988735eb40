#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace eco2::wire {

namespace detail {

inline std::optional<unsigned> fixed_digits(std::string_view text) noexcept {
    unsigned value = 0;
    for (const char byte : text) {
        if (byte < '0' || byte > '9') {
            return std::nullopt;
        }
        value = value * 10 + static_cast<unsigned>(byte - '0');
    }
    return value;
}

}  // namespace detail

/// Reads "Sun, 06 Nov 1994 08:49:37 GMT" as seconds since 1970.
/// Source: RFC 9110 5.6.7; its two obsolete forms, which no provider sends, are refused.
inline std::optional<std::int64_t> parse_http_date(std::string_view text) noexcept {
    static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static constexpr std::string_view kDays = "MonTueWedThuFriSatSun";
    if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' ||
        text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT") {
        return std::nullopt;
    }
    const std::size_t month = kMonths.find(text.substr(8, 3));
    const std::size_t weekday = kDays.find(text.substr(0, 3));
    const auto day = detail::fixed_digits(text.substr(5, 2));
    const auto year = detail::fixed_digits(text.substr(12, 4));
    const auto hour = detail::fixed_digits(text.substr(17, 2));
    const auto minute = detail::fixed_digits(text.substr(20, 2));
    const auto second = detail::fixed_digits(text.substr(23, 2));
    if (month == std::string_view::npos || month % 3 != 0 || weekday == std::string_view::npos || weekday % 3 != 0 || !day ||
        !year || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                           std::chrono::day(*day)};
    if (!date.ok()) {
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return ((days * 24 + *hour) * 60 + *minute) * 60 + *second;
}

}  // namespace eco2::wire
