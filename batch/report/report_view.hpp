#pragma once

#include "batch/jobs/job.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace eco2::batch {

/// What `eco2 batch report` tells of a job. Every number is a count or a sum that one SQL query gives.
struct JobReport {
    std::string job;
    std::string pipeline;
    JobState state = JobState::planning;
    std::string reason;  // why it is paused; empty: it is not
    // since 1970; -1: not yet
    std::int64_t created_at_ns = -1;
    std::int64_t ended_at_ns = -1;
    std::chrono::nanoseconds elapsed{0};  // from its creation to its end, or to now

    std::map<ItemState, std::int64_t> items;  // a state that is missing has none

    struct Stage {
        std::string name;
        std::int64_t requests = 0;                   // different ones; equal content counts once
        std::int64_t cached = 0;                     // of them, answered by what was there already
        std::int64_t shards = 0;                     // batches at the provider
        std::int64_t attempts = 0;                   // lines sent in them: each request at least once unless it was cached
        std::map<RetryClass, std::int64_t> retries;  // attempts that came back without a usable answer, by class
    };
    std::vector<Stage> stages;

    Money money;
    std::string pilot;  // what it has told; empty: there was none, or it is not back

    struct Tokens {
        std::int64_t input = 0;
        std::int64_t cached_input = 0;
        std::int64_t output = 0;
    };
    Tokens tokens;

    /// What should not happen and was dealt with.
    enum class Incident {
        swapped_answers,      // found by the echo; asked again
        duplicate_answers,    // a second, equal answer to one request; left out
        conflicting_answers,  // a second, different one; the first holds
        unknown_ids,          // lines with a custom_id that we never sent; set aside
        missing_answers,      // lines sent that no result file speaks of; asked again
        adopted_batches,      // whose creation was not confirmed, found at the provider
        orphans,              // batches or files at the provider that belong to this installation and to no job
        vanished_batches,     // that the provider did not know any more, or named no files for: an operator decides
        estimated_costs,      // answers without usage, booked by estimate
    };
    struct IncidentCount {
        Incident incident = Incident::swapped_answers;
        std::int64_t count = 0;
        std::string example;  // an item, custom_id, batch or file; empty: none
    };
    std::vector<IncidentCount> incidents;

    /// Failed items with one cause.
    struct DeadLetters {
        RetryClass retry = RetryClass::none;
        std::string stage;
        std::string cause;  // "PROVIDER_REFUSED: image could not be fetched"
        std::int64_t count = 0;
        std::string example;  // an item's id
    };
    std::vector<DeadLetters> dead_letters;
};

std::string_view name_of(JobReport::Incident incident) noexcept;

/// The command that takes such items up again; empty: the items themselves must be mended first.
std::string retry_command(const std::string& job, RetryClass retry);

/// For people; ends with '\n'. Jobs are apart by an empty line; more than one have their sums at the end.
std::string report_text(const std::vector<JobReport>& jobs);

/// One object: the sums of money over all jobs at its top, and "jobs". Money is exact, in USD; saved is what the same usage
/// would have cost live, less what was booked.
std::string report_json(const std::vector<JobReport>& jobs);

}  // namespace eco2::batch
