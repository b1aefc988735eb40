#pragma once

#include "batch/host/batch_host.hpp"
#include "batch/host/scratch.hpp"
#include "batch/report/eval_classes.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// `eco2 eval`: labelled items through a pipeline, live or as a job.
namespace eco2::batch {

/// Reads the labels of an input before anything is paid for. What it gives are warnings: labels that are no class of the
/// pipeline, each once, with the line where it first stands.
/// Blocks. Errors: invalid_field (items without a label, with their lines; an input that has none), io_failed.
Result<std::vector<std::string>> check_labels(const std::string& input,
                                              const InputReader::Columns& columns,
                                              const PipelineDefinition& definition);

/// A row that is known; `error`: why it has no answer, empty: it has one. False: no more.
using OnEvalRow = std::function<bool(const EvalRow& row, const std::string& error)>;

/// Items that are planned once, for any number of models, and asked over the live routes.
///
/// Nobody is rewarded, whatever users the input names. Lifetime: the host outlives it.
class LiveEval {
public:
    /// `request`: is_live. Blocks. Errors: as Planner::plan.
    static Result<std::unique_ptr<LiveEval>> plan(BatchHost& batch,
                                                  const PlanRequest& request,
                                                  BatchHost::OnProgress on_progress);

    const JobRow& job() const noexcept { return job_; }
    const std::vector<std::string>& notes() const noexcept { return notes_; }

    /// Asks `model` about every item, batch.live_concurrency at once, group by group. With a cap, no group is begun that by the
    /// dearest item so far would go beyond it. Blocks. True: all items were looked at.
    /// Errors: not_found, config_invalid (a cap, and no price for what answered), limit_exceeded (the cap).
    Result<bool> run(const std::string& model, const OnEvalRow& on_row);

private:
    explicit LiveEval(BatchHost& batch) : batch_(batch) {}
    Result<void> check_cap(const std::string& model, std::int64_t group) const;

    BatchHost& batch_;
    std::unique_ptr<Scratch> scratch_;
    JobRow job_;
    std::vector<std::string> notes_;
    std::string prompt_;
    std::int64_t spent_ = 0;
    std::int64_t dearest_ = 0;  // of all items so far
};

/// The rows of a job that is over. An item's time is the job's: so long its user has waited. Blocks.
Result<void> eval_job(JobFile& file, const JobRow& job, const OnEvalRow& on_row);

}  // namespace eco2::batch
