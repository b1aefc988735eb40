#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace eco2::batch {

/// How the machine behaves; from `[batch]` of the configuration.
struct Settings {
    using Ms = std::chrono::milliseconds;

    std::filesystem::path data_dir;
    Ms poll_min{10'000};
    Ms poll_max{300'000};
    Ms visibility_grace{120'000};  // a batch or file may be missing from lists for so long
    Ms retry_base{1'000};
    Ms retry_max{60'000};
    Ms lease{10'000};
    int attempts = 3;          // of one request, where the provider failed
    int content_attempts = 2;  // of one request, where the answer was not what the stage wants
    std::int64_t output_tokens_assumed = 4'096;
    std::int64_t enqueued_tokens_max = 0;  // 0: the provider's own
    std::int64_t requests_max = 0;         // of a shard; 0: the provider's own
    bool has_echo = true;
    bool cleans_up = true;
    bool allows_past_review = false;
    int live_concurrency = 8;
};

}  // namespace eco2::batch
