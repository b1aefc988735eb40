#pragma once

#include "base/clock.hpp"
#include "batch/jobs/job_file.hpp"

namespace eco2::batch {

/// How far a job is, from what the store holds. Errors: store_failed.
Result<JobProgress> progress_of(JobFile& file, const JobRow& job, const Clock& clock);

}  // namespace eco2::batch
