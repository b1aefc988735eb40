#include "app/command_batch.hpp"

#include "app/worker_process.hpp"
#include "base/text.hpp"
#include "base/utc.hpp"
#include "batch/host/batch_host.hpp"
#include "batch/host/previews.hpp"
#include "batch/host/reports.hpp"
#include "batch/jobs/progress.hpp"
#include "batch/money/price_list.hpp"
#include "batch/report/ask.hpp"
#include "batch/report/progress_output.hpp"
#include "batch/report/report_text.hpp"
#include "batch/report/report_view.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>

namespace eco2::app {
namespace {

using namespace std::chrono_literals;

constexpr double kPicousdPerUsd = 1e12;

int exit_of(const Error& error) {
    switch (error.code) {
        case Errc::config_invalid:
        case Errc::plugin_missing:
        case Errc::plugin_refused:
        case Errc::plugin_abi:
        case Errc::plugin_failed:
        case Errc::store_failed: return kConfig;
        default: return kFailed;
    }
}

int fail_with(const Error& error) {
    print_error(error);
    return exit_of(error);
}

/// "90s", "30m", "6h", "2d". Errors: invalid_field.
Result<std::chrono::nanoseconds> duration_of(std::string_view text) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    const auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
    const std::chrono::nanoseconds each = unit == "s"   ? std::chrono::nanoseconds(1s)
                                          : unit == "m" ? std::chrono::nanoseconds(1min)
                                          : unit == "h" ? std::chrono::nanoseconds(1h)
                                          : unit == "d" ? std::chrono::nanoseconds(24h)
                                                        : std::chrono::nanoseconds(0);
    if (error != std::errc() || count <= 0 || count > 1'000'000 || each.count() == 0) {
        return fail(Errc::invalid_field, "\"" + std::string(text) + "\" is no length of time: write 90s, 30m, 6h or 2d");
    }
    return each * count;
}

/// A loaded host with its jobs, for one command.
struct Opened {
    std::unique_ptr<runtime::Host> host;
    std::unique_ptr<batch::BatchHost> batch;
    ~Opened() {
        batch.reset();
        if (host != nullptr) {
            (void)host->stop();
        }
    }
    Opened() = default;
    Opened(Opened&&) = default;
    Opened& operator=(Opened&&) = default;
};

Result<Opened> open_batch(const CommonOptions& common, bool is_worker = false) {
    // Many small values come and go on several threads; what the heap gave back at once it would ask for again.
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_TOP_PAD, 16 << 20);
    auto config = load_config(common);
    if (!config) {
        return config.error();
    }
    auto log = runtime::log_options(config.value());
    log.level = common.overrides.log_level || is_worker ? log.level : LogLevel::error;
    Opened opened;
    opened.host = std::make_unique<runtime::Host>(std::move(config.value()), layout(), std::move(log));
    if (auto loaded = opened.host->load(); !loaded) {
        return loaded.error();
    }
    auto batch = batch::BatchHost::open(*opened.host);
    if (!batch) {
        return batch.error();
    }
    opened.batch = std::move(batch.value());
    return opened;
}

/// The file of jobs alone: for looks at it, which need no plugin. Errors: not_found (there are no jobs).
Result<std::unique_ptr<batch::JobFile>> open_file(const CommonOptions& common) {
    auto config = load_config(common);
    if (!config) {
        return config.error();
    }
    const auto path = batch::job_file_of(config.value());
    std::error_code ec;
    if (!std::filesystem::exists(path, ec)) {
        return fail(Errc::not_found, "there are no batch jobs in " + config.value().data_dir.string() + "; see --data");
    }
    auto file = std::make_unique<batch::JobFile>(path);
    auto prepared = file->prepare();
    return prepared ? Result<std::unique_ptr<batch::JobFile>>(std::move(file)) : prepared.error();
}

Result<batch::JobRow> find_job(batch::JobFile& file, const std::string& id) {
    auto found = file.job(id);
    if (!found) {
        return found.error();
    }
    if (!found.value()) {
        return fail(Errc::not_found, "no batch job \"" + id + "\"; `eco2 batch status` lists them");
    }
    return std::move(*found.value());
}

Result<batch::PlanRequest> plan_request(Opened& opened, const BatchOptions& options) {
    const auto config = opened.host->config();
    auto provider = batch::batch_provider_of(*opened.host, options.provider);
    if (!provider) {
        return provider.error();
    }
    batch::PlanRequest request;
    request.input = options.input;
    request.output = options.output;
    request.provider = provider.value();
    request.pipeline = options.pipeline;
    request.model = options.model;
    request.language = options.language;
    request.columns = {
        options.id_column, options.photo_column, options.url_column, options.question_column, options.user_column, {}, {}};
    request.is_new = options.is_new;
    const double cap = options.cap_usd < 0 ? config->batch.cost_cap_usd : options.cap_usd;
    request.cap_picousd = static_cast<std::int64_t>(std::llround(cap * kPicousdPerUsd));
    request.pilot = options.pilot < 0 ? static_cast<std::int64_t>(config->batch.pilot_items) : options.pilot;
    request.deadline_action = options.deadline_action;
    if (request.deadline_action.empty()) {
        static constexpr const char* kActions[] = {"stop", "live", "resubmit"};
        request.deadline_action = kActions[static_cast<std::size_t>(config->batch.deadline_action)];
    }
    if (!options.deadline.empty()) {
        auto time = duration_of(options.deadline);
        if (!time) {
            return time.error();
        }
        request.deadline_ns = system_clock().wall_ns() + time.value().count();
    }
    return request;
}

/// What must hold before anything is paid for.
Result<void> check_prices(Opened& opened, const batch::PlanRequest& request, const batch::JobRow& job) {
    const auto config = opened.host->config();
    const batch::PriceList prices(config->routing.prices);
    const auto today = utc_text(system_clock().wall_ns()).substr(0, 10);
    if (auto fresh = prices.check_review(today, config->batch.allows_past_review); !fresh) {
        return fresh;
    }
    return request.cap_picousd > 0 ? prices.check_known(job.provider, job.model) : Result<void>();
}

class PlanningView {
public:
    explicit PlanningView(bool is_json) : is_shown_(!is_json && isatty(STDERR_FILENO) == 1) {}
    ~PlanningView() {
        if (has_shown_) {
            std::fprintf(stderr, "\r\033[K");
        }
    }
    PlanningView(const PlanningView&) = delete;
    PlanningView& operator=(const PlanningView&) = delete;

    bool show(std::int64_t items, std::int64_t done, std::int64_t total) {
        const auto now = system_clock().now();
        if (is_shown_ && now - last_ > 200ms) {
            last_ = now;
            has_shown_ = true;
            std::fprintf(stderr,
                         "\rplanning: %lld items read, %lld %% of the input\033[K",
                         static_cast<long long>(items),
                         static_cast<long long>(total > 0 ? done * 100 / total : 0));
        }
        return wait_for_stop_signal(std::chrono::milliseconds(0)) == 0;
    }

private:
    const bool is_shown_;
    bool has_shown_ = false;
    Clock::Monotonic last_{};
};

void tell(const CommonOptions& common, const std::string& text) {
    if (!common.is_json) {
        std::fprintf(stderr, "%s\n", text.c_str());
    }
}

Result<batch::Planner::Planned> plan(const CommonOptions& common, Opened& opened, const BatchOptions& options) {
    auto request = plan_request(opened, options);
    if (!request) {
        return request.error();
    }
    batch::JobRow priced;
    priced.provider = request.value().provider;
    if (auto fresh = check_prices(opened, {}, priced); !fresh) {
        return fresh.error();
    }
    Result<batch::Planner::Planned> planned = fail(Errc::internal);
    {
        PlanningView view(common.is_json);
        auto planner = opened.batch->planner(
            [&](std::int64_t items, std::int64_t done, std::int64_t total) { return view.show(items, done, total); });
        planned = planner.plan(request.value());
    }
    if (!planned) {
        return planned;
    }
    auto& job = planned.value().job;
    auto& file = opened.batch->file();
    if (planned.value().is_known) {
        if (request.value().cap_picousd != job.money.cap && options.cap_usd >= 0) {
            if (auto set = file.set_cap(job.id, request.value().cap_picousd); !set) {
                return set.error();
            }
        }
        if (job.state == batch::JobState::paused) {
            if (auto reopened = file.reopen(job.id); !reopened) {
                return reopened.error();
            }
        }
    } else if (auto known = check_prices(opened, request.value(), job); !known) {
        (void)file.ask_cancel(job.id);
        return known.error();
    }
    for (const auto& note : planned.value().notes) {
        tell(common, "note: " + note);
    }
    return planned;
}

bool is_over(const batch::JobRow& job) {
    return (job.state == batch::JobState::done || job.state == batch::JobState::cancelled) && job.is_exported;
}

int exit_of(const batch::JobRow& job) {
    return job.state == batch::JobState::done && job.items_failed == 0 ? kOk : kFailed;
}

void print_end(const CommonOptions& common, const batch::JobRow& job) {
    if (common.is_json) {
        return;
    }
    std::printf("job %s: %s; %lld items done, %lld failed, %s USD booked\nresults: %s/results.jsonl\n",
                job.id.c_str(),
                std::string(batch::name_of(job.state)).c_str(),
                static_cast<long long>(job.items_done),
                static_cast<long long>(job.items_failed),
                batch::usd_text(job.money.booked).c_str(),
                job.output.c_str());
    if (job.items_failed > 0) {
        std::printf("why they failed: eco2 batch report %s\n", job.id.c_str());
    }
}

/// Shows a job until it is over, it stands still for its operator, or somebody wants to leave.
int follow(const CommonOptions& common, Opened& opened, const std::string& id, bool until_submitted = false) {
    auto worker = opened.batch->start_worker();
    auto& file = opened.batch->file();
    batch::ProgressOutput output(stdout, common.is_json);
    batch::AskOnStop ask(STDIN_FILENO, stderr);
    for (;;) {
        auto job = find_job(file, id);
        auto progress = job ? batch::progress_of(file, job.value(), system_clock()) : job.error();
        if (!progress) {
            return fail_with(progress.error());
        }
        const auto status = worker->status();
        progress.value().transfer_bytes = status.transfer_bytes;
        progress.value().transfer_total = status.transfer_total;
        if (!status.trouble.empty()) {
            progress.value().reason = status.trouble;
        }
        if (is_over(job.value())) {
            output.end(progress.value());
            print_end(common, job.value());
            return exit_of(job.value());
        }
        if (job.value().state == batch::JobState::paused) {
            const bool is_quiet =
                std::all_of(progress.value().stages.begin(), progress.value().stages.end(), [](const auto& stage) {
                    return stage.validating + stage.running + stage.finalizing + stage.ingesting == 0;
                });
            if (is_quiet) {
                output.end(progress.value());
                std::fprintf(stderr, "eco2: job %s is paused: %s\n", id.c_str(), job.value().reason.c_str());
                return kFailed;
            }
        }
        if (until_submitted && job.value().state == batch::JobState::open) {
            const auto waiting = file.count(job.value().key, batch::ItemState::waiting);
            const auto ready = file.is_sent(job.value().key);
            if (waiting && waiting.value() == 0 && ready && ready.value()) {
                output.end(progress.value());
                tell(common, "job " + id + " is with the provider; go on with `eco2 batch watch " + id + "`");
                return kOk;
            }
        }
        if (!ask.is_asking()) {
            output.show(progress.value(), system_clock().now());
        }
        switch (ask.wait(250ms)) {
            case batch::StopChoice::go_on: break;
            case batch::StopChoice::detach:
                output.leave_block();
                tell(common,
                     "\njob " + id + " goes on at the provider; `eco2 batch watch " + id +
                         "`, or the same command again, takes it up");
                return kOk;
            case batch::StopChoice::cancel:
                output.leave_block();
                if (auto asked = file.ask_cancel(id); !asked) {
                    return fail_with(asked.error());
                }
                worker->wake();
                break;
        }
        if (ask.is_asking()) {
            output.leave_block();
        }
    }
}

}  // namespace

int batch_estimate(const CommonOptions& common, const BatchOptions& options) {
    block_stop_signals();
    auto opened = open_batch(common);
    if (!opened) {
        return fail_with(opened.error());
    }
    auto request = plan_request(opened.value(), options);
    if (!request) {
        return fail_with(request.error());
    }
    Result<batch::Estimate> estimate = fail(Errc::internal);
    {
        PlanningView view(common.is_json);
        estimate = batch::preview(
            *opened.value().batch, request.value(), [&](std::int64_t items, std::int64_t done, std::int64_t total) {
                return view.show(items, done, total);
            });
    }
    if (!estimate) {
        return fail_with(estimate.error());
    }
    std::printf("%s",
                common.is_json ? (batch::to_json(estimate.value()) + "\n").c_str() : batch::to_text(estimate.value()).c_str());
    return kOk;
}

int batch_run(const CommonOptions& common, const BatchOptions& options) {
    block_stop_signals();
    auto opened = open_batch(common);
    if (!opened) {
        return fail_with(opened.error());
    }
    auto planned = plan(common, opened.value(), options);
    if (!planned) {
        return fail_with(planned.error());
    }
    const auto& job = planned.value().job;
    tell(common, "job " + job.id + (planned.value().is_known ? " goes on: " : ": ") + std::to_string(job.items) + " items");
    return follow(common, opened.value(), job.id);
}

int batch_submit(const CommonOptions& common, const BatchOptions& options) {
    block_stop_signals();
    auto opened = open_batch(common);
    if (!opened) {
        return fail_with(opened.error());
    }
    auto planned = plan(common, opened.value(), options);
    if (!planned) {
        return fail_with(planned.error());
    }
    const auto& job = planned.value().job;
    if (common.is_json) {
        std::printf("%s\n", batch::JsonObject().text("job", job.id).number("items", job.items).done().c_str());
    } else {
        std::printf("%s\n", job.id.c_str());
    }
    std::fflush(stdout);
    return follow(common, opened.value(), job.id, true);
}

int batch_watch(const CommonOptions& common, const BatchOptions& options) {
    block_stop_signals();
    auto opened = open_batch(common);
    if (!opened) {
        return fail_with(opened.error());
    }
    auto job = find_job(opened.value().batch->file(), options.job);
    if (!job) {
        return fail_with(job.error());
    }
    return follow(common, opened.value(), job.value().id);
}

int batch_status(const CommonOptions& common, const BatchOptions& options) {
    auto file = open_file(common);
    if (!file) {
        return fail_with(file.error());
    }
    std::vector<batch::JobRow> jobs;
    if (options.job.empty()) {
        auto all = file.value()->jobs();
        if (!all) {
            return fail_with(all.error());
        }
        jobs = std::move(all.value());
    } else {
        auto job = find_job(*file.value(), options.job);
        if (!job) {
            return fail_with(job.error());
        }
        jobs.push_back(std::move(job.value()));
    }
    for (const auto& job : jobs) {
        auto progress = batch::progress_of(*file.value(), job, system_clock());
        if (!progress) {
            return fail_with(progress.error());
        }
        std::printf(
            "%s\n",
            common.is_json ? batch::progress_json(progress.value()).c_str() : batch::progress_line(progress.value()).c_str());
    }
    if (jobs.empty() && !common.is_json) {
        std::printf("no jobs\n");
    }
    return kOk;
}

int batch_results(const CommonOptions& common, const BatchOptions& options) {
    auto config = load_config(common);
    auto file = config ? open_file(common) : Result<std::unique_ptr<batch::JobFile>>(config.error());
    if (!file) {
        return fail_with(file.error());
    }
    auto job = find_job(*file.value(), options.job);
    if (!job) {
        return fail_with(job.error());
    }
    const auto folder =
        options.output.empty() ? std::filesystem::path(job.value().output) : std::filesystem::path(options.output);
    const bool is_whole =
        is_over(job.value()) && folder == job.value().output && std::filesystem::exists(folder / "results.jsonl");
    if (!is_whole) {
        auto written = batch::export_results(*file.value(), job.value(), folder, config.value().routing.prices.version);
        if (!written) {
            return fail_with(written.error());
        }
    }
    if (common.is_json) {
        std::printf("%s\n",
                    batch::JsonObject()
                        .text("job", job.value().id)
                        .text("state", batch::name_of(job.value().state))
                        .text("results", (folder / "results.jsonl").string())
                        .done()
                        .c_str());
    } else {
        std::printf("%s%s\n", (folder / "results.jsonl").c_str(), is_over(job.value()) ? "" : " (so far: the job is not over)");
    }
    return kOk;
}

int batch_cancel(const CommonOptions& common, const BatchOptions& options) {
    block_stop_signals();
    {
        auto file = open_file(common);
        auto job = file ? find_job(*file.value(), options.job) : Result<batch::JobRow>(file.error());
        if (!job) {
            return fail_with(job.error());
        }
        if (is_over(job.value())) {
            tell(common, "job " + options.job + " is over already: " + std::string(batch::name_of(job.value().state)));
            return kOk;
        }
        if (auto asked = file.value()->ask_cancel(options.job); !asked) {
            return fail_with(asked.error());
        }
    }
    auto opened = open_batch(common);
    if (!opened) {
        return fail_with(opened.error());
    }
    tell(common, "job " + options.job + ": cancelling; what the provider has done is fetched, and was paid for");
    const int code = follow(common, opened.value(), options.job);
    auto job = find_job(opened.value().batch->file(), options.job);
    return job && job.value().state == batch::JobState::cancelled ? kOk : code;
}

int batch_retry(const CommonOptions& common, const BatchOptions& options) {
    block_stop_signals();
    auto file = open_file(common);
    if (!file) {
        return fail_with(file.error());
    }
    const auto known = batch::retry_classes();
    for (const auto& name : options.classes) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            std::string all;
            for (const auto& one : known) {
                all += " " + one;
            }
            print_error(fail(Errc::invalid_field, "no class \"" + name + "\"; there are:" + all));
            return kUsage;
        }
    }
    auto changed = file.value()->retry(options.job, options.classes, options.ids);
    if (!changed) {
        return fail_with(changed.error());
    }
    if (common.is_json) {
        std::printf("%s\n", batch::JsonObject().text("job", options.job).number("items", changed.value()).done().c_str());
    } else {
        std::printf("%s go again; `eco2 batch watch %s` follows\n",
                    batch::count_text(changed.value(), "item").c_str(),
                    options.job.c_str());
    }
    return kOk;
}

int batch_report(const CommonOptions& common, const BatchOptions& options) {
    auto file = open_file(common);
    if (!file) {
        return fail_with(file.error());
    }
    auto jobs = file.value()->jobs();
    if (!jobs) {
        return fail_with(jobs.error());
    }
    std::vector<batch::JobReport> reports;
    for (const auto& job : jobs.value()) {
        if (!options.job.empty() && job.id != options.job) {
            continue;
        }
        auto report = batch::report_of(*file.value(), job);
        if (!report) {
            return fail_with(report.error());
        }
        reports.push_back(std::move(report.value()));
    }
    if (reports.empty() && !options.job.empty()) {
        return fail_with(fail(Errc::not_found, "no batch job \"" + options.job + "\"; `eco2 batch status` lists them"));
    }
    std::printf("%s%s",
                (common.is_json ? batch::report_json(reports) : batch::report_text(reports)).c_str(),
                common.is_json ? "\n" : "");
    return kOk;
}

int batch_work(const CommonOptions& common, const BatchOptions& options) {
    block_stop_signals();
    if (options.is_supervised) {
        exit_when_parent_goes(STDIN_FILENO);
    }
    auto opened = open_batch(common, true);
    if (!opened) {
        return fail_with(opened.error());
    }
    opened.value().host->log().info("batch worker starts", {{"data", opened.value().host->config()->data_dir.string()}});
    {
        const auto worker = opened.value().batch->start_worker();
        wait_for_stop_signal();
    }
    opened.value().host->log().info("batch worker ends");
    return kOk;
}

}  // namespace eco2::app
