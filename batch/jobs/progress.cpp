#include "batch/jobs/progress.hpp"

#include <algorithm>

namespace eco2::batch {
namespace {

void count(JobProgress::Stage& stage, const Shard& shard) {
    switch (shard.state) {
        case ShardState::planned:
        case ShardState::built:
        case ShardState::upload_intent:
        case ShardState::submit_intent: ++stage.preparing; break;
        case ShardState::uploaded: ++(shard.trouble.empty() ? stage.preparing : stage.queued); break;
        case ShardState::limited: ++stage.queued; break;
        case ShardState::upload_ambiguous:
        case ShardState::submit_ambiguous:
        case ShardState::vanished: ++stage.unclear; break;
        case ShardState::submitted: ++stage.validating; break;
        case ShardState::running:
            if (shard.remote_state == "validating") {
                ++stage.validating;
            } else if (shard.remote_state == "finalizing") {
                ++stage.finalizing;
            } else {
                ++stage.running;
            }
            stage.remote_total += shard.remote_total;
            stage.remote_completed += shard.remote_done;
            break;
        case ShardState::downloading:
        case ShardState::ingesting: ++stage.ingesting; break;
        case ShardState::settled: ++stage.settled; break;
        case ShardState::abandoned: break;
    }
}

}  // namespace

Result<JobProgress> progress_of(JobFile& file, const JobRow& job, const Clock& clock) {
    JobProgress progress;
    progress.job = job.id;
    progress.state = job.state;
    progress.reason = job.reason;
    progress.items = job.items;
    progress.items_done = job.items_done;
    progress.items_failed = job.items_failed;
    progress.money = job.money;
    progress.elapsed = std::chrono::nanoseconds((job.ended_ns != 0 ? job.ended_ns : clock.wall_ns()) - job.created_ns);
    auto stages = file.stages(job.key);
    auto shards = stages ? file.shards(job.key) : stages.error();
    if (!shards) {
        return shards.error();
    }
    std::vector<int> places;
    for (std::size_t i = 0; i < stages.value().size(); ++i) {
        places.push_back(stages.value()[i].name.empty() ? -1 : static_cast<int>(progress.stages.size()));
        if (!stages.value()[i].name.empty()) {
            JobProgress::Stage stage;
            stage.name = stages.value()[i].name;
            stage.requests = stages.value()[i].requests;
            stage.answered = stages.value()[i].answered;
            progress.stages.push_back(stage);
        }
    }
    std::string trouble;
    for (const auto& shard : shards.value()) {
        if (shard.stage < static_cast<int>(places.size()) && places[static_cast<std::size_t>(shard.stage)] >= 0) {
            count(progress.stages[static_cast<std::size_t>(places[static_cast<std::size_t>(shard.stage)])], shard);
        }
        if (!shard.trouble.empty() && !shard.is_cleaned && trouble.empty()) {
            trouble = shard.trouble;
        }
    }
    if (progress.reason.empty() && job.state == JobState::open) {
        progress.reason = trouble;
    }
    if (progress.reason.empty() && job.state == JobState::open && job.pilot > 0 && job.items > job.pilot) {
        progress.reason =
            "the pilot goes ahead alone: " + std::to_string(job.pilot) + (job.pilot == 1 ? " request" : " requests");
    }
    // From how fast its own requests were answered; before the first answer nothing is known.
    std::int64_t answered = 0;
    std::int64_t requests = 0;
    for (const auto& stage : progress.stages) {
        answered += stage.answered;
        requests += std::max(stage.requests, job.items - job.items_failed);
    }
    if (job.state == JobState::open && answered > 0 && requests >= answered) {
        const double share = static_cast<double>(requests - answered) / static_cast<double>(answered);
        progress.left =
            std::chrono::nanoseconds(static_cast<std::int64_t>(share * static_cast<double>(progress.elapsed.count())));
    }
    return progress;
}

}  // namespace eco2::batch
