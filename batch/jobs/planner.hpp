#pragma once

#include "base/clock.hpp"
#include "base/file_lock.hpp"
#include "batch/jobs/job_file.hpp"
#include "batch/jobs/settings.hpp"
#include "batch/plan/input_reader.hpp"
#include "intake/photo.hpp"
#include "model/batch_provider.hpp"
#include "pipeline/pipeline.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::batch {

/// What a user asks for.
struct PlanRequest {
    std::string input;   // as the user gave it
    std::string output;  // directory
    std::string provider;
    std::string pipeline = "scan";  // of photos, CSV and JSONL
    std::string model;              // empty: the pipeline's first
    std::string language;
    InputReader::Columns columns;
    std::int64_t cap_picousd = 0;  // 0: none
    std::int64_t deadline_ns = 0;
    std::string deadline_action = "stop";
    std::int64_t pilot = 0;
    bool is_new = false;    // a job of its own, also where one for this input and output is there
    bool is_live = false;   // the items are not for a Batch API: `provider` stays empty
    bool has_users = true;  // false: as if no item had a user, so that nobody is rewarded
};

/// Turns an input into a job: every item is read and checked, photos are cleaned, and nothing has cost anything yet.
///
/// Planning is not fenced: any process may do it, beside the one that works on jobs.
///
/// Thread-safety: none; one thread, which may block.
class Planner {
public:
    struct Doors {
        JobFile& file;
        const Clock& clock;
        std::function<BatchProviderDoor*(const std::string& provider)> provider;
        std::function<std::shared_ptr<const Pipeline>(const std::string& name)> pipeline;  // null: none of this name
        /// Cleans some photos at once. Blocks.
        std::function<std::vector<Result<intake::Photo>>(std::vector<std::string> bytes)> clean_photos;
        std::function<Result<std::string>(const std::string& url)> check_url;
        /// Items read, and of what is read how much; for a progress view. False: stop.
        std::function<bool(std::int64_t items, std::int64_t done, std::int64_t total)> on_progress =
            [](std::int64_t, std::int64_t, std::int64_t) { return true; };
        /// What the stored job will cost, by and large. Empty: jobs have no estimate.
        std::function<Result<JobEstimate>(const JobRow& job)> estimate = {};
    };

    Planner(Doors doors, Settings settings);

    struct Planned {
        JobRow job;
        bool is_known = false;           // it was there already
        std::vector<std::string> notes;  // for people: files left out, columns ignored
    };
    /// The job for this input and output that is not over, or was not changed since it was; else a new one. Waits, asking
    /// on_progress, while another process plans one for the same input and output.
    ///
    /// Errors: invalid_field with one line a fault, up to twenty: nothing is kept then. Also where the input was changed since
    ///         its job began (the job goes on as it was planned; take another --output for a new one, or cancel it).
    ///         plugin_missing, config_invalid; io_failed; store_failed; cancelled (on_progress said no).
    Result<Planned> plan(const PlanRequest& request);

private:
    Result<std::optional<JobRow>> known(const PlanRequest& request, const std::string& input, const std::string& stat);
    Result<void> add(JobRow& job, InputReader& reader, const Pipeline* pipeline, const BatchCapabilities& able, bool has_users);
    Result<void> store(JobRow& job, std::vector<InputItem>& items, InputReader& reader);
    void estimate(Planned& planned);
    Result<std::unique_ptr<FileLock>> planning_lock(const std::string& input, const std::string& output);

    Doors doors_;
    const Settings settings_;
    std::int64_t stored_ = 0;
};

/// What tells quickly that an input is as it was: size and time of change of a file; of photos, of all of them.
std::string input_stat(const std::string& input);

}  // namespace eco2::batch
