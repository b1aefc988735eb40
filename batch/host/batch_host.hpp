#pragma once

#include "batch/jobs/pipeline_steps.hpp"
#include "batch/jobs/planner.hpp"
#include "batch/jobs/worker.hpp"
#include "batch/wire/poco_transport.hpp"
#include "runtime/host.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace eco2::batch {

Settings settings_of(const config::HostConfig& config);

/// The file of jobs of a data directory.
std::filesystem::path job_file_of(const config::HostConfig& config);

/// The instance that jobs go to: the one that is asked for, the configuration's, or the only one with a Batch API. An id whose
/// plugin has none stands for the instance "ID_batch" beside it.
/// Errors: plugin_missing, with those that there are.
Result<std::string> batch_provider_of(runtime::Host& host, const std::string& wanted);

/// Wires jobs to a loaded host: its plugins, photos, grants, prices and routes.
///
/// Lifetime: the host outlives it; workers and planners that it makes end before it.
class BatchHost {
public:
    /// Errors: store_failed, io_failed, config_invalid.
    static Result<std::unique_ptr<BatchHost>> open(runtime::Host& host);

    std::unique_ptr<Worker> start_worker();
    using OnProgress = std::function<bool(std::int64_t items, std::int64_t done, std::int64_t total)>;
    /// Its jobs have an estimate, from a sample of their items.
    Planner planner(OnProgress on_progress);
    /// Into another file: for a preview. Without an estimate.
    Planner planner(OnProgress on_progress, JobFile& file, const Settings& settings);
    /// For the calling thread; the worker has its own.
    JobFile& file() noexcept { return file_; }
    const Settings& settings() const noexcept { return settings_; }
    runtime::Host& host() noexcept { return host_; }
    StepDoors step_doors();

private:
    BatchHost(runtime::Host& host, std::unique_ptr<PocoTransport> transport);

    Machine::Doors machine_doors();
    std::vector<Result<intake::Photo>> clean_photos(std::vector<std::string> bytes);
    Result<void> write_results(const JobRow& job);
    Result<JobEstimate> estimate(JobFile& file, const JobRow& job, bool has_pilot);
    Planner::Doors planner_doors(OnProgress on_progress, JobFile& file);

    runtime::Host& host_;
    const Settings settings_;
    JobFile file_;
    JobFile worker_file_;
    std::unique_ptr<PocoTransport> transport_;
};

}  // namespace eco2::batch
