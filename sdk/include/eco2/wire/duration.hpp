#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace eco2::wire {

namespace detail {

inline constexpr double kMillisecondsMax = 9.0e15;  // below 2^53: every whole number is exact

/// Reads digits with an optional fraction ("12", "1.5", ".5") off the front of `text`.
inline std::optional<double> take_decimal(std::string_view& text) noexcept {
    double value = 0;
    double scale = 1;
    bool has_digit = false;
    bool is_fraction = false;
    while (!text.empty()) {
        const char byte = text.front();
        if (byte >= '0' && byte <= '9') {
            has_digit = true;
            value = value * 10 + (byte - '0');
            scale *= is_fraction ? 10 : 1;
        } else if (byte == '.' && !is_fraction) {
            is_fraction = true;
        } else {
            break;
        }
        text.remove_prefix(1);
    }
    if (!has_digit || !std::isfinite(value) || !std::isfinite(scale)) {
        return std::nullopt;
    }
    return value / scale;
}

/// Rounded up: waiting a little longer is right, a little shorter is not.
inline std::optional<std::int64_t> whole_milliseconds(double milliseconds) noexcept {
    if (!(milliseconds >= 0) || milliseconds > kMillisecondsMax) {
        return std::nullopt;
    }
    constexpr double kNoise = 1e-6;  // 0.1 + 0.2 must not become one more
    return static_cast<std::int64_t>(std::ceil(milliseconds - kNoise));
}

}  // namespace detail

/// Reads a duration as Go prints it: "6m0s", "120ms", "1h2m3.5s", "34.07s", "0". Rounded up to milliseconds.
/// Errors: nullopt for anything else, negative ones, and more than 9e15 ms.
inline std::optional<std::int64_t> parse_duration_ms(std::string_view text) noexcept {
    static constexpr std::array<std::pair<std::string_view, double>, 8> kUnits{{{"ns", 1e-6},
                                                                                {"us", 1e-3},
                                                                                {"\xC2\xB5s", 1e-3},  // micro sign
                                                                                {"\xCE\xBCs", 1e-3},  // Greek mu
                                                                                {"ms", 1.0},
                                                                                {"s", 1e3},
                                                                                {"m", 6e4},
                                                                                {"h", 3.6e6}}};
    if (text == "0") {
        return 0;
    }
    if (text.empty()) {
        return std::nullopt;
    }
    double total_ms = 0;
    while (!text.empty()) {
        const std::optional<double> number = detail::take_decimal(text);
        if (!number) {
            return std::nullopt;
        }
        bool has_unit = false;
        for (const auto& [unit, milliseconds] : kUnits) {
            if (text.starts_with(unit)) {
                text.remove_prefix(unit.size());
                total_ms += *number * milliseconds;
                has_unit = true;
                break;
            }
        }
        if (!has_unit) {
            return std::nullopt;
        }
    }
    return detail::whole_milliseconds(total_ms);
}

/// Reads a decimal number of seconds or milliseconds, given how many milliseconds one unit has.
inline std::optional<std::int64_t> parse_decimal_ms(std::string_view text, double unit_ms) noexcept {
    const std::optional<double> number = detail::take_decimal(text);
    return number && text.empty() ? detail::whole_milliseconds(*number * unit_ms) : std::nullopt;
}

}  // namespace eco2::wire
