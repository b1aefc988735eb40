#include "batch/host/evals.hpp"

#include "base/text.hpp"
#include "batch/host/live_items.hpp"
#include "batch/jobs/definition_record.hpp"
#include "batch/jobs/machine_task.hpp"
#include "batch/money/price_list.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace eco2::batch {
namespace {

constexpr std::size_t kRows = 1'000;
constexpr std::size_t kProblemsTold = 20;
constexpr std::int64_t kGroups = 4;  // of live_concurrency: few are idle while the last of a group end

std::string label_of(const ItemRow& item) {
    boost::json::error_code ec;
    const auto input = boost::json::parse(item.input, ec);
    const auto* object = ec ? nullptr : input.if_object();
    const auto* label = object == nullptr ? nullptr : object->if_contains("label");
    return label != nullptr && label->is_string() ? clean_label(label->get_string()) : std::string();
}

EvalRow row_of(const ItemRow& item, std::string_view result, const std::string& model, const std::string& prompt) {
    EvalRow row;
    row.item = item.id;
    row.label = label_of(item);
    row.predicted = as_deep_as(row.label, predicted_class(result));
    row.model = model;
    row.prompt = prompt;
    return row;
}

std::string listed(const std::vector<std::string>& problems) {
    std::string all;
    for (std::size_t i = 0; i < std::min(problems.size(), kProblemsTold); ++i) {
        all += (all.empty() ? "" : "\n      ") + problems[i];
    }
    return all + (problems.size() > kProblemsTold ? "\n      ... and more" : "");
}

/// How long its stages took; none: it did not come to its end.
std::optional<std::chrono::nanoseconds> time_of(const WalkOutcome& outcome, const ItemRow& item, const Pipeline* pipeline) {
    if (outcome.end != WalkOutcome::End::done) {
        return std::nullopt;
    }
    ItemRow ended;
    ended.id = item.id;
    ended.checkpoints = outcome.checkpoints;
    const auto finished = finished_stages(ended, pipeline);
    if (!finished) {
        return std::nullopt;
    }
    std::chrono::nanoseconds time{0};
    for (const auto& stage : finished.value()) {
        time += stage.report.duration;
    }
    return time;
}

}  // namespace

Result<std::vector<std::string>> check_labels(const std::string& input,
                                              const InputReader::Columns& columns,
                                              const PipelineDefinition& definition) {
    auto reader = InputReader::open(input, columns);
    if (!reader) {
        return reader.error();
    }
    const auto kind = reader.value()->kind();
    if (kind != InputKind::csv && kind != InputKind::jsonl) {
        return fail(Errc::invalid_field, input + " has no labels: give a CSV or JSONL with a photo or image_url, and a label");
    }
    const auto classes = EvalClasses::of(definition);
    std::vector<std::string> problems;
    std::vector<std::string> warnings;
    std::set<std::string, std::less<>> known;
    while (problems.size() <= kProblemsTold) {
        auto item = reader.value()->next();
        if (!item) {
            if (item.error().code != Errc::invalid_field) {
                return item.error();
            }
            problems.push_back(item.error().detail);
            continue;
        }
        if (!item.value()) {
            break;
        }
        const auto place = input + ":" + std::to_string(item.value()->line) + ": ";
        const auto label = clean_label(item.value()->label);
        if (label.empty()) {
            problems.push_back(place + "there is no label; write its class, as \"major/middle/minor\" or a beginning of it");
        } else if (known.insert(label).second && classes) {
            if (auto objection = classes->objection(label); !objection.empty()) {
                warnings.push_back(place + "the label \"" + shorten(label, 80) + "\" cannot be right: " + objection);
            }
        }
    }
    return problems.empty() ? Result<std::vector<std::string>>(std::move(warnings))
                            : fail(Errc::invalid_field, listed(problems));
}

Result<std::unique_ptr<LiveEval>> LiveEval::plan(BatchHost& batch,
                                                 const PlanRequest& request,
                                                 BatchHost::OnProgress on_progress) {
    std::unique_ptr<LiveEval> made(new LiveEval(batch));
    auto scratch = Scratch::make(batch.settings());
    if (!scratch) {
        return scratch.error();
    }
    made->scratch_ = std::move(scratch.value());
    auto planned = batch.planner(std::move(on_progress), made->scratch_->file(), made->scratch_->settings()).plan(request);
    if (!planned) {
        return planned.error();
    }
    made->job_ = std::move(planned.value().job);
    made->notes_ = std::move(planned.value().notes);
    auto definition = read_definition_record(made->job_.definition);
    if (!definition) {
        return definition.error();
    }
    made->prompt_ = prompt_hash(definition.value());
    return made;
}

Result<void> LiveEval::check_cap(const std::string& model, std::int64_t group) const {
    if (job_.money.cap <= 0 || spent_ + dearest_ * group <= job_.money.cap) {
        return {};
    }
    return fail(Errc::limit_exceeded,
                "the next " + std::to_string(group) + " items of " + model + " could cost more than is left of the cap of " +
                    rounded_usd(job_.money.cap) + " USD (" + rounded_usd(spent_) + " are spent); raise --cap-usd");
}

Result<bool> LiveEval::run(const std::string& model, const OnEvalRow& on_row) {
    auto job = job_;
    job.model = model;
    const PriceList prices(batch_.host().config()->routing.prices);
    const auto context = batch_.host().pipeline(job.pipeline);
    if (context == nullptr) {
        return fail(Errc::not_found, "pipeline \"" + job.pipeline + "\" is not loaded");
    }
    const auto& settings = scratch_->settings();
    for (std::int64_t seq = 1;;) {
        const auto group = dearest_ == 0 ? settings.live_concurrency : settings.live_concurrency * kGroups;
        auto rows = scratch_->file().items(job.key, seq, static_cast<std::size_t>(group));
        if (!rows) {
            return rows.error();
        }
        if (rows.value().empty()) {
            return true;
        }
        if (auto within = check_cap(model, static_cast<std::int64_t>(rows.value().size())); !within) {
            return within.error();
        }
        std::vector<ItemRow> able;
        for (const auto& row : rows.value()) {
            seq = row.seq + 1;
            if (row.state != ItemState::failed) {
                able.push_back(row);
            } else if (!on_row(row_of(row, "", model, prompt_), row.error)) {
                return false;
            }
        }
        auto outcomes = run_live(batch_.host(), settings, prices, job, able);
        if (!outcomes) {
            return outcomes.error();
        }
        bool goes_on = true;
        bool has_answer = false;
        for (std::size_t i = 0; i < able.size(); ++i) {
            const auto& outcome = outcomes.value()[i];
            auto row = row_of(able[i], outcome.result, model, prompt_);
            row.cost_picousd = outcome.cost;
            row.latency = time_of(outcome, able[i], context->pipeline.get());
            spent_ += outcome.cost;
            dearest_ = std::max(dearest_, outcome.cost);
            has_answer = has_answer || outcome.end == WalkOutcome::End::done;
            goes_on = on_row(row, outcome.error) && goes_on;
        }
        if (job.money.cap > 0 && has_answer && dearest_ == 0) {
            return fail(
                Errc::config_invalid,
                "no price is known for what answers \"" + model + "\", so that a cap cannot be kept; add a [[prices.model]]");
        }
        if (!goes_on) {
            return false;
        }
    }
}

Result<void> eval_job(JobFile& file, const JobRow& job, const OnEvalRow& on_row) {
    auto definition = read_definition_record(job.definition);
    if (!definition) {
        return definition.error();
    }
    const auto prompt = prompt_hash(definition.value());
    for (std::int64_t seq = 1;;) {
        auto items = file.items(job.key, seq, kRows);
        auto lineage = items ? file.lineage(job.key, seq, items.value().size()) : items.error();
        if (!lineage) {
            return lineage.error();
        }
        if (items.value().empty()) {
            return {};
        }
        for (const auto& item : items.value()) {
            seq = item.seq + 1;
            auto row = row_of(item, item.result, job.model, prompt);
            for (const auto& stage : lineage.value()[item.seq]) {
                row.cost_picousd += stage.is_cached ? 0 : stage.cost;
            }
            if (item.state == ItemState::done) {
                row.latency = std::chrono::nanoseconds(job.ended_ns - job.created_ns);
            }
            if (!on_row(row, item.error)) {
                return {};
            }
        }
    }
}

}  // namespace eco2::batch
