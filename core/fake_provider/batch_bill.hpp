#pragma once

#include "fake_provider/bill.hpp"

#include <boost/json/object.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace eco2::fake {

/// What a token of a model costs, in picousd.
struct TokenRates {
    std::int64_t in = 0;
    std::int64_t out = 0;
};

/// `discount`: the share of the synchronous price that is paid.
TokenRates token_rates(const Prices& prices, std::string_view model, double discount);

/// One line that a batch has executed, and that is therefore paid for.
struct Execution {
    std::string batch_id;
    std::string custom_id;
    std::uint64_t content = 0;  // hash of the line's body
    std::string model;
    std::int64_t tokens_in = 0;
    std::int64_t tokens_out = 0;
    std::int64_t cost_picousd = 0;
};

/// What batches have executed and what it costs: sums by batch, executions by custom_id and by content, the last executions.
///
/// Thread-safety: any thread.
/// Limits:        limits::kFakeBilledItemsMax custom_ids and contents are told apart, by 64 bits each; executions of others
///                are in the sums, and `untracked`. limits::kFakeBilledLinesMax executions are listed.
class BatchBill {
public:
    void add(Execution execution);
    void reset();

    /// As GET /fake/bill shows it, with the last `executions_max` executions.
    boost::json::object to_object(std::size_t executions_max) const;
    /// How often lines with this custom_id were executed.
    std::uint64_t executions_of(std::string_view custom_id) const;

private:
    struct Sum {
        std::string model;
        std::uint64_t executed = 0;
        std::int64_t tokens_in = 0;
        std::int64_t tokens_out = 0;
        std::int64_t cost_picousd = 0;
    };
    using Counts = std::unordered_map<std::uint64_t, std::uint32_t>;
    using Repeated = std::map<std::string, std::uint64_t, std::less<>>;

    static void add_to(Sum& sum, const Execution& execution);
    void count(Counts& counts, std::uint64_t hash, Repeated& repeated, const std::string& name);
    static boost::json::object to_object(const Sum& sum);

    mutable std::mutex mutex_;  // guards what follows
    Sum total_;
    std::map<std::string, Sum> batches_;
    Counts by_custom_id_;
    Counts by_content_;
    Repeated repeated_custom_ids_;  // executed more than once
    Repeated repeated_contents_;
    std::uint64_t untracked_ = 0;
    std::deque<Execution> executions_;
};

}  // namespace eco2::fake
