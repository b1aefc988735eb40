#pragma once

#include <cstdint>
#include <string>

namespace eco2::batch {

/// What a job is expected to cost, as the store keeps it. Sums in picousd; 0 where no price is known.
struct JobEstimate {
    std::string json;  // to_json of money's Estimate
    std::int64_t low = 0;
    std::int64_t expected = 0;
    std::int64_t high = 0;
    bool is_calibrated = false;  // a pilot has told enough to go by
};

}  // namespace eco2::batch
