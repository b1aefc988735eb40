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

/// Seconds since 1970 of a date in UTC, `time` as "08:49:37"; a leap second is taken.
inline std::optional<std::int64_t> date_seconds(std::optional<unsigned> year,
                                                std::optional<unsigned> month,
                                                std::optional<unsigned> day,
                                                std::string_view time) noexcept {
    if (time.size() != 8 || time[2] != ':' || time[5] != ':') {
        return std::nullopt;
    }
    const auto hour = fixed_digits(time.substr(0, 2));
    const auto minute = fixed_digits(time.substr(3, 2));
    const auto second = fixed_digits(time.substr(6, 2));
    if (!year || !month || !day || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{
        std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month), std::chrono::day(*day)};
    if (!date.ok()) {
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return ((days * 24 + *hour) * 60 + *minute) * 60 + *second;
}

/// 1 to 12 for "Jan" to "Dec".
inline std::optional<unsigned> month_named(std::string_view name) noexcept {
    static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const std::size_t at = name.size() == 3 ? kMonths.find(name) : std::string_view::npos;
    return at == std::string_view::npos || at % 3 != 0 ? std::nullopt : std::optional(static_cast<unsigned>(at / 3 + 1));
}

/// Whether `name` is a weekday: its first three letters, or all of them.
inline bool is_weekday(std::string_view name, bool is_whole) noexcept {
    static constexpr std::array<std::string_view, 7> kDays{
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
    for (const std::string_view day : kDays) {
        if (name == (is_whole ? day : day.substr(0, 3))) {
            return true;
        }
    }
    return false;
}

/// "Sun, 06 Nov 1994 08:49:37 GMT"
inline std::optional<std::int64_t> parse_imf_date(std::string_view text) noexcept {
    if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' ||
        text.substr(25) != " GMT" || !is_weekday(text.substr(0, 3), false)) {
        return std::nullopt;
    }
    return date_seconds(
        fixed_digits(text.substr(12, 4)), month_named(text.substr(8, 3)), fixed_digits(text.substr(5, 2)), text.substr(17, 8));
}

/// "Sunday, 06-Nov-94 08:49:37 GMT"; years below 70 are of this century.
inline std::optional<std::int64_t> parse_rfc850_date(std::string_view text) noexcept {
    const std::size_t comma = text.find(", ");
    if (comma == std::string_view::npos || !is_weekday(text.substr(0, comma), true)) {
        return std::nullopt;
    }
    text.remove_prefix(comma + 2);
    if (text.size() != 22 || text[2] != '-' || text[6] != '-' || text[9] != ' ' || text.substr(18) != " GMT") {
        return std::nullopt;
    }
    std::optional<unsigned> year = fixed_digits(text.substr(7, 2));
    if (year) {
        *year += *year < 70 ? 2000 : 1900;
    }
    return date_seconds(year, month_named(text.substr(3, 3)), fixed_digits(text.substr(0, 2)), text.substr(10, 8));
}

/// "Sun Nov  6 08:49:37 1994"
inline std::optional<std::int64_t> parse_asctime_date(std::string_view text) noexcept {
    if (text.size() != 24 || text[3] != ' ' || text[7] != ' ' || text[10] != ' ' || text[19] != ' ' ||
        !is_weekday(text.substr(0, 3), false)) {
        return std::nullopt;
    }
    const bool has_one_digit = text[8] == ' ';
    return date_seconds(fixed_digits(text.substr(20)),
                        month_named(text.substr(4, 3)),
                        fixed_digits(has_one_digit ? text.substr(9, 1) : text.substr(8, 2)),
                        text.substr(11, 8));
}

}  // namespace detail

/// Reads an HTTP date as seconds since 1970, in any of its three forms: "Sun, 06 Nov 1994 08:49:37 GMT",
/// "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994". Source: RFC 9110 5.6.7.
inline std::optional<std::int64_t> parse_http_date(std::string_view text) noexcept {
    if (const auto usual = detail::parse_imf_date(text)) {
        return usual;
    }
    if (const auto old = detail::parse_rfc850_date(text)) {
        return old;
    }
    return detail::parse_asctime_date(text);
}

}  // namespace eco2::wire
