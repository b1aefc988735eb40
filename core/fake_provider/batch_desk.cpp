#include "fake_provider/batch_desk.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "fake_provider/batch_validator.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace eco2::fake {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::hours kCreationWindow{1};

BatchPlan plan_of(const BatchSettings& settings, const std::vector<BatchFault>& faults) {
    BatchPlan out{milliseconds(settings.validating_ms),
                  milliseconds(settings.in_progress_ms),
                  milliseconds(settings.finalizing_ms),
                  milliseconds(settings.cancelling_ms),
                  milliseconds(settings.window_ms),
                  std::nullopt,
                  false};
    for (const BatchFault& fault : faults) {
        if (fault.kind == BatchFaultKind::expire) {
            out.expires_with = fault.share;
        }
        out.ignores_cancel = out.ignores_cancel || fault.kind == BatchFaultKind::ignore_cancel;
    }
    return out;
}

const BatchFault* find_fault(const std::vector<BatchFault>& faults, BatchFaultKind kind) {
    const auto found =
        std::find_if(faults.begin(), faults.end(), [kind](const BatchFault& fault) { return fault.kind == kind; });
    return found == faults.end() ? nullptr : &*found;
}

BatchError token_limit_error(std::string_view model, std::int64_t max) {
    return {"token_limit_exceeded",
            "Enqueued token limit reached for " + std::string(model) + " in organization org-fake. Limit: " +
                std::to_string(max) + " enqueued tokens. Please try again once some in_progress batches have been completed.",
            "",
            std::nullopt};
}

}  // namespace

struct BatchDesk::Batch {
    Batch(BatchOrder the_order, BatchSettings the_settings, std::vector<BatchFault> the_faults, Clock::Monotonic now)
        : order(std::move(the_order)),
          settings(std::move(the_settings)),
          faults(std::move(the_faults)),
          life(plan_of(settings, faults), now) {}

    std::uint64_t number = 0;
    const BatchOrder order;
    const BatchSettings settings;  // as they were when it was created
    const std::vector<BatchFault> faults;

    // under mutex_
    BatchLife life;
    BatchObject object;  // without what life knows
    std::int64_t made_at_ms = 0;
    std::int64_t prompt_tokens = 0;
    int polls = 0;  // since it was over

    // under work_mutex_
    std::shared_ptr<const DiskFile> input;
    std::unique_ptr<BatchValidator> validator;
    std::unique_ptr<BatchRunner> runner;
};

struct BatchDesk::Chosen {
    std::shared_ptr<Batch> batch;
    BatchLife::Next next;
    BatchLife::Rest rest = BatchLife::Rest::none;
};

BatchDesk::BatchDesk(Parts parts) : parts_(std::move(parts)), begun_ms_(now_ms()) {}
BatchDesk::~BatchDesk() = default;

std::optional<ApiFault> BatchDesk::creation_fault(const BatchSettings& settings, Clock::Monotonic now) {
    if (batches_.size() >= limits::kFakeBatchesMax) {
        return ApiFault{429,
                        "the fake keeps " + std::to_string(limits::kFakeBatchesMax) + " batches; POST /fake/reset forgets them",
                        "requests",
                        "",
                        "rate_limit_exceeded"};
    }
    while (!creations_.empty() && creations_.front() + kCreationWindow <= now) {
        creations_.pop_front();
    }
    const auto max = static_cast<std::size_t>(settings.creations_per_hour_max);
    if (max == 0 || creations_.size() < max) {
        return std::nullopt;
    }
    ApiFault out{429, "", "requests", "", "rate_limit_exceeded"};
    out.retry_after = std::chrono::ceil<std::chrono::seconds>(creations_[creations_.size() - max] + kCreationWindow - now);
    out.message = "Rate limit reached for batch creations: " + std::to_string(max) + " per hour. Please try again in " +
                  std::to_string(out.retry_after.count() / 1000) + "s.";
    return out;
}

std::variant<BatchObject, ApiFault> BatchDesk::create(BatchOrder order) {
    const std::lock_guard lock(mutex_);
    const Clock::Monotonic now = parts_.clock.now();
    BatchSettings settings = parts_.rules.settings();
    if (std::optional<ApiFault> fault = creation_fault(settings, now)) {
        return *std::move(fault);
    }
    creations_.push_back(now);
    auto batch = std::make_shared<Batch>(std::move(order), std::move(settings), parts_.rules.take_for_batch(), now);
    batch->number = ++number_;
    std::array<char, 48> id{};
    std::snprintf(id.data(),
                  id.size(),
                  "batch_fake%012llx%08llx",
                  static_cast<unsigned long long>(begun_ms_),
                  static_cast<unsigned long long>(batch->number));
    batch->made_at_ms = now_ms();
    batch->object.id = id.data();
    batch->object.endpoint = batch->order.endpoint;
    batch->object.input_file_id = batch->order.input_file_id;
    batch->object.metadata = batch->order.metadata;
    batch->object.created_at = batch->made_at_ms / 1000;
    batch->object.expires_at = (batch->made_at_ms + batch->settings.window_ms) / 1000;
    numbers_.emplace(batch->object.id, batch->number);
    batches_.emplace(batch->number, batch);
    active_.emplace(batch->number, batch);
    return shown(*batch, false).object;
}

BatchDesk::Seen BatchDesk::shown(Batch& batch, bool is_poll) {
    batch.life.next(parts_.clock.now());
    Seen out{batch.object, batch.made_at_ms};
    BatchObject& object = out.object;
    object.status = batch.life.status();
    const auto seconds = [&batch](const std::optional<BatchLife::Moment>& moment) -> std::optional<std::int64_t> {
        if (!moment) {
            return std::nullopt;
        }
        const auto age = std::chrono::duration_cast<milliseconds>(*moment - batch.life.created());
        return (batch.made_at_ms + age.count()) / 1000;
    };
    object.in_progress_at = seconds(batch.life.moments().in_progress);
    object.finalizing_at = seconds(batch.life.moments().finalizing);
    object.cancelling_at = seconds(batch.life.moments().cancelling);
    const std::optional<std::int64_t> ended = seconds(batch.life.moments().end);
    switch (object.status) {
        case BatchStatus::failed: object.failed_at = ended; break;
        case BatchStatus::completed: object.completed_at = ended; break;
        case BatchStatus::expired: object.expired_at = ended; break;
        case BatchStatus::cancelled: object.cancelled_at = ended; break;
        default: break;
    }
    // The files are known when it is over, however early they were written.
    if (!is_over(object.status)) {
        object.output_file_id.reset();
        object.error_file_id.reset();
        return out;
    }
    batch.polls += is_poll ? 1 : 0;
    const auto is_hidden = [&batch](const BatchFault* fault) {
        return fault != nullptr && (fault->polls == 0 || batch.polls <= fault->polls);
    };
    const BatchFault* empty = find_fault(batch.faults, BatchFaultKind::empty_ids);
    for (std::optional<std::string>* id : {&object.output_file_id, &object.error_file_id}) {
        if (is_hidden(find_fault(batch.faults, BatchFaultKind::null_output))) {
            id->reset();
        }
        if (is_hidden(empty) || (empty != nullptr && !*id)) {
            *id = std::string();
        }
    }
    return out;
}

std::optional<BatchDesk::Seen> BatchDesk::find(std::string_view id, bool is_poll) {
    const std::lock_guard lock(mutex_);
    const auto number = numbers_.find(id);
    if (number == numbers_.end()) {
        return std::nullopt;
    }
    return shown(*batches_.at(number->second), is_poll);
}

BatchDesk::Cancelled BatchDesk::cancel(std::string_view id) {
    const std::lock_guard lock(mutex_);
    const auto number = numbers_.find(id);
    if (number == numbers_.end()) {
        return Cancelled::unknown;
    }
    Batch& batch = *batches_.at(number->second);
    batch.life.next(parts_.clock.now());
    const bool is_under_way = batch.life.cancel(parts_.clock.now()) || batch.life.status() == BatchStatus::cancelling;
    return is_under_way ? Cancelled::yes : Cancelled::was_over;
}

std::vector<BatchDesk::Seen> BatchDesk::list() {
    const std::lock_guard lock(mutex_);
    std::vector<Seen> out;
    out.reserve(batches_.size());
    for (auto batch = batches_.rbegin(); batch != batches_.rend(); ++batch) {
        out.push_back(shown(*batch->second, false));
    }
    return out;
}

BatchDesk::Chosen BatchDesk::choose(Step& step) {
    const std::lock_guard lock(mutex_);
    const Clock::Monotonic now = parts_.clock.now();
    for (auto entry = active_.begin(); entry != active_.end();) {
        const std::shared_ptr<Batch> batch = entry->second;
        const BatchLife::Next next = batch->life.next(now);
        if (next.step == BatchLife::Step::nothing) {
            batch->input.reset();
            batch->validator.reset();
            batch->runner.reset();
            entry = active_.erase(entry);
            continue;
        }
        if (next.step != BatchLife::Step::wait) {
            return {batch, next, batch->life.rest()};
        }
        step.due = step.due ? std::min(*step.due, next.due) : next.due;
        ++entry;
    }
    return {};
}

BatchDesk::Step BatchDesk::step() {
    const std::lock_guard work(work_mutex_);
    Step step;
    const Chosen chosen = choose(step);
    if (!chosen.batch) {
        return step;
    }
    step.has_worked = true;
    switch (chosen.next.step) {
        case BatchLife::Step::validate: validate(*chosen.batch); break;
        case BatchLife::Step::execute: execute(*chosen.batch, chosen.next.lines); break;
        case BatchLife::Step::close: close(*chosen.batch, chosen.rest); break;
        default: break;
    }
    return step;
}

BatchDesk::Step BatchDesk::settle() {
    for (;;) {
        const Step step = this->step();
        if (!step.has_worked) {
            return step;
        }
    }
}

void BatchDesk::validate(Batch& batch) {
    if (!batch.validator) {
        const std::optional<FileShelf::Stored> input = parts_.shelf.find(batch.order.input_file_id, now_ms());
        if (!input) {
            const std::lock_guard lock(mutex_);
            batch.object.errors = {{"invalid_input_file",
                                    "Cannot find file " + shorten(batch.order.input_file_id, limits::kFakeNameBytesMax) +
                                        ", or organization org-fake does not have access to it. Upload it again.",
                                    "input_file_id",
                                    std::nullopt}};
            return batch.life.validated(false, 0);
        }
        batch.input = input->bytes;
        batch.validator =
            std::make_unique<BatchValidator>(batch.input,
                                             batch.order.endpoint,
                                             batch.order.dialect,
                                             BatchValidator::Bounds{batch.settings.lines_max, batch.settings.bytes_max});
    }
    const Result<bool> is_done = batch.validator->step(Slice{});
    if (!is_done) {
        return break_down(batch, is_done.error());
    }
    if (*is_done) {
        judge(batch);
        batch.validator.reset();
    }
}

void BatchDesk::judge(Batch& batch) {
    const BatchValidator& validator = *batch.validator;
    const std::lock_guard lock(mutex_);
    BatchObject& object = batch.object;
    object.errors = validator.errors();
    if (const BatchFault* fault = find_fault(batch.faults, BatchFaultKind::invalid)) {
        object.errors.push_back(
            {fault->error_code.empty() ? "invalid_request" : fault->error_code,
             fault->message.empty() ? "This line was chosen to be invalid; take it out or correct it." : fault->message,
             "",
             fault->line});
    }
    object.model = validator.model();
    const std::int64_t max = batch.settings.enqueued_max(object.model);
    const bool is_full = max >= 0 && enqueued(object.model) + validator.prompt_tokens() > max;
    if (object.errors.empty() && (is_full || find_fault(batch.faults, BatchFaultKind::token_limit) != nullptr)) {
        object.errors.push_back(token_limit_error(object.model, std::max<std::int64_t>(max, 0)));
    }
    const bool is_good = object.errors.empty();
    object.counts.total = is_good ? validator.lines() : 0;
    batch.prompt_tokens = is_good ? validator.prompt_tokens() : 0;
    batch.life.validated(is_good, validator.lines());
}

std::int64_t BatchDesk::enqueued(std::string_view model) const {
    std::int64_t out = 0;
    for (const auto& [number, batch] : active_) {
        out += batch->object.model == model && !is_over(batch->life.status()) ? batch->prompt_tokens : 0;
    }
    return out;
}

void BatchDesk::make_runner(Batch& batch) {
    if (batch.runner) {
        return;
    }
    RunPlan plan;
    plan.batch_id = batch.object.id;
    plan.number = batch.number;
    plan.seed = parts_.seed;
    plan.endpoint = batch.order.endpoint;
    plan.dialect = batch.order.dialect;
    plan.faults = batch.faults;
    plan.window = batch.settings.shuffle ? batch.settings.shuffle_window : 0;
    plan.counts_expired = batch.settings.counts_expired;
    plan.rates = token_rates(parts_.prices, batch.object.model, batch.settings.discount);
    batch.runner = std::make_unique<BatchRunner>(
        std::move(plan), batch.input, parts_.ask, parts_.bill, [&shelf = parts_.shelf] { return shelf.begin(); });
}

void BatchDesk::execute(Batch& batch, std::int64_t until) {
    make_runner(batch);
    if (Result<void> done = batch.runner->execute(until, Slice{}); !done) {
        return break_down(batch, done.error());
    }
    const std::lock_guard lock(mutex_);
    const std::int64_t total = batch.object.counts.total;
    batch.object.counts = batch.runner->counts();
    batch.object.counts.total = total;
    batch.life.executed(batch.runner->done());
}

void BatchDesk::close(Batch& batch, BatchLife::Rest rest) {
    std::optional<std::string> output;
    std::optional<std::string> errors;
    if (batch.runner || rest != BatchLife::Rest::none) {
        make_runner(batch);
        const Result<bool> is_written = batch.runner->write_rest(rest, Slice{});
        if (!is_written) {
            return break_down(batch, is_written.error());
        }
        if (!*is_written) {
            return;
        }
        Result<BatchRunner::Files> files = batch.runner->close();
        if (!files) {
            return break_down(batch, files.error());
        }
        output = shelve(batch, std::move(files->output), "output");
        errors = shelve(batch, std::move(files->errors), "error");
    }
    const std::lock_guard lock(mutex_);
    if (batch.runner) {
        batch.object.counts.failed = batch.runner->counts().failed;
    }
    batch.object.output_file_id = std::move(output);
    batch.object.error_file_id = std::move(errors);
    batch.life.closed();
}

std::optional<std::string> BatchDesk::shelve(const Batch& batch, std::unique_ptr<Draft> draft, std::string_view kind) {
    if (!draft) {
        return std::nullopt;
    }
    FileShelf::Stored stored;
    stored.kind = kind;
    stored.made_at_ms = now_ms();
    stored.object.purpose = "batch_output";
    stored.object.file_name = batch.object.id + "_" + std::string(kind) + ".jsonl";
    stored.object.created_at = stored.made_at_ms / 1000;
    stored.object.expires_at = stored.object.created_at + batch.order.output_life_seconds;
    const Result<FileObject> put = parts_.shelf.put(std::move(draft), std::move(stored));
    return put ? std::optional(put->id) : std::nullopt;
}

void BatchDesk::break_down(Batch& batch, const Error& error) {
    const std::lock_guard lock(mutex_);
    batch.object.errors.push_back({"server_error", error.text(), "", std::nullopt});
    batch.life.fail(parts_.clock.now());
}

void BatchDesk::reset() {
    const std::lock_guard work(work_mutex_);
    const std::lock_guard lock(mutex_);
    batches_.clear();
    numbers_.clear();
    active_.clear();
    creations_.clear();
    number_ = 0;
    begun_ms_ = std::max(begun_ms_ + 1, now_ms());
}

}  // namespace eco2::fake
