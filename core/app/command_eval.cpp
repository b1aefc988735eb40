#include "app/batch_session.hpp"
#include "base/text.hpp"
#include "batch/host/evals.hpp"
#include "batch/money/price_list.hpp"
#include "batch/report/output_file.hpp"
#include "batch/report/report_text.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <utility>

namespace eco2::app {
namespace {

using namespace std::chrono_literals;

/// What the rows of all models come to: the report, and eval.jsonl.
class Outcome {
public:
    static Result<std::unique_ptr<Outcome>> open(const std::filesystem::path& folder) {
        std::error_code ec;
        std::filesystem::create_directories(folder, ec);
        auto file = batch::OutputFile::create(batch::FileCalls::real(), folder, "eval.jsonl");
        return file ? Result<std::unique_ptr<Outcome>>(std::unique_ptr<Outcome>(new Outcome(std::move(file.value()), folder)))
                    : file.error();
    }

    void add(const batch::EvalRow& row, const std::string& error) {
        ++rows_;
        spent_ += row.cost_picousd;
        if (!error.empty() && failed_++ == 0) {
            first_failure_ = row.item + ": " + error;
        }
        evaluation_.add(row);
        (void)file_.write(batch::eval_line(row, error) + "\n");  // its error stays, for finish
    }

    Result<void> finish(const CommonOptions& common) {
        auto written = file_.finish();
        written = written ? file_.publish() : written;
        if (!written) {
            return written;
        }
        const auto groups = evaluation_.groups();
        std::printf("%s", common.is_json ? (batch::eval_json(groups) + "\n").c_str() : batch::eval_text(groups).c_str());
        tell(common, "rows: " + (folder_ / "eval.jsonl").string());
        if (failed_ > 0) {
            tell(common, batch::count_text(failed_, "item") + " failed, such as " + first_failure_);
        }
        return {};
    }

    std::int64_t rows() const { return rows_; }
    std::int64_t failed() const { return failed_; }
    std::int64_t spent() const { return spent_; }

private:
    Outcome(batch::OutputFile file, std::filesystem::path folder) : file_(std::move(file)), folder_(std::move(folder)) {}

    batch::OutputFile file_;
    const std::filesystem::path folder_;
    batch::Evaluation evaluation_;
    std::int64_t rows_ = 0;
    std::int64_t failed_ = 0;
    std::int64_t spent_ = 0;
    std::string first_failure_;
};

/// A model's name in a folder's.
std::string folder_name(const std::string& model) {
    std::string name = model;
    std::replace_if(
        name.begin(),
        name.end(),
        [](unsigned char c) { return std::isalnum(c) == 0 && c != '.' && c != '-' && c != '_'; },
        '_');
    return name;
}

Result<bool> run_live(const CommonOptions& common,
                      Opened& opened,
                      const BatchOptions& options,
                      const std::vector<std::string>& models,
                      Outcome& outcome) {
    auto live = options;
    live.is_live = true;
    auto request = plan_request(opened, live);
    if (!request) {
        return request.error();
    }
    request.value().has_users = false;
    request.value().model = models.front();
    Result<std::unique_ptr<batch::LiveEval>> eval = fail(Errc::internal);
    {
        PlanningView view(common.is_json);
        eval = batch::LiveEval::plan(
            *opened.batch, request.value(), [&](std::int64_t items, std::int64_t done, std::int64_t total) {
                return view.show(items, done, total);
            });
    }
    if (!eval) {
        return eval.error();
    }
    for (const auto& note : eval.value()->notes()) {
        tell(common, "note: " + note);
    }
    const auto all = eval.value()->job().items * static_cast<std::int64_t>(models.size());
    const bool is_shown = !common.is_json && isatty(STDERR_FILENO) == 1;
    bool is_whole = true;
    Result<void> trouble;
    for (const auto& model : models) {
        auto run = eval.value()->run(model, [&](const batch::EvalRow& row, const std::string& error) {
            outcome.add(row, error);
            if (is_shown) {
                std::fprintf(stderr,
                             "\r%s: %lld of %lld items, %s USD\033[K",
                             model.c_str(),
                             static_cast<long long>(outcome.rows()),
                             static_cast<long long>(all),
                             batch::rounded_usd(outcome.spent()).c_str());
            }
            return wait_for_stop_signal(0ms) == 0;
        });
        is_whole = is_whole && run && run.value();
        if (!run || !run.value()) {
            trouble = run ? trouble : run.error();
            break;
        }
    }
    if (is_shown) {
        std::fprintf(stderr, "\r\033[K");
    }
    if (!trouble) {
        if (outcome.rows() == 0) {
            return trouble.error();
        }
        print_error(trouble.error());  // what was answered is reported all the same
    }
    return is_whole;
}

Result<bool> run_batch(const CommonOptions& common,
                       Opened& opened,
                       const BatchOptions& options,
                       const std::vector<std::string>& models,
                       Outcome& outcome) {
    const auto context = opened.host->pipeline(options.pipeline);
    std::vector<std::string> jobs;
    for (const auto& model : models) {
        auto one = options;
        one.model = model;
        // With other prompts it is another job, not the one that is there.
        one.output = (std::filesystem::path(options.output) /
                      (folder_name(model) + "-" + batch::prompt_hash(context->pipeline->definition())))
                         .string();
        auto request = plan_request(opened, one);
        if (!request) {
            return request.error();
        }
        request.value().has_users = false;
        auto planned = plan(common, opened, one, request.value());
        if (!planned) {
            return planned.error();
        }
        const auto& job = planned.value().job;
        tell(common, "job " + job.id + ": " + batch::count_text(job.items, "item") + " for " + job.model);
        jobs.push_back(job.id);
    }
    bool is_whole = true;
    for (const auto& id : jobs) {
        (void)follow(common, opened, id);
        auto job = find_job(opened.batch->file(), id);
        if (!job) {
            return job.error();
        }
        if (!is_over(job.value())) {
            tell(common, "no report yet; the same command goes on with its jobs");
            return fail(Errc::not_ready, "job " + id + " is not over: " + std::string(batch::name_of(job.value().state)));
        }
        auto added =
            batch::eval_job(opened.batch->file(), job.value(), [&](const batch::EvalRow& row, const std::string& error) {
                outcome.add(row, error);
                return true;
            });
        if (!added) {
            return added.error();
        }
        is_whole = is_whole && job.value().state == batch::JobState::done;
    }
    return is_whole;
}

}  // namespace

int evaluate(const CommonOptions& common, const EvalOptions& options) {
    block_stop_signals();
    auto opened = open_batch(common);
    if (!opened) {
        return fail_with(opened.error());
    }
    const auto context = opened.value().host->pipeline(options.items.pipeline);
    if (context == nullptr) {
        return fail_with(fail(Errc::config_invalid,
                              "no pipeline \"" + options.items.pipeline + "\" is loaded; see [pipelines] in eco2.toml"));
    }
    const auto& definition = context->pipeline->definition();
    auto models = options.models;
    if (models.empty()) {
        models.push_back(definition.models.front());
    }
    for (const auto& model : models) {
        if (!context->pipeline->knows_model(model)) {
            std::string known;
            for (const auto& one : definition.models) {
                known += " " + one;
            }
            print_error(fail(Errc::unsupported_model, "\"" + model + "\" is not one of:" + known));
            return kUsage;
        }
    }
    const auto& items = options.items;
    auto warnings = batch::check_labels(items.input,
                                        {items.id_column,
                                         items.photo_column,
                                         items.url_column,
                                         items.question_column,
                                         items.user_column,
                                         {},
                                         items.label_column},
                                        definition);
    if (!warnings) {
        return fail_with(warnings.error());
    }
    for (const auto& warning : warnings.value()) {
        std::fprintf(stderr, "eco2: warning: %s\n", warning.c_str());
    }
    auto outcome = Outcome::open(items.output);
    if (!outcome) {
        return fail_with(outcome.error());
    }
    auto run = options.is_batch ? run_batch(common, opened.value(), items, models, *outcome.value())
                                : run_live(common, opened.value(), items, models, *outcome.value());
    if (!run) {
        return fail_with(run.error());
    }
    if (auto finished = outcome.value()->finish(common); !finished) {
        return fail_with(finished.error());
    }
    return run.value() && outcome.value()->failed() == 0 ? kOk : kFailed;
}

}  // namespace eco2::app
