#pragma once

#include "batch/jobs/job_file.hpp"
#include "batch/jobs/machine.hpp"
#include "batch/jobs/planner.hpp"
#include "batch_plugin.hpp"
#include "fake_wire.hpp"
#include "support/fake_batch_service.hpp"
#include "support/temporary_folder.hpp"
#include "support/threaded_executor.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::batch {

using namespace std::chrono_literals;

class LocalDoors;

/// Jobs, a machine and a provider in one process, at a time that only the test moves.
///
/// A fail point may end "the process": the machine and its file are then gone as they stand, and `run` begins a new one, as a
/// supervisor would. What the provider has, and what is on the disk, stays.
class Bench {
public:
    /// `plugin`: further members of the plugin's configuration. The faults of `fake` and more by `fake.behave`.
    explicit Bench(const std::string& plugin = "", fake::FakeOptions fake_options = calm());
    ~Bench();

    /// A batch takes about two minutes and nothing goes wrong.
    static fake::FakeOptions calm();

    // inputs
    std::string write(const std::string& name, std::string_view text);
    static std::string request(const std::string& id, const std::string& text, const std::string& model = "gpt-5.2");
    /// A file of requests, "r1" to "rN", each with a text of its own.
    std::string requests(int count, const std::string& name = "in.jsonl", const std::string& model = "gpt-5.2");
    /// A file of items for the scan: "s1" to "sN".
    std::string scans(int count, const std::string& name = "scans.jsonl");

    /// A folder of "p1.jpg" to "pN.jpg", which pass for photos.
    std::string photos(int count, const std::string& name = "photos");
    /// Asked while items are being planned, as Planner's on_progress.
    std::function<bool(std::int64_t, std::int64_t, std::int64_t)> on_planning;

    /// `change`: of what is asked for. The output folder is named after the input unless told otherwise.
    Result<Planner::Planned> plan(const std::string& input, const std::function<void(PlanRequest&)>& change = {});
    JobRow planned(const std::string& input, const std::function<void(PlanRequest&)>& change = {});
    std::string output_of(const std::string& input) const;

    // the process
    void begin();
    void die();
    /// One turn; `false`: nothing was due, or the machine has handed over. A death is survived.
    bool turn();
    /// Until nothing is due any more, at most so long in the fake's time.
    void run(std::chrono::nanoseconds most = 240h);
    /// Until it is true, after any turn. False: it has not become so.
    bool run_until(const std::function<bool()>& is_true, std::chrono::nanoseconds most = 240h);
    /// Lets time pass, and does what is due meanwhile.
    void run_for(std::chrono::nanoseconds time);

    /// The `time`-th passing of the point ends the process, once.
    void die_at(const std::string& point, int time = 1);
    /// So does every n-th passing of any point, again and again; 0: none.
    void die_every(int passings) { every_ = passings; }
    int deaths() const noexcept { return deaths_; }
    /// How often each point was passed.
    static std::map<std::string, int>& passed();

    /// Nothing can be written into the jobs' file any more, or again.
    void set_disk_full(bool is_full);

    // looks
    JobRow job(const std::string& id);
    std::vector<ItemRow> items(const JobRow& job);
    ItemRow item(const JobRow& job, const std::string& id);
    std::vector<Shard> shards(const JobRow& job);
    int incidents(const JobRow& job, const std::string& kind);
    /// "id state error result" of each item; of a request's answer only what does not differ between two runs.
    std::string rows(const JobRow& job);
    /// Of its export.
    std::string results(const JobRow& job);
    std::int64_t number(const std::string& sql);
    std::vector<std::string> texts(const std::string& sql);

    struct Expected {
        bool is_bill_booked = true;   // else more was billed than could be booked
        bool is_nothing_left = true;  // files at the provider, in the shards' folder
        bool is_paid_once = false;    // no request was executed more than once
    };
    /// A `retry` takes jobs back from their end: that is no regression.
    void forget_over();
    /// I1 to I4 and I6 to I8 of all jobs that are over; see each check's message.
    void check(const Expected& expected);
    void check() { check(Expected{}); }

    test::TemporaryFolder folder;
    test::FakeBatchService fake;
    FakeWire wire;
    Settings settings;
    std::function<bool()> may_go_on = [] { return true; };
    /// As Machine's door.
    std::function<Result<std::vector<WalkOutcome>>(const JobRow&, const std::vector<ItemRow>&)> run_live;
    std::unique_ptr<JobFile> file;  // of the process that works; null: none does
    std::unique_ptr<Machine> machine;
    bool has_handed_over = false;  // the last turn said `cancelled`
    Error last_error;
    std::vector<std::string> reasons;  // why jobs were paused, in order

    BatchProviderDoor& provider() { return plugin_.door(); }
    /// What jobs are asked of under this name; else the plugin.
    std::map<std::string, BatchProviderDoor*> providers;
    LocalDoors& local() { return *local_; }

    std::filesystem::path data_dir() const { return folder.path() / "data"; }
    std::filesystem::path db() const { return data_dir() / "batch.db"; }
    /// Of the process that works.
    Machine::Doors doors();

private:
    BatchProviderDoor* provider_named(const std::string& id);
    void watch();

    test::ThreadedExecutor executor_{2};
    std::unique_ptr<LocalDoors> local_;
    BatchPlugin plugin_;
    std::string armed_;
    int armed_left_ = 0;
    int every_ = 0;
    int passings_ = 0;
    bool is_disk_full_ = false;
    int deaths_ = 0;
    std::int64_t next_ns_ = 0;
    std::map<std::int64_t, ShardState> over_shards_;
    std::map<std::int64_t, JobState> over_jobs_;
    std::unique_ptr<JobFile> looks_;
};

/// A provider as another one, but for what is changed.
class ChangedProvider final : public BatchProviderDoor {
public:
    ChangedProvider(BatchProviderDoor& inner, const std::function<void(BatchCapabilities&)>& change)
        : inner_(inner), capabilities_(inner.capabilities()) {
        change(capabilities_);
    }
    std::string_view name() const noexcept override { return inner_.name(); }
    const BatchCapabilities& capabilities() const noexcept override { return capabilities_; }
    Result<std::string> encode_line(const GenerateRequest& request, std::string_view custom_id) override {
        return inner_.encode_line(request, custom_id);
    }
    Result<BatchAnswer> read_line(std::string_view line) override { return inner_.read_line(line); }
    Result<BatchRequest> request(const BatchAsk& ask) override { return inner_.request(ask); }
    std::optional<BatchReply> read_reply(
        BatchStep step, int http_status, const Headers& headers, std::string_view body, BatchFault& fault) override {
        return inner_.read_reply(step, http_status, headers, body, fault);
    }

private:
    BatchProviderDoor& inner_;
    BatchCapabilities capabilities_;
};

}  // namespace eco2::batch
