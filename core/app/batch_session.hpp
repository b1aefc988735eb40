#pragma once

#include "app/command_batch.hpp"
#include "batch/host/batch_host.hpp"

#include <cstdint>
#include <memory>
#include <string>

/// What the commands over jobs have in common: a host with its jobs, from a command line to a plan, and a job followed to its
/// end.
namespace eco2::app {

/// Prints it, and gives the exit code.
int fail_with(const Error& error);

enum class BatchUse {
    jobs,
    worker,
    estimate,  // nobody is asked: no key is read
};

/// A loaded host with its jobs, for one command.
struct Opened {
    std::unique_ptr<runtime::Host> host;
    std::unique_ptr<batch::BatchHost> batch;
    ~Opened();
    Opened() = default;
    Opened(Opened&&) = default;
    Opened& operator=(Opened&&) = default;
};
Result<Opened> open_batch(const CommonOptions& common, BatchUse use = BatchUse::jobs);

/// The file of jobs alone: for looks at it, which need no plugin. Errors: not_found (there are no jobs).
Result<std::unique_ptr<batch::JobFile>> open_file(const CommonOptions& common);
Result<batch::JobRow> find_job(batch::JobFile& file, const std::string& id);

Result<batch::PlanRequest> plan_request(Opened& opened, const BatchOptions& options);
/// What must hold before anything is paid for: prices that are not past their day; with a cap, one for the model. The model is
/// known where `model` is not empty. Errors: config_invalid.
Result<void> check_prices(Opened& opened, std::int64_t cap_picousd, const std::string& provider, const std::string& model);

/// A line on a terminal while an input is read; nothing elsewhere.
class PlanningView {
public:
    explicit PlanningView(bool is_json);
    ~PlanningView();
    PlanningView(const PlanningView&) = delete;
    PlanningView& operator=(const PlanningView&) = delete;

    /// False: somebody wants it to stop.
    bool show(std::int64_t items, std::int64_t done, std::int64_t total);

private:
    const bool is_shown_;
    bool has_shown_ = false;
    Clock::Monotonic last_{};
};

/// A line for people, beside the output.
void tell(const CommonOptions& common, const std::string& text);

/// A new job, or the one for this input and output that is there; ready to be worked on.
Result<batch::Planner::Planned> plan(const CommonOptions& common, Opened& opened, const BatchOptions& options);
/// The same for a request that was changed.
Result<batch::Planner::Planned> plan(const CommonOptions& common,
                                     Opened& opened,
                                     const BatchOptions& options,
                                     const batch::PlanRequest& request);

/// What running a known job again means: a paused one goes on, one whose results are gone or could not be written gets them.
/// Errors: store_failed.
Result<void> take_up(batch::JobFile& file, const batch::JobRow& job);
bool is_over(const batch::JobRow& job);
/// Shows a job until it is over, it stands still for its operator, or somebody wants to leave. The exit code.
int follow(const CommonOptions& common, Opened& opened, const std::string& id, bool until_submitted = false);

}  // namespace eco2::app
