#pragma once

#include "base/result.hpp"
#include "batch/money/token_estimate.hpp"
#include "model/calls.hpp"
#include "model/route_definition.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eco2::batch {

/// What a token costs, in picousd.
struct TokenPrices {
    std::int64_t input = 0;
    std::int64_t cached_input = 0;
    std::int64_t output = 0;

    /// Exact, but never beyond kAmountMax. Counts that are not known count as none.
    std::int64_t cost(const Usage& usage) const noexcept;
    /// Without a cache: low of low, expected of expected, high of high.
    Range cost(const Range& input_tokens, const Range& output_tokens) const noexcept;
    /// The most that a request may cost: a prompt and an answer as long as they may be, and the dearer kind of prompt.
    std::int64_t worst(const RequestTokens& tokens) const noexcept;
};

/// What models cost in a batch and live.
///
/// A batch's price of a token is the live one times the provider's factor, rounded once, a token at a time, to whole picousd:
/// so sums over lines, shards and jobs are the same in whatever order they are made.
///
/// Thread-safety: any thread (immutable).
class PriceList {
public:
    explicit PriceList(PriceTable table) : table_(std::move(table)) {}

    /// None: no price fits. `factor`: BatchCapabilities::price_factor; 1: the live price.
    std::optional<TokenPrices> find(std::string_view provider, std::string_view model, double factor) const;

    const std::string& version() const noexcept { return table_.version; }
    const std::string& review_by() const noexcept { return table_.review_by; }
    /// `today`: "YYYY-MM-DD", UTC.
    bool is_past_review(std::string_view today) const noexcept { return table_.is_past_review(today); }

    /// What must hold before a job begins. Errors: config_invalid (the review date is past), which says what to change.
    Result<void> check_review(std::string_view today, bool allows_past_review) const;
    /// What must hold before a job with a cap begins. Errors: config_invalid (no price fits).
    Result<void> check_known(std::string_view provider, std::string_view model) const;

private:
    PriceTable table_;
};

/// "12.3457", in USD, rounded up: four decimals, six below a cent.
std::string rounded_usd(std::int64_t picousd);

}  // namespace eco2::batch
