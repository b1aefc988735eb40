#include "app/batch_session.hpp"

#include "base/utc.hpp"
#include "batch/jobs/progress.hpp"
#include "batch/money/price_list.hpp"
#include "batch/report/ask.hpp"
#include "batch/report/progress_output.hpp"
#include "batch/report/report_text.hpp"

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

int exit_of(const batch::JobRow& job) {
    return job.state == batch::JobState::done && job.items_failed == 0 ? kOk : kFailed;
}

/// Of a pipeline that is not loaded the planner says so.
bool knows_language(Opened& opened, const BatchOptions& options) {
    const auto context = opened.host->pipeline(options.pipeline);
    return context == nullptr || context->pipeline->language(options.language) == options.language;
}

void print_end(const CommonOptions& common, const batch::JobRow& job) {
    if (common.is_json) {
        return;
    }
    // Where the output is no terminal it is JSON lines, and stays that.
    auto* out = isatty(STDOUT_FILENO) == 1 ? stdout : stderr;
    std::fprintf(out,
                 "job %s: %s; %lld items done, %lld failed, %s USD booked\nresults: %s/results.jsonl\n",
                 job.id.c_str(),
                 std::string(batch::name_of(job.state)).c_str(),
                 static_cast<long long>(job.items_done),
                 static_cast<long long>(job.items_failed),
                 batch::usd_text(job.money.booked).c_str(),
                 job.output.c_str());
    if (job.items_failed > 0) {
        std::fprintf(out, "why they failed: eco2 batch report %s\n", job.id.c_str());
    }
}

}  // namespace

int fail_with(const Error& error) {
    // The table's second line is for HTTP's clients where the message itself says what to do here.
    std::fprintf(stderr, "eco2: %s\n", error.text().c_str());
    return exit_of(error);
}

Opened::~Opened() {
    batch.reset();
    if (host != nullptr) {
        (void)host->stop();
    }
}

Result<Opened> open_batch(const CommonOptions& common, BatchUse use) {
    // Many small values come and go on several threads; what the heap gave back at once it would ask for again.
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_TOP_PAD, 16 << 20);
    auto config = load_config(common);
    if (!config) {
        return config.error();
    }
    auto log = runtime::log_options(config.value());
    log.level = common.overrides.log_level || use == BatchUse::worker ? log.level : LogLevel::error;
    if (use == BatchUse::estimate) {
        for (auto& plugin : config.value().plugins) {
            plugin.keys.clear();
        }
    }
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
    auto provider =
        options.is_live ? Result<std::string>(std::string()) : batch::batch_provider_of(*opened.host, options.provider);
    if (!provider) {
        return provider.error();
    }
    batch::PlanRequest request;
    request.input = options.input;
    request.output = options.output;
    request.provider = provider.value();
    request.is_live = options.is_live;
    request.pipeline = options.pipeline;
    request.model = options.model;
    request.language = options.language;
    request.columns = {options.id_column,
                       options.photo_column,
                       options.url_column,
                       options.question_column,
                       options.user_column,
                       {},
                       options.label_column};
    request.is_new = options.is_new;
    if (!options.language.empty() && !knows_language(opened, options)) {
        return fail(Errc::invalid_field, "pipeline \"" + options.pipeline + "\" does not speak \"" + options.language + "\"");
    }
    if (std::isnan(options.cap_usd)) {
        return fail(Errc::invalid_field, "--cap-usd must be a sum of money");
    }
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

Result<void> check_prices(Opened& opened, std::int64_t cap_picousd, const std::string& provider, const std::string& model) {
    const auto config = opened.host->config();
    const batch::PriceList prices(config->routing.prices);
    const auto today = utc_text(system_clock().wall_ns()).substr(0, 10);
    if (auto fresh = prices.check_review(today, config->batch.allows_past_review); !fresh) {
        return fresh;
    }
    return cap_picousd > 0 && !model.empty() ? prices.check_known(provider, model) : Result<void>();
}

PlanningView::PlanningView(bool is_json) : is_shown_(!is_json && isatty(STDERR_FILENO) == 1) {}

PlanningView::~PlanningView() {
    if (has_shown_) {
        std::fprintf(stderr, "\r\033[K");
    }
}

bool PlanningView::show(std::int64_t items, std::int64_t done, std::int64_t total) {
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

void tell(const CommonOptions& common, const std::string& text) {
    if (!common.is_json) {
        std::fprintf(stderr, "%s\n", text.c_str());
    }
}

Result<batch::Planner::Planned> plan(const CommonOptions& common, Opened& opened, const BatchOptions& options) {
    auto request = plan_request(opened, options);
    return request ? plan(common, opened, options, request.value()) : request.error();
}

Result<batch::Planner::Planned> plan(const CommonOptions& common,
                                     Opened& opened,
                                     const BatchOptions& options,
                                     const batch::PlanRequest& request) {
    if (auto fresh = check_prices(opened, 0, request.provider, ""); !fresh) {
        return fresh.error();
    }
    Result<batch::Planner::Planned> planned = fail(Errc::internal);
    {
        PlanningView view(common.is_json);
        auto planner = opened.batch->planner(
            [&](std::int64_t items, std::int64_t done, std::int64_t total) { return view.show(items, done, total); });
        planned = planner.plan(request);
    }
    if (!planned) {
        return planned;
    }
    auto& job = planned.value().job;
    auto& file = opened.batch->file();
    if (planned.value().is_known) {
        if (request.cap_picousd != job.money.cap && options.cap_usd >= 0) {
            if (auto set = file.set_cap(job.id, request.cap_picousd); !set) {
                return set.error();
            }
        }
        if (auto again = take_up(file, job); !again) {
            return again.error();
        }
    } else if (auto known = check_prices(opened, request.cap_picousd, job.provider, job.model); !known) {
        (void)file.ask_cancel(job.id);
        return known.error();
    }
    for (const auto& note : planned.value().notes) {
        tell(common, "note: " + note);
    }
    return planned;
}

Result<void> take_up(batch::JobFile& file, const batch::JobRow& job) {
    if (job.state == batch::JobState::paused) {
        return file.reopen(job.id);
    }
    std::error_code ec;
    const bool is_ended = job.state == batch::JobState::done || job.state == batch::JobState::cancelled;
    const bool has_results = std::filesystem::exists(std::filesystem::path(job.output) / "results.jsonl", ec);
    return is_ended && (!job.is_exported || !has_results) ? file.ask_export(job.id) : Result<void>();
}

bool is_over(const batch::JobRow& job) {
    return (job.state == batch::JobState::done || job.state == batch::JobState::cancelled) && job.is_exported;
}

int follow(const CommonOptions& common, Opened& opened, const std::string& id, bool until_submitted) {
    auto worker = opened.batch->start_worker();
    auto& file = opened.batch->file();
    // `submit` gives its id on stdout, and nothing else.
    batch::ProgressOutput output(until_submitted ? stderr : stdout, common.is_json);
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
        const bool is_stuck = (job.value().state == batch::JobState::done || job.value().state == batch::JobState::cancelled) &&
                              job.value().reason.starts_with("the results cannot be written") &&
                              job.value().reason.find("No space left") == std::string::npos;
        if (is_stuck) {
            output.end(progress.value());
            std::fprintf(stderr,
                         "eco2: job %s: %s; mend it and run again, or `eco2 batch results %s --output DIR`\n",
                         id.c_str(),
                         job.value().reason.c_str(),
                         id.c_str());
            return kFailed;
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

}  // namespace eco2::app
