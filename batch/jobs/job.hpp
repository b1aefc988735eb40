#pragma once

#include "base/error.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Jobs as plain values: what the store keeps and what commands show.
namespace eco2::batch {

/// planning -> open -> done | cancelled; open <-> paused; open -> cancelling -> cancelled. Of the terminal states
/// `retry` alone leads back to open.
enum class JobState { planning, open, paused, cancelling, done, cancelled };

/// waiting (for its next stage to be prepared) -> asked (its request is in the queue or with the provider) -> waiting ... ->
/// done, or failed. `retry` takes failed items back to waiting.
enum class ItemState { waiting, asked, done, failed };

/// A shard is one attempt at one provider batch.
///
///     planned -> built -> upload_intent -> uploaded -> submit_intent -> submitted -> running -> downloading -> ingesting ->
///     settled
///                           |    ^                       |     ^           |            |
///                           v    |                       v     |           |            +-> settled (failed: nothing to fetch)
///                     upload_ambiguous             submit_ambiguous         +-> vanished (an operator decides)
///
/// `limited`: the provider's queue is full; the shard goes back to uploaded, later. `abandoned`: given up before it was
/// created.
enum class ShardState {
    planned,
    built,
    upload_intent,
    upload_ambiguous,
    uploaded,
    submit_intent,
    submit_ambiguous,
    submitted,
    running,
    downloading,
    ingesting,
    settled,
    limited,
    vanished,
    abandoned
};

std::string_view name_of(JobState state) noexcept;
std::string_view name_of(ItemState state) noexcept;
std::string_view name_of(ShardState state) noexcept;

/// What becomes of a request that came back without a usable answer.
enum class RetryClass {
    none,
    fix_body,   // the request is wrong: never sent again unchanged
    transient,  // 5xx, 429, an image that could not be fetched: again, within the attempts
    expired,    // the window was over: again, no attempt counts
    account,    // credit or key: the job pauses
    content,    // refused, cut off, outside the schema: again, within the attempts for content
    limit,      // the provider's queue: again, no attempt counts
};
std::string_view name_of(RetryClass retry) noexcept;
/// Those that items can be tried again by; and "vanished", for shards.
std::vector<std::string> retry_classes();

/// Sums of money in picousd, 10^-12 USD.
struct Money {
    std::int64_t estimated = 0;    // expected, at the plan
    std::int64_t reserved = 0;     // worst case of what is under way, ambiguous work included
    std::int64_t booked = 0;       // by the results' usage
    std::int64_t synchronous = 0;  // what the same usage would have cost live
    std::int64_t unexplained = 0;  // batches' own usage less the lines'; 0 unless the provider or we are wrong
    std::int64_t cap = 0;          // 0: none
};

/// How far a job is. What commands show while it runs.
struct JobProgress {
    std::string job;
    JobState state = JobState::planning;
    std::string reason;  // why it is paused, or waits; empty: it does not
    std::int64_t items = 0;
    std::int64_t items_done = 0;
    std::int64_t items_failed = 0;

    struct Stage {
        std::string name;
        std::int64_t requests = 0;  // that the stage has so far; equal content counts once
        std::int64_t answered = 0;
        // shards by where they are
        std::int64_t preparing = 0;  // planned, built, being uploaded, to be created
        std::int64_t queued = 0;     // waits for a limit of the provider or for money
        std::int64_t validating = 0;
        std::int64_t running = 0;
        std::int64_t finalizing = 0;
        std::int64_t ingesting = 0;  // downloading too
        std::int64_t settled = 0;
        std::int64_t unclear = 0;           // upload or create whose outcome is being found out
        std::int64_t remote_total = 0;      // requests of batches under way, as the provider counts
        std::int64_t remote_completed = 0;  // of them
    };
    std::vector<Stage> stages;  // those that ask a provider

    Money money;
    std::chrono::nanoseconds elapsed{0};
    std::optional<std::chrono::nanoseconds> left;  // none: not known yet
    std::int64_t transfer_bytes = 0;               // of the file that is being sent or fetched
    std::int64_t transfer_total = 0;               // 0: none is
};

}  // namespace eco2::batch
