#pragma once

#include "batch/jobs/item_steps.hpp"
#include "batch/jobs/job_file.hpp"
#include "batch/jobs/settings.hpp"
#include "batch/money/estimate.hpp"
#include "model/batch_provider.hpp"

#include <cstdint>
#include <string>

namespace eco2::batch {

/// Items whose requests an estimate at the plan is made from: a second look at a million photos would take an hour.
inline constexpr std::int64_t kEstimateSample = 200;

/// What a stored job will take: first requests are written and counted, item by item; later stages are worked out from their
/// prompts. Nobody is asked and nothing is changed.
///
/// Of a job with more than `sample` items (0: no limit) so many are looked at, evenly over all, and stand for the others: equal
/// requests then count once only as far as the sample has them.
/// `has_pilot`: what the job has used so far takes the place of guesses (Estimator::calibrate).
///
/// Thread-safety: that of `file` and `steps`. Blocks. Errors: store_failed, io_failed (a photo is gone).
Result<Estimate> estimate_job(JobFile& file,
                              const JobRow& job,
                              ItemSteps& steps,
                              BatchProviderDoor& provider,
                              const PriceList& prices,
                              const Settings& settings,
                              std::int64_t sample,
                              bool has_pilot = false);

/// For the store.
JobEstimate job_estimate_of(const Estimate& estimate);

}  // namespace eco2::batch
