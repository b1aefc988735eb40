#pragma once

#include <cmath>
#include <cstdint>

/// How money is counted: whole picousd, 10^-12 USD, so that sums never depend on their order.
namespace eco2 {

/// What one token costs. `usd_per_million`: prices with up to six decimals are whole picousd a token, others are rounded once.
inline std::int64_t picousd_per_token(double usd_per_million) noexcept {
    constexpr double kPicousdPerUsdPerMillion = 1e6;  // 10^12 a USD, 10^6 tokens a million
    return std::llround(usd_per_million * kPicousdPerUsdPerMillion);
}

}  // namespace eco2
