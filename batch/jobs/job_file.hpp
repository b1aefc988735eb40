#pragma once

#include "base/result.hpp"
#include "batch/jobs/job.hpp"
#include "batch/jobs/job_estimate.hpp"
#include "batch/jobs/shard.hpp"
#include "model/calls.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eco2::batch {

/// What a job is about; does not change after its plan.
struct JobRow {
    std::int64_t key = 0;
    std::string id;
    JobState state = JobState::planning;
    std::string reason;
    std::string input;         // as given, absolute
    std::string output;        // directory, absolute
    bool is_requests = false;  // OpenAI's requests, without a pipeline
    std::string provider;
    std::string pipeline;
    std::string definition;  // definition_record; empty for requests
    std::string model;
    std::string language;
    std::string fingerprint;  // of the input
    std::string input_stat;   // see input_stat; empty: not a file
    std::int64_t created_ns = 0;
    std::int64_t ended_ns = 0;
    std::int64_t deadline_ns = 0;  // 0: none
    std::string deadline_action;   // stop, live, resubmit
    std::int64_t items = 0;
    std::int64_t items_done = 0;
    std::int64_t items_failed = 0;
    Money money;
    bool is_exported = false;
    bool is_past_deadline = false;
    std::int64_t pilot = 0;  // requests that go ahead alone; 0: none do, or they have come back
    std::string estimate;    // JSON
};

/// An item with what it has behind it.
struct ItemRow {
    std::int64_t seq = 0;
    std::string id;
    std::string input;  // JSON: what of InputItem a run needs
    std::string photo;  // SHA-256 of the cleaned photo; empty: none
    ItemState state = ItemState::waiting;
    std::int64_t work = 0;    // whose answer it waits for, or has
    std::string checkpoints;  // one line a finished stage
    std::string error;        // stable string; empty: none
    std::string detail;
    RetryClass retry = RetryClass::none;
    std::string result;  // JSON; empty: none
};

/// A request to a provider, the same for all items that would ask the same.
struct WorkRow {
    std::int64_t key = 0;
    int stage = 0;
    std::int64_t tokens = 0;  // prompt, high estimate
    std::int64_t tokens_expected = 0;
    std::int64_t output_max = 0;  // tokens, worst case
    std::int64_t bytes = 0;       // of its line, about
    int attempts = 0;
    int content_attempts = 0;
};

struct WorkAnswer {
    std::string text;
    FinishReason finish = FinishReason::none;
    std::string model;
    Usage usage;
};

/// What an item's walk has come to.
struct WalkOutcome {
    std::int64_t seq = 0;
    enum class End { asks, done, failed, refused } end = End::failed;  // refused: the answer; another one may do
    std::string checkpoints;
    std::string result;
    std::string error;
    std::string detail;
    RetryClass retry = RetryClass::none;
    std::string hash;              // asks: of the request's bytes
    std::int64_t cost = 0;         // picousd; of what was asked live
    std::int64_t synchronous = 0;  // likewise
    WorkRow work;                  // asks
};

/// A line's outcome, once.
struct LineResult {
    std::int64_t line = 0;
    enum class Outcome { answered, failed, expired, cancelled, swapped } outcome = Outcome::answered;
    WorkAnswer answer;
    std::string request_id;
    std::int64_t cost = 0;         // picousd at the batch's price; 0: nothing was billed
    std::int64_t synchronous = 0;  // picousd
    std::string error;
    std::string detail;
    RetryClass retry = RetryClass::none;
    std::string digest;  // of the line's bytes: tells an equal duplicate from a conflicting one
    bool is_verified = false;
};

struct Incident {
    std::int64_t job = 0;
    std::int64_t shard = 0;
    std::string
        kind;  // adopted, resubmitted, swapped, duplicate, conflicting, unknown_id, no_id, missing, unreadable, orphan, ...
    std::string detail;
    std::int64_t at_ns = 0;
};

/// The SQLite file of all jobs: every transition of the batch machine is one transaction here.
///
/// Rollback journal and synchronous=FULL: what a call reports as written survives the process and the machine. A function that
/// changes something checks in the same transaction that this process still owns the file (`acquire`), but for those that say
/// otherwise.
///
/// Thread-safety: none.
/// Errors:        store_failed everywhere, with SQLite's reason; cancelled where another process has taken over.
/// Blocks:        every function.
class JobFile {
public:
    explicit JobFile(const std::filesystem::path& path);
    ~JobFile();

    /// Makes file and tables, brings older ones forward, refuses newer ones untouched.
    Result<void> prepare();

    // who works on it; not fenced
    struct Owner {
        std::int64_t generation = 0;
        std::int64_t pid = 0;         // below 0: of a process that took over from a frozen one and does not hold the lock file
        std::int64_t expires_ns = 0;  // 0: released
    };
    Result<Owner> owner();
    /// From now on changes are this process's to make. `expires_ns`: of the lease.
    Result<std::int64_t> acquire(std::int64_t pid, std::int64_t expires_ns);
    Result<void> renew(std::int64_t expires_ns);
    Result<void> release();
    /// Changes whenever another connection has written.
    Result<std::int64_t> version();

    // jobs; add_job, add_items, open_job, ask_cancel, ask_retry, reopen are not fenced: any process plans
    Result<std::int64_t> add_job(const JobRow& job, const std::vector<std::string>& stages);
    Result<void> add_items(std::int64_t job, const std::vector<ItemRow>& items);
    Result<void> set_model(std::int64_t job, const std::string& model);
    Result<void> open_job(const JobRow& job);
    Result<void> drop_job(std::int64_t job);                         ///< one that is still being planned
    Result<std::vector<JobRow>> jobs(bool only_unfinished = false);  ///< oldest first
    Result<std::optional<JobRow>> job(const std::string& id);
    /// The latest for this input and output; cancelled ones are left out.
    Result<std::optional<JobRow>> find_job(const std::string& input, const std::string& output);
    Result<void> ask_cancel(const std::string& id);
    /// Failed items with one of these classes or ids (both empty: all) wait again. How many.
    Result<std::int64_t> retry(const std::string& id,
                               const std::vector<std::string>& classes,
                               const std::vector<std::string>& ids);
    /// paused -> open; vanished batches are looked at again.
    Result<void> reopen(const std::string& id);
    /// The results of a job that is over are written again.
    Result<void> ask_export(const std::string& id);
    Result<void> set_cap(const std::string& id, std::int64_t cap);
    /// No request is ready or on its way to the provider: all that can be is there.
    Result<bool> is_sent(std::int64_t job);
    Result<std::vector<std::int64_t>> asked_cancels();
    Result<void> set_job(std::int64_t job, JobState state, const std::string& reason, std::int64_t ended_ns = 0);
    Result<void> set_exported(std::int64_t job);
    Result<void> set_reason(std::int64_t job, const std::string& reason);
    Result<void> set_past_deadline(std::int64_t job);
    /// Items that are not over fail with this error; `retry`: by which class they can be tried again.
    Result<void> cancel_items(std::int64_t job, const std::string& error, const std::string& detail, RetryClass retry);

    // items
    struct Waiting {
        ItemRow item;
        std::optional<WorkAnswer> answer;
    };
    /// As many as `items` would give.
    Result<std::vector<Waiting>> waiting(std::int64_t job, std::size_t rows_max);
    Result<void> apply(std::int64_t job, const std::vector<WalkOutcome>& outcomes, int content_attempts);
    /// Rows in input order from `seq` on: at least one where there are any, fewer than `rows_max` where they are large.
    Result<std::vector<ItemRow>> items(std::int64_t job, std::int64_t seq, std::size_t rows_max);
    Result<std::int64_t> count(std::int64_t job, ItemState state);
    struct Unfinished {
        ItemRow item;
        std::int64_t tokens = 0;  // of the request that it waits for
        std::int64_t output_max = 0;
    };
    /// Not over: for sending them live.
    Result<std::vector<Unfinished>> unfinished(std::int64_t job, std::size_t rows_max);

    // requests and shards
    struct Ready {
        std::int64_t requests = 0;
        std::int64_t bytes = 0;
    };
    Result<Ready> ready(std::int64_t job, int stage);
    Result<std::vector<WorkRow>> ready_work(std::int64_t job, int stage, std::size_t rows_max);
    /// Requests of jobs that do not go on, which items of this job wait for too, become this job's.
    Result<std::int64_t> inherit(std::int64_t job);
    Result<std::int64_t> plan_shard(Shard shard, const std::vector<std::int64_t>& works);
    Result<std::vector<Shard>> active_shards();  ///< with something left to do, cleaning up included
    Result<std::vector<Shard>> shards(std::int64_t job);
    Result<void> save(const Shard& shard);
    Result<void> save(const Shard& shard, const Incident& incident);
    struct Line {
        std::int64_t line = 0;
        std::int64_t work = 0;
        ItemRow item;  // one of those that ask for it
    };
    /// As many as `items` would give.
    Result<std::vector<Line>> lines(std::int64_t shard, std::int64_t from, std::size_t rows_max);

    /// Outcomes, costs and the offsets of `shard` in one transaction. A line that has an outcome keeps it: a second one is an
    /// incident, and flagged `conflicting` where its bytes differ. Answers are handed to the items that wait for them.
    Result<void> ingest(const Shard& shard,
                        const std::vector<LineResult>& results,
                        const std::vector<Incident>& incidents,
                        int attempts_max);
    /// How many lines of the shard have no outcome yet.
    Result<std::int64_t> open_lines(std::int64_t shard);
    /// Lines without an outcome, with the given one, in one transaction with the shard.
    Result<void> settle(const Shard& shard, const LineResult& rest, int attempts_max);
    /// The file was never run: its lines go back to the queue, but for those that are `bad`, whose requests have failed.
    Result<void> give_back(const Shard& shard, const std::vector<LineResult>& bad = {});
    /// Outcome counts of a shard's lines, by outcome.
    Result<std::map<std::string, std::int64_t>> outcomes(std::int64_t shard);

    // the provider's queue, learned
    struct Queue {
        std::int64_t tokens_max = 0;  // 0: not known
        std::int64_t next_ns = 0;
        int refusals = 0;
    };
    Result<Queue> queue(const std::string& provider, const std::string& model);
    Result<void> set_queue(const std::string& provider, const std::string& model, const Queue& queue);

    // the pilot
    struct Sent {
        int stage = 0;
        std::int64_t open = 0;      // lines whose outcome is not known yet
        std::int64_t back = 0;      // that were tried: answered or failed
        std::int64_t answered = 0;  // of them
    };
    /// What has been sent so far, by stage; a line that the provider never tried (expired, given back) does not count.
    Result<std::vector<Sent>> sent(std::int64_t job);
    struct UsedTokens {
        std::int64_t expected = 0;  // of the prompt, as it was estimated
        std::int64_t high = 0;
        Usage usage;
    };
    /// Of the stage's answers that the job has paid for itself.
    Result<std::vector<UsedTokens>> used_tokens(std::int64_t job, int stage, std::size_t rows_max);
    /// The rest may follow, on the estimate that the pilot has given.
    Result<void> end_pilot(std::int64_t job, const JobEstimate& estimate, const Incident& incident);

    Result<void> note(const Incident& incident);
    Result<std::vector<Incident>> incidents(std::int64_t job);

    // for reports
    struct StageSums {
        std::string name;
        std::int64_t requests = 0, answered = 0;
    };
    Result<std::vector<StageSums>> stages(std::int64_t job);
    struct Lineage {
        int stage = 0;
        std::string shard;  // nonce
        std::int64_t line = 0;
        int attempt = 0;
        std::string request_id;
        std::string model;
        Usage usage;
        std::int64_t cost = 0;
        bool is_cached = false;  // another item or job had asked before
    };
    /// Of the items [seq, seq + rows_max): what each stage's answer came from.
    Result<std::map<std::int64_t, std::vector<Lineage>>> lineage(std::int64_t job, std::int64_t seq, std::size_t rows_max);
    struct DeadLetters {
        std::string error;
        RetryClass retry = RetryClass::none;
        std::int64_t items = 0;
        std::string example_id;
        std::string example_detail;
    };
    Result<std::vector<DeadLetters>> dead_letters(std::int64_t job);
    struct Sums {
        struct Stage {
            std::int64_t shards = 0, lines = 0, cached = 0;
            std::map<RetryClass, std::int64_t> retries;  // answers that were of no use
        };
        std::map<int, Stage> stages;
        std::int64_t input_tokens = 0, cached_tokens = 0, output_tokens = 0;  // of the answers that are kept
        std::int64_t unexplained = 0;                                         // picousd: batches' own sums less their lines'
    };
    Result<Sums> sums(std::int64_t job);

private:
    class Connection;

    template <class Work>
    auto with(Work&& work) -> decltype(work(std::declval<Connection&>()));
    /// In one transaction, fenced.
    template <class Work>
    Result<void> write(Work&& work);
    template <class Work>
    Result<void> write_unfenced(Work&& work);

    const std::string path_;
    std::int64_t generation_ = 0;
    std::unique_ptr<Connection> connection_;
};

}  // namespace eco2::batch
