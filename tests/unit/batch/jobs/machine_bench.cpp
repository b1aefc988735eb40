#include "machine_bench.hpp"

#include "base/hash.hpp"
#include "batch/host/reports.hpp"
#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/pipeline_steps.hpp"
#include "batch/jobs/sql.hpp"
#include "batch/money/token_estimate.hpp"
#include "config/pipeline_file.hpp"
#include "fake_provider/batch_bill.hpp"
#include "local_doors.hpp"
#include "store/sqlite_file.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

namespace eco2::batch {
namespace {

namespace json = boost::json;

constexpr int kTurnsAtOnceMax = 20'000;  // that work at one moment: more is a machine that runs in a circle

// In memory where there is such a place: what a disk keeps is not the subject here, and its syncs would be nine tenths of the
// time.
[[maybe_unused]] const int temporary_place = ::access("/dev/shm", W_OK) == 0 ? ::setenv("TMPDIR", "/dev/shm", 0) : 0;

/// The end of the process; nothing else is of this type, and nothing catches it but the bench.
struct Died {};

Bench* dying = nullptr;

class FakePrices final : public Pricing {
public:
    explicit FakePrices(double factor) : factor_(factor) {}
    bool is_priced(std::string_view) const override { return true; }
    std::int64_t batch(std::string_view model, const Usage& usage) const override { return cost(model, usage, factor_); }
    std::int64_t synchronous(std::string_view model, const Usage& usage) const override { return cost(model, usage, 1); }
    std::int64_t worst(std::string_view model, std::int64_t input_tokens, std::int64_t output_tokens) const override {
        Usage usage;
        usage.input_tokens = input_tokens;
        usage.output_tokens = output_tokens;
        return cost(model, usage, factor_);
    }
    const std::string& version() const override { return version_; }

private:
    static std::int64_t cost(std::string_view model, const Usage& usage, double factor) {
        const auto rates = fake::token_rates({}, model, factor);
        return rates.in * std::max<std::int64_t>(usage.input_tokens, 0) +
               rates.out * std::max<std::int64_t>(usage.output_tokens, 0);
    }
    const double factor_;
    const std::string version_ = "test";
};

std::shared_ptr<const Pipeline> scan() {
    static const auto pipeline =
        Pipeline::compile(config::load_pipeline(std::filesystem::path(ECO2_CONFIG_DIR) / "pipelines/scan.toml").value())
            .value();
    return pipeline;
}

std::string read(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

/// A response's body without what tells one run from another.
std::string answer_of(const std::string& body) {
    json::error_code ec;
    auto parsed = json::parse(body, ec);
    auto* object = ec ? nullptr : parsed.if_object();
    if (object == nullptr) {
        return body;
    }
    for (const auto* name : {"id", "created", "system_fingerprint"}) {
        object->erase(name);
    }
    return json::serialize(parsed);
}

std::vector<std::string> files_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    std::error_code ec;
    for (auto at = std::filesystem::recursive_directory_iterator(folder, ec); !ec && at != std::filesystem::end(at);
         at.increment(ec)) {
        if (at->is_regular_file()) {
            names.push_back(at->path().filename().string());
        }
    }
    return names;
}

}  // namespace

fake::FakeOptions Bench::calm() {
    fake::FakeOptions options;
    options.batch.settings.validating_ms = 20'000;
    options.batch.settings.in_progress_ms = 60'000;
    options.batch.settings.finalizing_ms = 20'000;
    options.batch.settings.cancelling_ms = 20'000;
    return options;
}

Bench::Bench(const std::string& plugin, fake::FakeOptions fake_options)
    : fake(std::move(fake_options)),
      wire(fake),
      local_(std::make_unique<LocalDoors>(executor_)),
      plugin_(fake.clock(), "openai_batch", plugin) {
    settings.data_dir = data_dir();
    std::filesystem::create_directories(data_dir());
    looks_ = std::make_unique<JobFile>(db());
    EXPECT_TRUE(looks_->prepare());
    dying = this;
    set_fail_point_hook([](std::string_view name) {
        ++passed()[std::string(name)];
        if (dying != nullptr && ((dying->armed_ == name && --dying->armed_left_ == 0) ||
                                 (dying->every_ > 0 && ++dying->passings_ % dying->every_ == 0))) {
            throw Died();
        }
    });
}

Bench::~Bench() {
    set_fail_point_hook({});
    dying = nullptr;
}

std::map<std::string, int>& Bench::passed() {
    static std::map<std::string, int> counts;
    return counts;
}

std::string Bench::write(const std::string& name, std::string_view text) {
    const auto path = folder.file(name);
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

std::string Bench::request(const std::string& id, const std::string& text, const std::string& model) {
    const json::object line{
        {"custom_id", id},
        {"method", "POST"},
        {"url", "/v1/chat/completions"},
        {"body", {{"model", model}, {"max_tokens", 100}, {"messages", {{{"role", "user"}, {"content", text}}}}}}};
    return json::serialize(line) + "\n";
}

std::string Bench::requests(int count, const std::string& name, const std::string& model) {
    std::string text;
    for (int i = 1; i <= count; ++i) {
        // Of a length of its own, so that its answer's usage tells whose answer it is.
        text += request("r" + std::to_string(i), std::string(static_cast<std::size_t>(4 * i), 'q') + std::to_string(i), model);
    }
    return write(name, text);
}

std::string Bench::scans(int count, const std::string& name) {
    std::string text;
    for (int i = 1; i <= count; ++i) {
        text += json::serialize(json::object{{"id", "s" + std::to_string(i)},
                                             {"image_url", "https://img.test/" + std::to_string(i) + ".jpg"},
                                             {"question", "how " + std::to_string(i) + "?"}}) +
                "\n";
    }
    return write(name, text);
}

std::string Bench::photos(int count, const std::string& name) {
    std::filesystem::create_directories(folder.path() / name);
    for (int i = 1; i <= count; ++i) {
        write(name + "/p" + std::to_string(i) + ".jpg", "photo " + std::to_string(i));
    }
    return folder.file(name);
}

std::string Bench::output_of(const std::string& input) const {
    return folder.file(std::filesystem::path(input).stem().string() + ".out");
}

Result<Planner::Planned> Bench::plan(const std::string& input, const std::function<void(PlanRequest&)>& change) {
    PlanRequest request;
    request.input = input;
    request.output = output_of(input);
    request.provider = "openai_batch";
    if (change) {
        change(request);
    }
    for (;;) {
        JobFile planning(db());
        Planner::Doors doors{planning, fake.clock(), {}, {}, {}, {}};
        doors.provider = [this](const std::string& id) { return provider_named(id); };
        doors.pipeline = [](const std::string&) { return scan(); };
        doors.clean_photos = [](std::vector<std::string> bytes) {
            std::vector<Result<intake::Photo>> photos;
            for (auto& photo : bytes) {
                intake::Photo cleaned;
                cleaned.sha256 = sha256_hex(photo);
                cleaned.bytes = std::move(photo);
                photos.emplace_back(std::move(cleaned));
            }
            return photos;
        };
        doors.check_url = [](const std::string& url) { return Result<std::string>(url); };
        if (on_planning) {
            doors.on_progress = on_planning;
        }
        try {
            return Planner(std::move(doors), settings).plan(request);
        } catch (const Died&) {
            ++deaths_;
        }
    }
}

JobRow Bench::planned(const std::string& input, const std::function<void(PlanRequest&)>& change) {
    const auto planned = plan(input, change);
    EXPECT_TRUE(planned) << planned.error().detail;
    return planned ? job(planned.value().job.id) : JobRow{};
}

BatchProviderDoor* Bench::provider_named(const std::string& id) {
    const auto found = providers.find(id);
    return found != providers.end() ? found->second : id == "openai_batch" ? &plugin_.door() : nullptr;
}

Machine::Doors Bench::doors() {
    Machine::Doors doors{*file, wire, fake.clock(), null_log(), {}, {}, {}, {}, {}, {}};
    doors.provider = [this](const std::string& id) { return provider_named(id); };
    doors.steps = [this](const JobRow& job) {
        return make_steps(job,
                          {executor_,
                           2,
                           *local_,
                           fake.clock(),
                           [this](std::string_view) { return local_.get(); },
                           [this](std::string_view) { return local_.get(); }});
    };
    doors.pricing = [](const std::string&, double factor) { return std::make_unique<FakePrices>(factor); };
    doors.tokens = [this](const GenerateRequest& request) {
        OutputGuess guess;
        guess.ceiling = settings.output_tokens_assumed;
        const auto tokens = estimate_tokens(request, guess);
        return tokens ? Machine::Doors::Tokens{tokens.value().prompt.expected,
                                               tokens.value().prompt.high,
                                               tokens.value().output.high}
                      : Machine::Doors::Tokens{};
    };
    doors.write_results = [this](const JobRow& job) { return export_results(*file, job, job.output, "test"); };
    doors.may_go_on = [this] { return may_go_on(); };
    doors.run_live = run_live;
    return doors;
}

void Bench::begin() {
    die();
    has_handed_over = false;
    file = std::make_unique<JobFile>(db());
    const auto prepared = file->prepare();
    ASSERT_TRUE(prepared) << prepared.error().detail;
    const auto owned = file->acquire(1, fake.clock().wall_ns() + std::chrono::nanoseconds(settings.lease).count());
    ASSERT_TRUE(owned) << owned.error().detail;
    machine = std::make_unique<Machine>(doors(), settings);
    const auto begun = machine->begin();
    ASSERT_TRUE(begun) << begun.error().detail;
}

void Bench::die() {
    machine.reset();
    file.reset();
}

bool Bench::turn() {
    if (machine == nullptr) {
        begin();
    }
    try {
        const auto turn = machine->turn();
        if (!turn) {
            last_error = turn.error();
            has_handed_over = turn.error().code == Errc::cancelled;
            EXPECT_TRUE(has_handed_over || is_disk_full_) << turn.error().text();
            return false;
        }
        watch();
        next_ns_ = turn.value().next_ns;
        return turn.value().has_worked;
    } catch (const Died&) {
        ++deaths_;
        begin();
        return true;
    }
}

bool Bench::run_until(const std::function<bool()>& is_true, std::chrono::nanoseconds most) {
    const auto end = fake.clock().wall_ns() + most.count();
    for (int at_once = 0; !is_true();) {
        if (turn()) {
            if (++at_once > kTurnsAtOnceMax) {
                ADD_FAILURE() << "the machine works without an end at one moment";
                return false;
            }
            continue;
        }
        if (has_handed_over || next_ns_ == 0 || ::testing::Test::HasFatalFailure()) {
            return is_true();
        }
        if (next_ns_ > end) {
            return is_true();
        }
        at_once = 0;
        const auto wait = std::chrono::nanoseconds(std::max<std::int64_t>(next_ns_ - fake.clock().wall_ns(), 1));
        fake.advance(std::chrono::ceil<std::chrono::milliseconds>(wait));
    }
    return true;
}

void Bench::run(std::chrono::nanoseconds most) {
    (void)run_until([] { return false; }, most);
}

void Bench::run_for(std::chrono::nanoseconds time) {
    const auto end = fake.clock().wall_ns() + time.count();
    run(time);
    if (const auto left = end - fake.clock().wall_ns(); left > 0) {
        fake.advance(std::chrono::ceil<std::chrono::milliseconds>(std::chrono::nanoseconds(left)));
    }
}

void Bench::set_disk_full(bool is_full) {
    is_disk_full_ = is_full;
    store::SqliteConnection open({db().string(), 1s, 0, false});
    for (const auto* table : {"shards", "jobs", "items", "work", "lines"}) {
        for (const std::string verb : {"INSERT", "UPDATE"}) {
            const auto name = "full_" + verb + "_" + table;
            execute(open.session(),
                    is_full ? "CREATE TRIGGER " + name + " BEFORE " + verb + " ON " + table +
                                  " BEGIN SELECT RAISE(FAIL, 'the disk is full'); END"
                            : "DROP TRIGGER " + name);
        }
    }
}

void Bench::die_at(const std::string& point, int time) {
    armed_ = point;
    armed_left_ = time;
}

JobRow Bench::job(const std::string& id) {
    const auto found = looks_->job(id);
    EXPECT_TRUE(found && found.value()) << id;
    return found && found.value() ? *found.value() : JobRow{};
}

std::vector<ItemRow> Bench::items(const JobRow& job) {
    std::vector<ItemRow> all;
    for (;;) {
        auto rows = looks_->items(job.key, all.empty() ? 1 : all.back().seq + 1, 1'000'000).value();
        if (rows.empty()) {
            return all;
        }
        std::move(rows.begin(), rows.end(), std::back_inserter(all));
    }
}

ItemRow Bench::item(const JobRow& job, const std::string& id) {
    for (auto& row : items(job)) {
        if (row.id == id) {
            return row;
        }
    }
    ADD_FAILURE() << "no item " << id;
    return {};
}

std::vector<Shard> Bench::shards(const JobRow& job) {
    return looks_->shards(job.key).value();
}

int Bench::incidents(const JobRow& job, const std::string& kind) {
    const auto all = looks_->incidents(job.key).value();
    return static_cast<int>(
        std::count_if(all.begin(), all.end(), [&](const Incident& incident) { return incident.kind == kind; }));
}

std::string Bench::rows(const JobRow& job) {
    std::string out;
    for (const auto& row : items(job)) {
        out += row.id + " " + std::string(name_of(row.state)) + " " + row.error + " " +
               (job.is_requests ? answer_of(row.result) : row.result) + "\n";
    }
    return out;
}

std::string Bench::results(const JobRow& job) {
    return read(std::filesystem::path(job.output) / "results.jsonl");
}

std::int64_t Bench::number(const std::string& sql) {
    store::SqliteConnection open({db().string(), 1s, 0, true});
    return Rows(open.session(), sql).number(0, 0);
}

std::vector<std::string> Bench::texts(const std::string& sql) {
    store::SqliteConnection open({db().string(), 1s, 0, true});
    const Rows rows(open.session(), sql);
    std::vector<std::string> out;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        out.push_back(rows.text(i, 0));
    }
    return out;
}

/// I8: what is over stays over, and as it ended. A `retry` forgets what it was asked to.
void Bench::watch() {
    const auto jobs = looks_->jobs();
    if (!jobs) {
        return;
    }
    for (const auto& job : jobs.value()) {
        if (job.state == JobState::paused && !job.reason.empty() && (reasons.empty() || reasons.back() != job.reason)) {
            reasons.push_back(job.reason);
        }
        if (const auto known = over_jobs_.find(job.key); known != over_jobs_.end()) {
            EXPECT_EQ(name_of(job.state), name_of(known->second)) << "I8: job " << job.id;
        } else if (job.state == JobState::done || job.state == JobState::cancelled) {
            over_jobs_[job.key] = job.state;
        }
    }
    const auto shards = looks_->active_shards();
    for (const auto& shard : shards.value()) {
        const bool is_over = shard.state == ShardState::settled || shard.state == ShardState::abandoned;
        if (const auto known = over_shards_.find(shard.key); known != over_shards_.end()) {
            EXPECT_EQ(name_of(shard.state), name_of(known->second)) << "I8: shard " << shard.key;
        } else if (is_over) {
            over_shards_[shard.key] = shard.state;
        }
        if (is_over) {
            EXPECT_EQ(shard.reserved, 0) << "a shard that is over holds money back";
        }
    }
}

void Bench::forget_over() {
    over_jobs_.clear();
}

void Bench::check(const Expected& expected) {
    // I2
    std::int64_t booked = 0;
    std::map<std::string, std::string> writers;  // the last job of each output has its results there
    for (const auto& job : looks_->jobs().value()) {
        writers[job.output] = job.id;
    }
    for (const auto& job : looks_->jobs().value()) {
        booked += job.money.booked;
        if (job.state != JobState::done && job.state != JobState::cancelled) {
            continue;
        }
        std::int64_t done = 0;
        std::int64_t failed = 0;
        for (const auto& row : items(job)) {
            done += row.state == ItemState::done ? 1 : 0;
            failed += row.state == ItemState::failed ? 1 : 0;
            EXPECT_TRUE(row.state != ItemState::failed || !row.error.empty()) << "a failed item says why: " << row.id;
        }
        EXPECT_EQ(done + failed, job.items) << "I2: each item of " << job.id << " has an end";
        EXPECT_EQ(job.items_done, done) << "I2: " << job.id;
        EXPECT_EQ(job.items_failed, failed) << "I2: " << job.id;
        EXPECT_EQ(job.money.reserved, 0) << job.id;
        EXPECT_TRUE(job.is_exported) << job.id;
        const auto exported = results(job);
        EXPECT_TRUE(writers[job.output] != job.id || std::count(exported.begin(), exported.end(), '\n') == job.items) << job.id;
    }
    // I3
    const auto bill = fake.bill(1'000'000);
    if (expected.is_bill_booked) {
        EXPECT_EQ(booked, fake.cost_picousd()) << "I3";
    } else {
        EXPECT_LE(booked, fake.cost_picousd()) << "I3: nothing is booked that was not billed";
    }
    EXPECT_EQ(number("SELECT coalesce(sum(booked), 0) FROM shards"), booked) << "I3: by shard";
    EXPECT_EQ(number("SELECT coalesce(sum(cost), 0) FROM lines"), booked) << "I3: by line";
    // I1, I4: each execution is of a line that we have written down, in the batch that we know it is in, and happened once.
    EXPECT_TRUE(bill.at("repeated_custom_ids").as_array().empty()) << "I1: " << json::serialize(bill.at("repeated_custom_ids"));
    std::set<std::string> known;
    for (const auto& id :
         texts("SELECT batch || '/e2-' || nonce || '-' || line FROM lines JOIN shards ON shard = shards.key")) {
        known.insert(id);
    }
    for (const auto& execution : bill.at("executions").as_array()) {
        const auto id =
            std::string(execution.at("batch").as_string()) + "/" + std::string(execution.at("custom_id").as_string());
        EXPECT_TRUE(known.contains(id)) << "I1, I4: " << id;
    }
    if (expected.is_paid_once) {
        EXPECT_EQ(fake.executed(), number("SELECT count(*) FROM work")) << "I1: each request once";
    }
    const auto batches = texts("SELECT batch FROM shards WHERE batch <> ''");
    for (const auto& id : fake.batch_ids()) {
        EXPECT_TRUE(std::find(batches.begin(), batches.end(), id) != batches.end()) << "I4: the provider has a batch " << id;
    }
    if (expected.is_nothing_left) {
        EXPECT_TRUE(fake.file_ids().empty()) << "I4: " << fake.file_ids().size() << " files are left with the provider";
        EXPECT_EQ(files_in(data_dir() / "batch" / "shards"), std::vector<std::string>()) << "I7";
    }
    for (const auto& name : files_in(folder.path())) {
        EXPECT_FALSE(name.ends_with(".tmp") || name.find(".part") != std::string::npos) << "I7: " << name;
    }
    // I6
    EXPECT_EQ(texts("PRAGMA integrity_check"), std::vector<std::string>{"ok"}) << "I6";
    EXPECT_TRUE(texts("PRAGMA foreign_key_check").empty()) << "I6";
    // Each request is where its items think it is.
    EXPECT_EQ(number("SELECT count(*) FROM items WHERE state = 1 AND NOT EXISTS (SELECT 1 FROM work WHERE work.key = items.work"
                     " AND work.state IN (0, 1))"),
              0)
        << "an item waits for a request that nobody will ask";
}

}  // namespace eco2::batch
