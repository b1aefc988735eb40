#pragma once

#include "batch/jobs/job_file.hpp"
#include "batch/report/report_view.hpp"
#include "model/route_definition.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace eco2::batch {

/// Writes a job's results, those that are there, into a folder. Blocks. Errors: store_failed, io_failed.
Result<void> export_results(JobFile& file,
                            const JobRow& job,
                            const std::filesystem::path& folder,
                            const std::string& price_version);

/// Errors: store_failed. `prices`: for what batches say that they have used besides their lines.
Result<JobReport> report_of(JobFile& file, const JobRow& job);

}  // namespace eco2::batch
