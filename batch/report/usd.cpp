#include "batch/report/usd.hpp"

namespace eco2::batch {

std::string usd_text(std::int64_t picousd) {
    constexpr std::uint64_t kPicousdPerUsd = 1'000'000'000'000;
    constexpr std::size_t kDecimals = 12;
    const bool is_negative = picousd < 0;
    // The lowest value has no counterpart of its own type.
    const auto amount = is_negative ? 0 - static_cast<std::uint64_t>(picousd) : static_cast<std::uint64_t>(picousd);
    auto decimals = std::to_string(amount % kPicousdPerUsd);
    decimals.insert(0, kDecimals - decimals.size(), '0');
    decimals.erase(decimals.find_last_not_of('0') + 1);
    return (is_negative ? "-" : "") + std::to_string(amount / kPicousdPerUsd) + (decimals.empty() ? "" : "." + decimals);
}

}  // namespace eco2::batch
