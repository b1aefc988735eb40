#include "base/text.hpp"
#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/machine.hpp"
#include "batch/jobs/machine_task.hpp"

#include <algorithm>
#include <utility>

/// A batch under way, until it is over.
namespace eco2::batch {
namespace {

constexpr int kNullPolls = 10;
constexpr int kNullPollsOfErrors = 3;  // some servers have one file for both
constexpr int kFileFailuresMax = 3;    // validations of whole files that fail in a row without naming a line
constexpr int kLineFailuresMax = 10;   // likewise, naming lines

/// "... Limit: 90,000 enqueued tokens ...": 90000. 0: it does not say.
std::int64_t limit_in(std::string_view message) {
    const auto word = message.find("imit: ");
    std::int64_t number = 0;
    for (auto at = word == std::string_view::npos ? message.size() : word + 6; at < message.size(); ++at) {
        const char letter = message[at];
        if (letter >= '0' && letter <= '9' && number < 1'000'000'000'000) {
            number = number * 10 + (letter - '0');
        } else if (letter != ',') {
            break;
        }
    }
    return number;
}

std::string words_of(const std::vector<RemoteBatch::Fault>& faults) {
    if (faults.empty()) {
        return "the provider gives no reason";
    }
    const auto& first = faults.front();
    return first.code + ": " + first.message + (first.line > 0 ? " (line " + std::to_string(first.line) + ")" : "");
}

}  // namespace

Result<void> Machine::send_cancel(Task& task, Shard shard) {
    if (!task.provider->capabilities().can_cancel) {
        shard.cancel = 2;
        return doors_.file.save(shard);
    }
    BatchAsk call;
    call.step = BatchStep::cancel;
    call.id = shard.batch;
    BatchFault fault;
    const auto reply = ask(task, call, shard, &fault);
    fail_point("cancel.sent");
    // A batch that is over, or gone, cannot be cancelled: the next poll says so.
    constexpr int kOver[] = {400, 404, 409, 410, 422};
    if (!reply && std::find(std::begin(kOver), std::end(kOver), fault.http_status) == std::end(kOver)) {
        return {};
    }
    shard.cancel = 2;
    shard.tries = 0;
    shard.next_ns = 0;
    return doors_.file.save(shard);
}

Result<void> Machine::poll(const JobRow& job, Task& task, Shard shard) {
    BatchAsk call;
    call.step = BatchStep::retrieve;
    call.id = shard.batch;
    BatchFault fault;
    const auto reply = ask(task, call, shard, &fault);
    const auto now = now_ns();
    if (!reply) {
        if (fault.http_status != 404) {
            return {};
        }
        if (++shard.scans == 1) {
            shard.since_ns = now;  // the grace is of this silence, not of the batch's life
            shard.tries = 0;
        }
        if (shard.scans >= kCleanScans &&
            now - shard.since_ns >= std::chrono::nanoseconds(settings_.visibility_grace).count()) {
            return vanish(job, std::move(shard), "the provider does not know the batch " + shard.batch + " any more");
        }
        return put_off(shard, "the provider does not know the batch yet");
    }
    if (reply->batches.empty()) {
        return put_off(shard, "the provider's answer holds no batch");
    }
    const auto& batch = reply->batches.front();
    const bool has_changed = name_of(batch.state) != shard.remote_state || batch.completed + batch.failed != shard.remote_done;
    if (shard.scans != 0 || has_changed || shard.state == ShardState::submitted) {
        shard.since_ns = now;
    }
    if (shard.remote_total <= 0 && batch.total > 0) {
        task.validation_failures = 0;
        if (auto noted = note_accepted(job, shard); !noted) {
            return noted;
        }
    }
    shard.state = ShardState::running;
    shard.scans = 0;
    shard.remote_state = name_of(batch.state);
    shard.remote_total = std::max<std::int64_t>(batch.total, 0);
    shard.remote_done = batch.completed + batch.failed;
    shard.usage_input = batch.usage.input_tokens;
    shard.usage_cached = batch.usage.cached_input_tokens;
    shard.usage_output = batch.usage.output_tokens;
    shard.trouble.clear();
    fail_point("poll.after");
    if (batch.is_terminal()) {
        return on_terminal(job, task, std::move(shard), batch);
    }
    shard.tries = has_changed ? 0 : shard.tries + 1;
    const auto wait = std::min(settings_.poll_max, settings_.poll_min * (2 + std::min(shard.tries, 62)) / 2);
    shard.next_ns = now + std::chrono::nanoseconds(wait).count();
    return doors_.file.save(shard);
}

/// A batch has passed validation: what was learned about the queue in a bad hour is corrected by what fits now.
Result<void> Machine::note_accepted(const JobRow& job, const Shard& shard) {
    auto queue = doors_.file.queue(job.provider, shard.model);
    if (!queue) {
        return queue.error();
    }
    auto& learned = queue.value();
    if (learned.tokens_max == 0) {
        return {};
    }
    auto enqueued = enqueued_beside(shard);
    if (!enqueued) {
        return enqueued.error();
    }
    const auto fits = enqueued.value() + shard.tokens;
    // A limit that holds is tried again seldom: a refusal costs no money, but a validation's time.
    const bool is_old = now_ns() - learned.next_ns >= 2 * std::chrono::nanoseconds(settings_.poll_max).count();
    if (fits <= learned.tokens_max && (!is_old || fits < learned.tokens_max / 3)) {
        return {};
    }
    learned.tokens_max = 3 * fits;  // more than one request, where that was one
    learned.refusals = 0;
    return doors_.file.set_queue(job.provider, shard.model, learned);
}

Result<void> Machine::on_terminal(const JobRow& job, Task& task, Shard shard, const RemoteBatch& batch) {
    if (batch.state == RemoteBatch::State::failed && batch.output_file.empty() && batch.error_file.empty()) {
        return on_invalid(job, task, std::move(shard), batch);
    }
    shard.output_file = batch.output_file;
    shard.error_file = batch.error_file;
    // Providers have been seen to say "completed" a moment before they name the files.
    const bool misses_output = batch.completed > 0 && batch.output_file.empty();
    const bool misses_all = batch.output_file.empty() && batch.error_file.empty() && batch.total != 0 &&
                            batch.state == RemoteBatch::State::completed;
    const bool misses_errors = batch.failed > 0 && batch.error_file.empty() && batch.state == RemoteBatch::State::completed;
    const bool has_waited = shard.polls_null >= kNullPolls &&
                            now_ns() - shard.since_ns >= std::chrono::nanoseconds(settings_.visibility_grace).count();
    if (((misses_output || misses_all) && !has_waited) || (misses_errors && shard.polls_null < kNullPollsOfErrors)) {
        ++shard.polls_null;
        shard.trouble = "the batch is over, but its files are not named yet";
        shard.next_ns = now_ns() + std::chrono::nanoseconds(settings_.poll_min).count();
        return doors_.file.save(shard);
    }
    // What was done is paid for: it is not asked for again because its file is late.
    if ((misses_output || misses_all) && shard.cancel == 0) {
        return vanish(job,
                      std::move(shard),
                      "batch " + shard.batch + " is over with " + std::to_string(std::max<std::int64_t>(batch.completed, 0)) +
                          " answers, but names no file for them");
    }
    go_on(shard, ShardState::downloading);
    return doors_.file.save(shard);
}

/// Nothing was run and nothing billed: the file was refused as a whole.
Result<void> Machine::on_invalid(const JobRow& job, Task& task, Shard shard, const RemoteBatch& batch) {
    const auto now = now_ns();
    shard.state = ShardState::settled;
    shard.reserved = 0;
    shard.since_ns = now;
    shard.next_ns = 0;
    shard.trouble = words_of(batch.faults);
    const auto limit = std::find_if(
        batch.faults.begin(), batch.faults.end(), [](const RemoteBatch::Fault& fault) { return is_token_limit(fault.code); });
    if (limit != batch.faults.end()) {
        auto queue = doors_.file.queue(job.provider, shard.model);
        auto enqueued = queue ? enqueued_beside(shard) : queue.error();
        if (!enqueued) {
            return enqueued.error();
        }
        // Alone in the queue and still too much: half of it, next time.
        auto& learned = queue.value();
        const auto told = limit_in(limit->message);
        const auto beside = enqueued.value();
        const auto fits = told > 0 && told < beside + shard.tokens ? told
                          : beside > 0                             ? beside + shard.tokens - 1
                                                                   : std::max<std::int64_t>(shard.tokens / 2, 1);
        learned.tokens_max = learned.tokens_max > 0 ? std::min(learned.tokens_max, fits) : fits;
        learned.next_ns =
            now + std::chrono::nanoseconds(back_off(settings_.retry_base, settings_.poll_max, learned.refusals, 0)).count();
        ++learned.refusals;
        if (auto set = doors_.file.set_queue(job.provider, shard.model, learned); !set) {
            return set;
        }
        if (auto noted = doors_.file.note(incident(shard, "queue_limit", shard.trouble)); !noted) {
            return noted;
        }
        return doors_.file.give_back(shard);
    }
    if (auto noted = doors_.file.note(incident(shard, "invalid", shard.trouble)); !noted) {
        return noted;
    }
    const bool is_money = std::any_of(batch.faults.begin(), batch.faults.end(), [](const RemoteBatch::Fault& fault) {
        return fault.code.find("billing") != std::string::npos || fault.code.find("insufficient_quota") != std::string::npos;
    });
    if (is_money) {
        if (auto paused = pause(job, "the provider asks for money: " + shard.trouble + "; mend it and run again"); !paused) {
            return paused;
        }
        return doors_.file.give_back(shard);
    }
    std::vector<LineResult> bad;
    for (const auto& fault : batch.faults) {
        if (fault.line <= 0 || fault.line > shard.lines) {
            continue;
        }
        LineResult result;
        result.line = fault.line;
        result.outcome = LineResult::Outcome::failed;
        result.error = info(Errc::provider_rejected).name;
        result.detail = shorten(fault.code + ": " + fault.message, 500);
        result.retry = RetryClass::fix_body;
        bad.push_back(std::move(result));
    }
    // Each further file costs a validation of minutes: a provider that finds one fault after another is not fed for ever.
    const bool is_enough = ++task.validation_failures >= (bad.empty() ? kFileFailuresMax : kLineFailuresMax);
    if (is_enough) {
        task.validation_failures = 0;
        if (auto paused = pause(job,
                                "the provider refuses one file of requests after the other: " + shard.trouble +
                                    "; mend the items, or run again to go on");
            !paused) {
            return paused;
        }
    }
    return doors_.file.give_back(shard, bad);
}

}  // namespace eco2::batch
