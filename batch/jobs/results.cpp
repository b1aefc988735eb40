#include "base/hash.hpp"
#include "base/text.hpp"
#include "batch/jobs/echo.hpp"
#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/line_file.hpp"
#include "batch/jobs/machine.hpp"
#include "batch/jobs/machine_task.hpp"

#include <algorithm>
#include <utility>

/// From a batch's end to settled requests.
namespace eco2::batch {
namespace {

constexpr std::size_t kIngestLines = 1'000;
constexpr std::size_t kIngestBytes = 16 * 1024 * 1024;
constexpr int kFetchesMax = 6;  // of files that are shorter than they should be

RetryClass class_of(const BatchAnswer& answer) {
    switch (answer.error.fault) {
        case FaultClass::key_fault: return RetryClass::account;
        case FaultClass::limited:
        case FaultClass::overloaded:
        case FaultClass::provider_fault: return RetryClass::transient;
        case FaultClass::content_policy: return RetryClass::content;
        case FaultClass::caller_fault:
        case FaultClass::context_length:
        case FaultClass::none: break;
    }
    return answer.error.is_retryable ? RetryClass::transient : RetryClass::fix_body;
}

}  // namespace

Result<void> Machine::download(const JobRow&, Task& task, Shard shard) {
    const std::pair<std::string, std::string_view> files[] = {{shard.output_file, ".out"}, {shard.error_file, ".err"}};
    for (const auto& [id, ending] : files) {
        if (id.empty()) {
            continue;
        }
        BatchAsk ask;
        ask.step = BatchStep::download;
        ask.id = id;
        auto request = task.provider->request(ask);
        if (!request) {
            return put_off(shard, request.error().detail);
        }
        auto hooks = this->hooks(shard.bytes);
        hooks.may_go_on = [inner = hooks.may_go_on](std::int64_t bytes) {
            fail_point("download.middle");
            return inner(bytes);
        };
        const auto path = shard_file(shard, ending);
        const auto result = doors_.transport.download(request.value(), path, hooks);
        if (result.end == WireResult::End::answered && (result.status == 200 || result.status == 206)) {
            continue;
        }
        BatchFault fault;
        std::string trouble = result.detail;
        if (result.end == WireResult::End::answered) {
            (void)task.provider->read_reply(BatchStep::download, result.status, result.headers, result.body, fault);
            trouble = fault.error.detail.empty() ? "HTTP status " + std::to_string(result.status) : fault.error.detail;
            if (result.status == 416) {
                std::error_code ec;  // ours is longer than the provider's: it is of something else
                std::filesystem::remove(path, ec);
            }
            const bool is_gone = result.status == 404 || result.status == 410;
            if (is_gone && now_ns() - shard.since_ns >= std::chrono::nanoseconds(settings_.visibility_grace).count() &&
                shard.tries >= 5) {
                if (auto noted =
                        doors_.file.note(incident(shard, "results_gone", "the file " + id + " is not there: " + trouble));
                    !noted) {
                    return noted;
                }
                continue;  // its lines are missing, and asked for again
            }
        }
        return put_off(shard, "the results cannot be fetched: " + trouble, fault.retry_after_ms);
    }
    fail_point("download.after");
    go_on(shard, ShardState::ingesting);
    return doors_.file.save(shard);
}

LineResult Machine::line_result(const Task& task,
                                const Shard& shard,
                                std::int64_t line,
                                BatchAnswer answer,
                                std::string_view bytes,
                                std::vector<Incident>& incidents) const {
    LineResult result;
    result.line = line;
    result.request_id = shorten(answer.request_id, 100);
    result.digest = sha256_hex(bytes).substr(0, 16);
    switch (answer.outcome) {
        case BatchAnswer::Outcome::expired: result.outcome = LineResult::Outcome::expired; break;
        case BatchAnswer::Outcome::cancelled: result.outcome = LineResult::Outcome::cancelled; break;
        case BatchAnswer::Outcome::failed: result.outcome = LineResult::Outcome::failed; break;
        case BatchAnswer::Outcome::answered: result.outcome = LineResult::Outcome::answered; break;
    }
    // What the provider reports as used it bills, also where the answer is of no use.
    const bool has_usage = answer.usage.input_tokens >= 0 || answer.usage.output_tokens >= 0;
    if (has_usage && result.outcome != LineResult::Outcome::expired && result.outcome != LineResult::Outcome::cancelled) {
        const auto& model = answer.model.empty() ? shard.model : answer.model;
        const auto& priced = task.pricing->is_priced(model) ? model : shard.model;
        result.cost = task.pricing->batch(priced, answer.usage);
        result.synchronous = task.pricing->synchronous(priced, answer.usage);
    }
    if (!has_usage && result.outcome == LineResult::Outcome::answered) {
        // Not told is not free: about what was reserved for it, and somebody should know.
        Usage about;
        about.input_tokens = shard.lines > 0 ? shard.tokens / shard.lines : 0;
        about.output_tokens = static_cast<std::int64_t>(answer.text.size()) / 3 + 1;
        result.cost = task.pricing->batch(shard.model, about);
        result.synchronous = task.pricing->synchronous(shard.model, about);
        if (std::none_of(incidents.begin(), incidents.end(), [](const Incident& known) { return known.kind == "no_usage"; })) {
            incidents.push_back(incident(shard, "no_usage", "answers without usage are booked by estimate"));
        }
    }
    if (answer.outcome != BatchAnswer::Outcome::answered) {
        result.error = answer.error.error.name();
        result.detail = shorten(answer.error.error.detail, 500);
        result.retry = answer.outcome == BatchAnswer::Outcome::failed ? class_of(answer) : RetryClass::expired;
        return result;
    }
    std::string text = task.steps->pipeline() == nullptr ? std::move(answer.body_json) : std::move(answer.text);
    switch (task.steps->pipeline() != nullptr && settings_.has_echo ? take_echo(text, echo_of(shard.nonce, line))
                                                                    : EchoFound::missing) {
        case EchoFound::fits: result.is_verified = true; break;
        case EchoFound::missing: break;
        case EchoFound::foreign:
            result.outcome = LineResult::Outcome::swapped;
            result.error = info(Errc::provider_bad_answer).name;
            result.detail = "the answer belongs to another request";
            result.retry = RetryClass::transient;
            incidents.push_back(
                incident(shard, "swapped", "line " + std::to_string(line) + " carries another line's echo token"));
            return result;
    }
    result.answer.text = std::move(text);
    result.answer.finish = answer.finish;
    result.answer.model = shorten(answer.model, 120);
    result.answer.usage = answer.usage;
    return result;
}

Result<void> Machine::ingest(const JobRow& job, Task& task, Shard shard) {
    Shard as_it_was = shard;
    std::vector<LineResult> results;
    std::vector<Incident> incidents;
    std::size_t bytes = 0;
    bool is_at_end = true;
    bool has_account_fault = false;
    std::string account_detail;
    struct Source {
        const std::string& id;
        std::string_view ending;
        std::int64_t& offset;
    } sources[] = {{shard.output_file, ".out", shard.output_offset}, {shard.error_file, ".err", shard.error_offset}};
    for (auto& source : sources) {
        const auto path = shard_file(shard, source.ending);
        std::error_code ec;
        if (source.id.empty() || !std::filesystem::exists(path, ec)) {
            continue;
        }
        auto reader = LineFileReader::open(path, source.offset);
        if (!reader) {
            return put_off(as_it_was, reader.error().detail);
        }
        LineFileReader::Line line;
        for (;;) {
            if (results.size() >= kIngestLines || bytes >= kIngestBytes) {
                is_at_end = false;
                break;
            }
            auto more = reader.value()->next(line);
            if (!more) {
                return put_off(as_it_was, more.error().detail);
            }
            if (!more.value()) {
                break;
            }
            source.offset = line.next;
            if (trim(line.text).empty()) {
                continue;
            }
            bytes += line.text.size();
            auto answer = line.is_too_long
                              ? Result<BatchAnswer>(fail(Errc::provider_bad_answer, "a line of the results is too long"))
                              : task.provider->read_line(line.text);
            if (!answer) {
                // A line that is cut off is missing, and fetched again; any other one is evidence.
                incidents.push_back(incident(
                    shard, line.is_cut ? "cut_line" : "unreadable", answer.error().detail + ": " + shorten(line.text, 80)));
                continue;
            }
            if (answer.value().custom_id.empty()) {
                incidents.push_back(
                    incident(shard, "no_id", "a line without custom_id is nobody's: " + shorten(line.text, 80)));
                continue;
            }
            const auto number = line_of(shard, answer.value().custom_id);
            if (number == 0) {
                incidents.push_back(
                    incident(shard, "unknown_id", "nobody sent \"" + shorten(answer.value().custom_id, 80) + "\""));
                continue;
            }
            auto result = line_result(task, shard, number, std::move(answer.value()), line.text, incidents);
            if (result.retry == RetryClass::account) {
                has_account_fault = true;
                account_detail = result.detail;
            }
            results.push_back(std::move(result));
        }
        if (!is_at_end) {
            break;
        }
    }
    if (shard.fetches > 0) {
        // What is fetched again holds the same oddities again.
        std::erase_if(incidents, [](const Incident& known) { return known.kind != "swapped"; });
    }
    if (!results.empty() || !incidents.empty()) {
        if (auto ingested = doors_.file.ingest(shard, results, incidents, settings_.attempts); !ingested) {
            return ingested;
        }
        fail_point("ingest.after");
        if (has_account_fault) {
            return pause(job,
                         "the provider does not accept the key or its credit: " + account_detail + "; mend it and run again");
        }
    }
    if (!is_at_end) {
        return {};
    }
    // The sums have grown in the file: what is saved next must not undo that.
    auto current = doors_.file.active_shards();
    if (!current) {
        return current.error();
    }
    const auto found = std::find_if(
        current.value().begin(), current.value().end(), [&](const Shard& other) { return other.key == shard.key; });
    return found == current.value().end() ? Result<void>() : settle(job, task, *found);
}

/// Every line gets its end: the sums of sent and settled lines are equal from here on.
Result<void> Machine::settle(const JobRow&, Task& task, Shard shard) {
    auto open = doors_.file.open_lines(shard.key);
    if (!open) {
        return open.error();
    }
    // What the provider counts as done is paid for: as long as its lines are missing, the files are fetched again, later and
    // later, before those requests alone are asked again.
    const bool has_files = !shard.output_file.empty() || !shard.error_file.empty();
    const bool is_paid = shard.remote_done > shard.lines - open.value();
    std::error_code ec;
    if (open.value() > 0 && has_files && (is_paid || shard.remote_state == "completed") && shard.fetches < kFetchesMax &&
        (is_paid || shard.fetches == 0)) {
        for (const auto* ending : {".out", ".err"}) {
            std::filesystem::remove(shard_file(shard, ending), ec);
        }
        const bool is_first = shard.fetches++ == 0;
        shard.output_offset = 0;
        shard.error_offset = 0;
        shard.state = ShardState::downloading;
        shard.tries = shard.fetches - 1;
        const auto what = std::to_string(open.value()) + " lines have no result; the files are fetched again";
        if (is_first) {
            if (auto noted = doors_.file.note(incident(shard, "missing", what)); !noted) {
                return noted;
            }
        }
        return put_off(shard, what, is_first ? 0 : -1);
    }
    LineResult rest;
    if (shard.remote_state == "cancelled") {
        rest.outcome = LineResult::Outcome::cancelled;
        rest.retry = RetryClass::expired;
        rest.error = info(Errc::cancelled).name;
        rest.detail = "the batch was cancelled before this request was run";
    } else if (shard.remote_state == "expired") {
        rest.outcome = LineResult::Outcome::expired;
        rest.retry = RetryClass::expired;
        rest.error = info(Errc::deadline_exceeded).name;
        rest.detail = "the batch's window was over before this request was run";
    } else {
        rest.outcome = LineResult::Outcome::failed;
        rest.retry = RetryClass::transient;
        rest.error = info(Errc::provider_bad_answer).name;
        rest.detail = "the batch is over, but its files hold no result for this request";
        if (open.value() > 0) {
            if (auto noted = doors_.file.note(incident(shard, "lost", std::to_string(open.value()) + " lines never came"));
                !noted) {
                return noted;
            }
        }
    }
    if (shard.usage_input >= 0 && shard.usage_output >= 0) {
        Usage told;
        told.input_tokens = shard.usage_input;
        told.cached_input_tokens = shard.usage_cached;
        told.output_tokens = shard.usage_output;
        shard.unexplained = task.pricing->batch(shard.model, told) - shard.booked;
    }
    shard.state = ShardState::settled;
    shard.reserved = 0;
    shard.next_ns = 0;
    shard.tries = 0;
    shard.since_ns = now_ns();
    shard.is_cleaned = !settings_.cleans_up || !task.provider->capabilities().can_delete_files;
    if (auto settled = doors_.file.settle(shard, rest, settings_.attempts); !settled) {
        return settled;
    }
    fail_point("settle.after");
    for (const auto* ending : {".out", ".err", ".jsonl"}) {
        std::filesystem::remove(shard_file(shard, ending), ec);
    }
    return {};
}

/// Nothing of a settled shard stays with the provider, strays of unclear uploads included.
Result<void> Machine::clean(Task& task, Shard shard) {
    std::error_code ec;
    for (const auto* ending : {".out", ".err", ".jsonl"}) {
        std::filesystem::remove(shard_file(shard, ending), ec);
    }
    if (!settings_.cleans_up || !task.provider->capabilities().can_delete_files) {
        shard.is_cleaned = true;
        return doors_.file.save(shard);
    }
    const auto give_up = [&](const std::string& id) -> Result<void> {
        shard.is_cleaned = true;
        return doors_.file.save(
            shard, incident(shard, "left_behind", "the provider keeps a file of ours: " + id + "; " + shard.trouble));
    };
    const auto remove = [&](const std::string& id) {
        BatchAsk call;
        call.step = BatchStep::delete_file;
        call.id = id;
        BatchFault fault;
        const auto reply = ask(task, call, shard, &fault);
        fail_point("cleanup.middle");
        return reply.has_value() || fault.http_status == 404;
    };
    for (auto* id : {&shard.input_file, &shard.output_file, &shard.error_file}) {
        if (id->empty()) {
            continue;
        }
        if (!remove(*id)) {
            return shard.tries >= kCleanTries ? give_up(*id) : Result<void>();
        }
        id->clear();
    }
    if (shard.has_stray && task.provider->capabilities().can_list) {
        std::string page;
        for (int pages = 0; pages < 20; ++pages) {
            BatchAsk look;
            look.step = BatchStep::list_files;
            look.page_after = page;
            const auto reply = ask(task, look, shard);
            if (!reply) {
                return shard.tries >= kCleanTries ? give_up(file_name_of(shard)) : Result<void>();
            }
            for (const auto& file : reply->files) {
                if (file.name == file_name_of(shard) && !remove(file.id)) {
                    return shard.tries >= kCleanTries ? give_up(file.id) : Result<void>();
                }
            }
            const bool is_older = is_past(reply->files, shard, 86'400);  // earlier intents of its upload too
            page = reply->next_page;
            if (page.empty() || is_older) {
                break;
            }
        }
    }
    if (shard.has_twin) {
        return find_twin(task, std::move(shard));
    }
    shard.is_cleaned = true;
    shard.next_ns = 0;
    return doors_.file.save(shard);
}

}  // namespace eco2::batch
