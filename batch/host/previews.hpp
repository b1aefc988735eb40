#pragma once

#include "batch/host/batch_host.hpp"
#include "batch/money/estimate.hpp"

#include <functional>

namespace eco2::batch {

/// What a job would take, without a network and without keeping anything: every item is read, its photo cleaned, its first
/// request written and counted; later stages are worked out from their prompts.
/// `on_progress` as Planner's. Blocks. Errors: as Planner::plan.
Result<Estimate> preview(BatchHost& batch,
                         const PlanRequest& request,
                         const std::function<bool(std::int64_t, std::int64_t, std::int64_t)>& on_progress);

}  // namespace eco2::batch
