#include "batch/jobs/machine.hpp"
#include "batch/jobs/machine_task.hpp"

#include <algorithm>
#include <cstddef>

namespace eco2::batch {

/// The first requests go through all stages before the others follow. What failed among them goes again with the others.
Result<Machine::Pilot> Machine::pilot(const JobRow& job, const Task& task) {
    auto sent = doors_.file.sent(job.key);
    if (!sent) {
        return sent.error();
    }
    Pilot pilot{std::vector<bool>(static_cast<std::size_t>(task.stage_count), false), false};
    bool is_out = false;
    std::int64_t answers = 0;
    bool is_first = true;
    for (const auto& stage : sent.value()) {
        if (stage.open + stage.back == 0) {
            continue;
        }
        pilot.is_held[static_cast<std::size_t>(stage.stage)] = is_first || stage.open + stage.back >= job.pilot;
        is_first = false;
        is_out = is_out || stage.open > 0;
        answers += stage.answered;
    }
    if (is_first || is_out) {
        return pilot;
    }
    // Walks and cuts take turns: the pilot's own answers may not have been looked at yet.
    auto unwalked = doors_.file.waiting(job.key, 1);
    if (!unwalked || !unwalked.value().empty()) {
        return unwalked ? Result<Pilot>(std::move(pilot)) : unwalked.error();
    }
    bool is_more_to_come = false;
    for (int stage = 0; stage < task.stage_count; ++stage) {
        auto ready = doors_.file.ready(job.key, stage);
        if (!ready) {
            return ready.error();
        }
        if (ready.value().requests > 0 && !pilot.is_held[static_cast<std::size_t>(stage)]) {
            return pilot;
        }
        is_more_to_come = is_more_to_come || ready.value().requests > 0;
    }
    if (auto ended = end_pilot(job, answers, is_more_to_come); !ended) {
        return ended.error();
    }
    pilot.has_ended = true;
    return pilot;
}

Result<void> Machine::end_pilot(const JobRow& job, std::int64_t answers, bool is_more_to_come) {
    JobEstimate estimate;
    std::string words = "the pilot has brought " + std::to_string(answers) + (answers == 1 ? " answer" : " answers");
    std::string objection;
    if (answers > 0 && doors_.calibrate) {
        auto calibrated = doors_.calibrate(job);
        if (!calibrated) {
            words += "; what the job will cost cannot be said: " + calibrated.error().detail;
        } else if (!calibrated.value().is_calibrated) {
            words += ", too few to estimate from";
        } else {
            estimate = std::move(calibrated.value());
            words += "; by them the job costs " + usd(estimate.expected) + " (" + usd(estimate.low) + " to " +
                     usd(estimate.high) + "), at the plan it was " + usd(job.money.estimated);
            if (job.money.cap > 0 && estimate.high > job.money.cap) {
                objection = "by its pilot the job may cost " + usd(estimate.high) + " (" + usd(estimate.expected) +
                            " expected), more than its cap of " + usd(job.money.cap) +
                            "; raise --cap-usd and run again, or run again to go on up to the cap";
            }
        }
    } else if (answers == 0) {
        objection = "no request of the pilot was answered: see `eco2 batch report " + job.id + "`; run again to send the rest";
    }
    // First the pause: a kill in between repeats the end of the pilot, and never goes on without having asked.
    if (is_more_to_come && !objection.empty()) {
        if (auto paused = pause(job, objection); !paused) {
            return paused;
        }
    }
    doors_.log.info("batch pilot", {{"job", job.id}, {"detail", words}});
    return doors_.file.end_pilot(job.key, estimate, {job.key, 0, "pilot", words, now_ns()});
}

}  // namespace eco2::batch
