#pragma once

#include "base/result.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace eco2::fake {

/// How the Batch API goes when nothing is wrong. Times are of the fake's movable clock.
struct BatchSettings {
    std::int64_t validating_ms = 200;
    std::int64_t in_progress_ms = 200;  // the lines are executed evenly over it
    std::int64_t finalizing_ms = 200;
    std::int64_t cancelling_ms = 200;
    std::int64_t window_ms = 86'400'000;  // from its creation; what is not executed then expires
    std::int64_t list_lag_ms = 0;         // a new file or batch is missing in lists for so long
    std::int64_t lines_max = 50'000;      // of one file
    std::int64_t bytes_max = 200'000'000;
    std::int64_t creations_per_hour_max = 2'000;  // of batches, by all clients; 0: no limit
    double discount = 0.5;                        // what a token costs, as a share of the synchronous price
    bool shuffle = true;                          // output lines come in another order than the input's
    int shuffle_window = 500;                     // lines among which they change places
    bool counts_expired = false;                  // whether lines that expired or were cancelled are in request_counts.failed
    /// Enqueued prompt tokens by model, of all batches that are not over; "default" is for the others. Empty: no limit.
    std::map<std::string, std::int64_t, std::less<>> enqueued_tokens_max;

    /// -1: no limit.
    std::int64_t enqueued_max(std::string_view model) const;
};

/// `settings` with the keys of `json` put in; "faults" is taken out before. Errors: invalid_field, with the key's name.
Result<BatchSettings> read_batch_settings(BatchSettings settings, const boost::json::object& json);

}  // namespace eco2::fake
