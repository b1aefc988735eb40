#include "app/command_batch.hpp"

#include "app/batch_session.hpp"
#include "app/worker_process.hpp"
#include "batch/host/previews.hpp"
#include "batch/host/reports.hpp"
#include "batch/jobs/progress.hpp"
#include "batch/report/progress_view.hpp"
#include "batch/report/report_text.hpp"
#include "batch/report/report_view.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace eco2::app {

int batch_estimate(const CommonOptions& common, const BatchOptions& options) {
    block_stop_signals();
    auto opened = open_batch(common, BatchUse::estimate);
    if (!opened) {
        return fail_with(opened.error());
    }
    auto request = plan_request(opened.value(), options);
    if (!request) {
        return fail_with(request.error());
    }
    if (auto fresh = check_prices(opened.value(), 0, request.value().provider, ""); !fresh) {
        return fail_with(fresh.error());
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
    tell(common,
         "job " + job.id + (planned.value().is_known ? " goes on: " : ": ") + batch::count_text(job.items, "item") +
             (job.money.estimated > 0 ? ", about " + batch::rounded_usd(job.money.estimated) + " USD" : ""));
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
    if (auto again = take_up(opened.value().batch->file(), job.value()); !again) {
        return fail_with(again.error());
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
    if (changed.value() == 0 &&
        std::find(options.classes.begin(), options.classes.end(), "vanished") == options.classes.end()) {
        return fail_with(
            fail(Errc::not_found,
                 "no failed item of job " + options.job + " fits; `eco2 batch report " + options.job + "` lists them"));
    }
    if (common.is_json) {
        std::printf("%s\n", batch::JsonObject().text("job", options.job).number("items", changed.value()).done().c_str());
    } else {
        std::printf("%s to go again; `eco2 batch watch %s` follows\n",
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
    auto opened = open_batch(common, BatchUse::worker);
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
