#pragma once

#include "base/text.hpp"
#include "model/calls.hpp"
#include "model/route_definition.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace eco2::routing {

/// One attempt as the ledger keeps it: also failed and cancelled ones, since upstreams bill those too.
struct AttemptRecord {
    std::string request_id;
    std::string route;
    std::string provider;
    std::string model;     // asked for
    std::string answered;  // the model that answered; empty: not told
    std::string key;       // id; empty: none
    std::string caller;    // virtual key or user; empty: nobody in particular
    int attempt = 0;       // of the request, from 1
    std::string outcome;   // "ok", "cancelled", or the stable string of the error table
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
    std::int64_t cached_input_tokens = 0;
    bool is_estimated = false;      // the upstream told no usage; see estimate_*
    std::int64_t cost_picousd = 0;  // 10^-12 USD: prices per million tokens in USD with 6 decimals stay whole
    bool is_priced = false;         // false: no price fits, the cost is not known
    std::string price_version;
    std::chrono::nanoseconds first_content{-1};
    std::chrono::nanoseconds duration{0};
};

/// A request that is over, with all its attempts.
struct RoutedRecord {
    std::string request_id;
    std::string route;
    std::string caller;
    std::string outcome;  // as of an attempt
    int attempts = 0;
    std::string trail;
    std::chrono::nanoseconds duration{0};
};

/// Where attempts are told to: ledger, log, metrics.
///
/// Thread-safety: called on I/O threads, many at once.
class AttemptWatcher {
public:
    virtual ~AttemptWatcher() = default;
    virtual void on_attempt(const AttemptRecord& record) = 0;
    virtual void on_routed(const RoutedRecord& record) = 0;
};

/// What usage costs.
///
/// Thread-safety: any thread (immutable).
class PriceBook {
public:
    explicit PriceBook(PriceTable table);

    /// Fills in cost, is_priced and price_version from the tokens and the models of the record.
    void price(AttemptRecord& record) const;
    /// The most that an attempt may cost; 0 where no price fits.
    std::int64_t worst_picousd(std::string_view provider,
                               std::string_view model,
                               std::int64_t input_tokens,
                               std::int64_t output_tokens) const;

private:
    PriceTable table_;
};

/// Tokens of a request's prompt without a tokenizer: an upper estimate for reservations and for attempts whose usage is not
/// told.
std::int64_t estimate_prompt_tokens(const GenerateRequest& request);
/// Tokens of a piece of an answer.
std::int64_t estimate_text_tokens(std::string_view text);

using eco2::glob_matches;

}  // namespace eco2::routing
