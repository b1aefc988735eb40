#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace eco2::batch {

/// Sums stop here: a nonsensical number of tokens must not turn a cap around.
inline constexpr std::int64_t kAmountMax = std::numeric_limits<std::int64_t>::max() / 4;

/// Of amounts that are not negative; at most kAmountMax.
constexpr std::int64_t add_capped(std::int64_t a, std::int64_t b) noexcept {
    return a > kAmountMax - std::min(b, kAmountMax) ? kAmountMax : a + b;
}

constexpr std::int64_t multiply_capped(std::int64_t a, std::int64_t b) noexcept {
    if (a <= 0 || b <= 0) {
        return 0;
    }
    return a > kAmountMax / b ? kAmountMax : a * b;
}

/// An amount that is not known yet, of tokens or of picousd: low <= expected <= high.
struct Range {
    std::int64_t low = 0;
    std::int64_t expected = 0;
    std::int64_t high = 0;

    static constexpr Range exactly(std::int64_t amount) noexcept { return {amount, amount, amount}; }

    constexpr Range& operator+=(const Range& other) noexcept {
        low = add_capped(low, other.low);
        expected = add_capped(expected, other.expected);
        high = add_capped(high, other.high);
        return *this;
    }
    friend constexpr Range operator+(Range a, const Range& b) noexcept { return a += b; }
    friend constexpr Range operator*(const Range& a, std::int64_t count) noexcept {
        return {multiply_capped(a.low, count), multiply_capped(a.expected, count), multiply_capped(a.high, count)};
    }
    bool operator==(const Range&) const = default;
};

}  // namespace eco2::batch
