#pragma once

#include "batch/jobs/item_steps.hpp"
#include "batch/jobs/job_file.hpp"

#include <memory>
#include <string_view>

namespace eco2::batch {

/// Finds what a pipeline's local stages need.
struct StepDoors {
    Executor& executor;
    int io_threads = 1;
    GrantDoor& grants;
    const Clock& clock;
    std::function<RuleStoreDoor*(std::string_view instance)> rules;
    std::function<RewardDoor*(std::string_view instance)> reward;
};

/// The steps of a job: of the pipeline as it was when the job was planned, or of plain requests.
/// Errors: store_failed (the record of the pipeline), config_invalid, plugin_missing (a stage's rule store or reward engine).
/// Lifetime: the doors outlive it.
Result<std::unique_ptr<ItemSteps>> make_steps(const JobRow& job, const StepDoors& doors);

}  // namespace eco2::batch
