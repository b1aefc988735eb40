#include "batch/host/live_items.hpp"

#include "base/text.hpp"
#include "batch/jobs/definition_record.hpp"
#include "batch/jobs/machine_task.hpp"
#include "runs/run_result.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace eco2::batch {
namespace {

/// All items of one call, so many at once, each on one I/O thread.
class LiveItems : public std::enable_shared_from_this<LiveItems> {
public:
    LiveItems(runtime::Host& host, std::shared_ptr<RunContext> context, const PriceList& prices, std::size_t count)
        : host_(host), context_(std::move(context)), prices_(prices), outcomes_(count), left_(count) {}

    struct Start {
        std::string id;
        RunInput input;
        RunProgress progress;
        std::int64_t seq = 0;
        std::size_t behind = 0;  // stages
    };

    std::vector<WalkOutcome> run(std::vector<Start> starts, std::size_t at_once) {
        starts_ = std::move(starts);
        for (std::size_t i = 0; i < std::min(at_once, starts_.size()); ++i) {
            begin_next(static_cast<int>(i % static_cast<std::size_t>(host_.threads().size())));
        }
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return left_ == 0; });
        return std::move(outcomes_);
    }

private:
    void begin_next(int thread) {
        std::size_t index = 0;
        {
            const std::lock_guard lock(mutex_);
            if (next_ == starts_.size()) {
                return;
            }
            index = next_++;
        }
        host_.threads().post_to(thread, [self = shared_from_this(), index, thread](TaskFate) {
            auto& start = self->starts_[index];
            auto run = std::make_shared<std::unique_ptr<Run>>();
            *run = Run::start(
                *self->context_,
                start.id,
                std::move(start.input),
                [self, run, index, thread] { self->on_event(*run, index, thread); },
                std::move(start.progress));
        });
    }

    void on_event(std::unique_ptr<Run>& run, std::size_t index, int thread) {
        if (run == nullptr || !run->is_over()) {
            return;
        }
        const auto over = std::move(run);
        auto outcome = outcome_of(*over, starts_[index]);
        {
            const std::lock_guard lock(mutex_);
            outcomes_[index] = std::move(outcome);
            --left_;
            changed_.notify_all();
        }
        begin_next(thread);
    }

    WalkOutcome outcome_of(const Run& run, const Start& start) const {
        WalkOutcome outcome;
        outcome.seq = start.seq;
        std::vector<FinishedStage> finished;
        for (std::size_t i = 0; i < run.values().outputs.size(); ++i) {
            finished.push_back({StageOutput(std::string(run.values().outputs[i].json())), run.reports()[i], {}});
        }
        outcome.checkpoints = checkpoints_of(finished, &run.pipeline());
        for (std::size_t i = start.behind; i < run.reports().size(); ++i) {
            const auto& report = run.reports()[i];
            const auto price = report.is_asked ? prices_.find(report.provider, report.model, 1.0) : std::nullopt;
            outcome.cost += price ? price->cost(report.usage) : 0;
        }
        outcome.synchronous = outcome.cost;
        if (const auto* failure = run.failure()) {
            outcome.end = WalkOutcome::End::failed;
            outcome.error = failure->name();
            outcome.detail = shorten(failure->detail, 500);
            outcome.retry = info(failure->code).is_retryable ? RetryClass::transient : RetryClass::content;
            return outcome;
        }
        outcome.end = WalkOutcome::End::done;
        outcome.result = run_result(run);
        return outcome;
    }

    runtime::Host& host_;
    const std::shared_ptr<RunContext> context_;
    const PriceList& prices_;
    std::vector<Start> starts_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t next_ = 0;
    std::vector<WalkOutcome> outcomes_;
    std::size_t left_;
};

}  // namespace

Result<std::vector<WalkOutcome>> run_live(runtime::Host& host,
                                          const Settings& settings,
                                          const PriceList& prices,
                                          const JobRow& job,
                                          const std::vector<ItemRow>& items) {
    const auto loaded = host.pipeline(job.pipeline);
    if (loaded == nullptr) {
        return fail(Errc::not_found, "pipeline \"" + job.pipeline + "\" is not loaded: its items cannot be asked live");
    }
    auto definition = read_definition_record(job.definition);
    auto pipeline = definition ? Pipeline::compile(std::move(definition.value()))
                               : Result<std::shared_ptr<const Pipeline>>(definition.error());
    if (!pipeline) {
        return pipeline.error();
    }
    bool is_same = pipeline.value()->stages().size() == loaded->pipeline->stages().size();
    for (std::size_t i = 0; is_same && i < pipeline.value()->stages().size(); ++i) {
        is_same = pipeline.value()->stages()[i].definition.kind == loaded->pipeline->stages()[i].definition.kind;
    }
    if (!is_same) {
        return fail(Errc::config_invalid,
                    "pipeline \"" + job.pipeline + "\" has other stages now than when the job was planned");
    }
    // The job's own texts, over the doors that are there now. The loaded context is held for as long as its doors are used.
    std::shared_ptr<RunContext> context(new RunContext(*loaded), [loaded](RunContext* own) { delete own; });
    context->pipeline = pipeline.value();
    std::vector<LiveItems::Start> starts;
    for (const auto& item : items) {
        auto finished = finished_stages(item, context->pipeline.get());
        auto input = finished ? run_input(item, job, context->pipeline.get(), settings.data_dir / "batch" / "photos", true)
                              : Result<RunInput>(finished.error());
        if (!input) {
            return input.error();
        }
        LiveItems::Start start;
        start.id = item.id;
        start.input = std::move(input.value());
        start.seq = item.seq;
        start.behind = finished.value().size();
        start.progress.finished = std::move(finished.value());
        starts.push_back(std::move(start));
    }
    const auto count = starts.size();
    return std::make_shared<LiveItems>(host, std::move(context), prices, count)
        ->run(std::move(starts), static_cast<std::size_t>(settings.live_concurrency));
}

}  // namespace eco2::batch
