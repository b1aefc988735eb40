#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "batch/jobs/item_steps.hpp"
#include "batch/jobs/job_file.hpp"
#include "batch/jobs/pricing.hpp"
#include "batch/jobs/settings.hpp"
#include "batch/wire/transport.hpp"
#include "model/batch_provider.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::batch {

/// Carries jobs from their plan to their results, one durable step after another. It keeps nothing that matters in memory: a
/// new one goes on where the last one stopped, at whatever point that was.
///
/// What costs money or changes something elsewhere is written down first (`upload_intent`, `submit_intent`), then done, then
/// settled. Where the outcome stays unclear - a lost reply, a kill in between - the provider is asked what it has, and nothing
/// is repeated before that has answered for `visibility_grace`. Right before a batch is created, this process makes sure that
/// it still owns the jobs.
///
/// Thread-safety: none; one thread, which may block.
class Machine {
public:
    struct Doors {
        JobFile& file;
        Transport& transport;
        const Clock& clock;
        Log& log;
        /// Null: no such instance, or it has no Batch API.
        std::function<BatchProviderDoor*(const std::string& provider)> provider;
        std::function<Result<std::unique_ptr<ItemSteps>>(const JobRow&)> steps;
        std::function<std::unique_ptr<Pricing>(const std::string& provider, double price_factor)> pricing;
        struct Tokens {
            std::int64_t expected = 0;
            std::int64_t high = 0;
            std::int64_t output_max = 0;  // 0: the request names no limit
        };
        std::function<Tokens(const GenerateRequest&)> tokens;
        /// Writes the results of a job that is over.
        std::function<Result<void>(const JobRow&)> write_results;
        /// Runs what is left of an item live: `finished` are the stages behind it. Empty: jobs cannot.
        std::function<Result<std::vector<WalkOutcome>>(const JobRow&, const std::vector<ItemRow>&)> run_live = {};
        /// False: stop soon, in the middle of a transfer too.
        std::function<bool()> may_go_on = [] { return true; };
        /// Bytes moved and of how many; for a progress view.
        std::function<void(std::int64_t, std::int64_t)> on_transfer = [](std::int64_t, std::int64_t) {};
        /// What the job will cost, by what its pilot has used. Empty: pilots only go ahead.
        std::function<Result<JobEstimate>(const JobRow&)> calibrate = {};
    };

    Machine(Doors doors, Settings settings);
    ~Machine();

    /// Takes the jobs over: what another process has begun and not ended is unclear from here on. Errors: store_failed.
    Result<void> begin();

    struct Turn {
        bool has_worked = false;
        std::int64_t next_ns = 0;  // when something is due; 0: nothing is
    };
    /// One step of the first thing that is due. Errors: store_failed (a full disk: call again later), cancelled (another
    /// process has taken over, or may_go_on said no).
    Result<Turn> turn();

    /// Keeps the lease; called between and inside steps. Errors: as turn.
    Result<void> keep_lease();

private:
    struct Task;  // a job with its provider, steps and prices, kept between turns

    Result<bool> work_on(const JobRow& job, const std::vector<Shard>& shards, std::int64_t& next_ns);
    Result<bool> step_due(const JobRow& job, Task& task, const std::vector<Shard>& shards, std::int64_t& next_ns);
    Result<Task*> task_of(const JobRow& job);
    Result<bool> walk(const JobRow& job, Task& task);
    Result<bool> cut(const JobRow& job, Task& task, const std::vector<Shard>& shards, std::int64_t& next_ns);
    Result<bool> cut_stage(const JobRow& job, Task& task, int stage, const std::vector<Shard>& shards, std::int64_t& next_ns);
    /// What a pilot that is under way lets go.
    struct Pilot {
        std::vector<bool> is_held;  // by stage: its further requests wait for the pilot
        bool has_ended = false;     // just now
    };
    Result<Pilot> pilot(const JobRow& job, const Task& task);
    Result<void> end_pilot(const JobRow& job, std::int64_t answers, bool is_more_to_come);
    Result<bool> finish(const JobRow& job, Task& task, const std::vector<Shard>& shards, std::int64_t& next_ns);
    Result<bool> begin_cancel(const JobRow& job, const std::vector<Shard>& shards, const std::string& reason);
    Result<bool> want_cancel(const std::vector<Shard>& shards);
    Result<bool> meet_deadline(const JobRow& job, const std::vector<Shard>& shards);
    Result<bool> live(const JobRow& job, Task& task);
    Result<bool> write_lived(const JobRow& job, Task& task);

    /// One step of a shard that is due.
    Result<void> step(const JobRow& job, Task& task, Shard shard);
    Result<void> build(const JobRow& job, Task& task, Shard shard);
    Result<void> upload(const JobRow& job, Task& task, Shard shard);
    Result<void> find_upload(Task& task, Shard shard);
    Result<void> submit(const JobRow& job, Task& task, Shard shard);
    Result<void> find_batch(const JobRow& job, Task& task, Shard shard);
    Result<void> poll(const JobRow& job, Task& task, Shard shard);
    Result<void> on_terminal(const JobRow& job, Task& task, Shard shard, const RemoteBatch& batch);
    Result<void> on_invalid(const JobRow& job, Task& task, Shard shard, const RemoteBatch& batch);
    Result<void> note_accepted(const JobRow& job, const Shard& shard);
    Result<std::int64_t> enqueued_beside(const Shard& shard);
    Result<void> send_cancel(Task& task, Shard shard);
    Result<void> download(const JobRow& job, Task& task, Shard shard);
    Result<void> ingest(const JobRow& job, Task& task, Shard shard);
    Result<void> settle(const JobRow& job, Task& task, Shard shard);
    Result<void> clean(Task& task, Shard shard);
    Result<void> find_twin(Task& task, Shard shard);
    Result<void> vanish(const JobRow& job, Shard shard, const std::string& trouble);
    Result<void> abandon(Shard shard, const std::vector<LineResult>& bad = {});

    /// A call that may be repeated: an answer, or none with the shard put off.
    std::optional<BatchReply> ask(Task& task, const BatchAsk& ask, Shard& shard, BatchFault* fault = nullptr);
    /// The next state begins at once, with its own count of tries.
    void go_on(Shard& shard, ShardState state);
    Result<void> put_off(Shard& shard, std::string trouble, std::int64_t wait_ms = -1);
    Result<void> pause(const JobRow& job, const std::string& reason);
    Result<void> on_refused(const JobRow& job, Shard& shard, const BatchFault& fault, ShardState back_to);
    bool owns_jobs();
    Transport::Hooks hooks(std::int64_t bytes_total = 0);
    std::int64_t now_ns() const { return doors_.clock.wall_ns(); }
    std::filesystem::path shard_file(const Shard& shard, std::string_view ending) const;
    std::vector<ItemWalk> walked(const std::vector<JobFile::Waiting>& rows, const JobRow& job, const Task& task) const;
    LineResult line_result(const Task& task,
                           const Shard& shard,
                           std::int64_t line,
                           BatchAnswer answer,
                           std::string_view bytes,
                           std::vector<Incident>& incidents) const;
    Incident incident(const Shard& shard, std::string kind, std::string detail) const;

    Doors doors_;
    const Settings settings_;
    std::map<std::int64_t, std::unique_ptr<Task>> tasks_;
    std::map<std::pair<std::int64_t, int>, std::int64_t> ready_since_;
    std::optional<Error> unsaved_;  // of a step's put-off
    Clock::Monotonic renewed_{};
    std::uint64_t jitter_ = 0x9e3779b97f4a7c15ULL;
};

/// How long to wait before a try: doubled from `base` up to `most`, with jitter.
std::chrono::milliseconds back_off(std::chrono::milliseconds base,
                                   std::chrono::milliseconds most,
                                   int tries,
                                   std::uint64_t random);

}  // namespace eco2::batch
