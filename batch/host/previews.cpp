#include "batch/host/previews.hpp"

#include "batch/host/job_estimates.hpp"
#include "batch/host/scratch.hpp"
#include "batch/jobs/pipeline_steps.hpp"

#include <utility>

namespace eco2::batch {

Result<Estimate> preview(BatchHost& batch,
                         const PlanRequest& request,
                         const std::function<bool(std::int64_t, std::int64_t, std::int64_t)>& on_progress) {
    auto scratch = Scratch::make(batch.settings());
    if (!scratch) {
        return scratch.error();
    }
    auto& file = scratch.value()->file();
    const auto& settings = scratch.value()->settings();
    auto planned = batch.planner(on_progress, file, settings).plan(request);
    if (!planned) {
        return planned.error();
    }
    const auto& job = planned.value().job;
    auto steps = make_steps(job, batch.step_doors());
    if (!steps) {
        return steps.error();
    }
    auto& provider = *batch.host().plugins().batch_provider(job.provider);
    const PriceList prices(batch.host().config()->routing.prices);
    auto estimate = estimate_job(file, job, *steps.value(), provider, prices, settings, 0);
    for (auto& note : planned.value().notes) {
        if (estimate) {
            estimate.value().warnings.push_back({"input", "", std::move(note)});
        }
    }
    return estimate;
}

}  // namespace eco2::batch
