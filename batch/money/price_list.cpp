#include "batch/money/price_list.hpp"

#include "base/money.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <cmath>

namespace eco2::batch {
namespace {

std::int64_t times(std::int64_t picousd, double factor) noexcept {
    return factor == 1 ? picousd : std::llround(static_cast<double>(picousd) * factor);
}

std::int64_t known(std::int64_t count) noexcept {
    return std::max<std::int64_t>(count, 0);
}

}  // namespace

std::int64_t TokenPrices::cost(const Usage& usage) const noexcept {
    const auto prompt = known(usage.input_tokens);
    const auto cached = std::min(known(usage.cached_input_tokens), prompt);
    return add_capped(add_capped(multiply_capped(prompt - cached, input), multiply_capped(cached, cached_input)),
                      multiply_capped(usage.output_tokens, output));
}

Range TokenPrices::cost(const Range& input_tokens, const Range& output_tokens) const noexcept {
    return input_tokens * input + output_tokens * output;
}

std::int64_t TokenPrices::worst(const RequestTokens& tokens) const noexcept {
    return add_capped(multiply_capped(tokens.prompt.high, std::max(input, cached_input)),
                      multiply_capped(tokens.output.high, output));
}

std::optional<TokenPrices> PriceList::find(std::string_view provider, std::string_view model, double factor) const {
    const auto& prices = table_.prices;
    const auto found = std::find_if(prices.begin(), prices.end(), [&](const PriceDefinition& price) {
        return (price.provider.empty() || price.provider == provider) && glob_matches(price.match, model);
    });
    if (found == prices.end()) {
        return std::nullopt;
    }
    const double cached_usd = found->cached_input_usd < 0 ? found->input_usd : found->cached_input_usd;
    return TokenPrices{times(picousd_per_token(found->input_usd), factor),
                       times(picousd_per_token(cached_usd), factor),
                       times(picousd_per_token(found->output_usd), factor)};
}

Result<void> PriceList::check_review(std::string_view today, bool allows_past_review) const {
    if (allows_past_review || !is_past_review(today)) {
        return {};
    }
    return fail(Errc::config_invalid,
                "the prices of version " + table_.version + " were to be reviewed by " + table_.review_by +
                    "; check them against the provider's page and set prices.version and prices.review_by, or "
                    "batch.allow_past_review = true");
}

Result<void> PriceList::check_known(std::string_view provider, std::string_view model) const {
    if (find(provider, model, 1)) {
        return {};
    }
    return fail(Errc::config_invalid,
                "no price is known for model \"" + shorten(model, 80) + "\" of \"" + shorten(provider, 80) +
                    "\", so that a job cannot be kept within a sum; add a [[prices.model]], or give the job no cap");
}

std::string rounded_usd(std::int64_t picousd) {
    constexpr std::int64_t kMicro = 1'000'000;  // picousd a micro-USD, and micro-USD a USD
    constexpr std::int64_t kCent = 10'000;
    const bool is_negative = picousd < 0;
    const auto amount = is_negative ? -std::max(picousd, -kAmountMax) : std::min(picousd, kAmountMax);
    auto micro = (amount + kMicro - 1) / kMicro;
    const bool is_small = micro < kCent;
    micro = is_small ? micro : (micro + 99) / 100 * 100;
    auto decimals = std::to_string(kMicro + micro % kMicro).substr(1);
    decimals.resize(is_small && micro != 0 ? 6 : 4);
    return (is_negative ? "-" : "") + std::to_string(micro / kMicro) + "." + decimals;
}

}  // namespace eco2::batch
