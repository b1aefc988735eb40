#include "base/hash.hpp"
#include "base/text.hpp"
#include "batch/jobs/echo.hpp"
#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/line_file.hpp"
#include "batch/jobs/machine.hpp"
#include "batch/jobs/machine_task.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

/// From a shard's plan to its batch's end.
namespace eco2::batch {
namespace {

constexpr std::size_t kBuildRows = 48;
constexpr int kPagesMax = 200;  // of a look-up; a provider that pages for ever is no proof
constexpr int kCleanScans = 2;
constexpr int kNullPolls = 10;
constexpr int kNullPollsOfErrors = 3;  // some servers have one file for both
constexpr int kFileFailuresMax = 3;    // validations of whole files that fail in a row without naming a line
constexpr int kLineFailuresMax = 10;   // likewise, naming lines
constexpr int kTriesOfPermanent = 3;

bool is_token_limit(std::string_view code) {
    return code.find("token_limit") != std::string_view::npos;
}

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

Result<void> Machine::step(const JobRow& job, Task& task, Shard shard) {
    switch (shard.state) {
        case ShardState::planned:
        case ShardState::limited: return shard.cancel != 0 ? abandon(shard) : build(job, task, std::move(shard));
        case ShardState::built: return shard.cancel != 0 ? abandon(shard) : upload(job, task, std::move(shard));
        case ShardState::upload_intent:
        case ShardState::upload_ambiguous: return find_upload(task, std::move(shard));
        case ShardState::uploaded: return shard.cancel != 0 ? abandon(shard) : submit(job, task, std::move(shard));
        case ShardState::submit_intent:
        case ShardState::submit_ambiguous: return find_batch(job, task, std::move(shard));
        case ShardState::submitted:
        case ShardState::running:
            // In turns: a provider that does not take a cancel of a batch that is over still tells its results.
            return shard.cancel == 1 && shard.tries % 2 == 0 ? send_cancel(task, std::move(shard))
                                                             : poll(job, task, std::move(shard));
        case ShardState::downloading: return download(job, task, std::move(shard));
        case ShardState::ingesting: return ingest(job, task, std::move(shard));
        case ShardState::settled:
        case ShardState::abandoned: return clean(task, std::move(shard));
        case ShardState::vanished: break;
    }
    return abandon(shard);  // the job is cancelled, and nobody can say more
}

/// Writes the file under a temporary name first: a file of the right name is whole, and holds every line of the shard. Where
/// one of them cannot be written any more, that one ends, and the others go into another shard.
Result<void> Machine::build(const JobRow& job, Task& task, Shard shard) {
    const auto path = shard_file(shard, ".jsonl");
    LineFileWriter out(path);
    std::vector<LineResult> bad;
    const auto refuse = [&](std::int64_t line, const Error& why) {
        LineResult result;
        result.line = line;
        result.outcome = LineResult::Outcome::failed;
        result.error = why.name();
        result.detail = shorten(why.detail, 500);
        result.retry = retry_of(why);
        bad.push_back(std::move(result));
    };
    std::int64_t at = 1;
    while (at <= shard.lines) {
        auto lines = doors_.file.lines(shard.key, at, kBuildRows);
        if (!lines) {
            return lines.error();
        }
        if (lines.value().empty()) {
            break;
        }
        std::vector<JobFile::Waiting> rows;
        std::vector<std::int64_t> numbers;
        for (auto& line : lines.value()) {
            at = line.line + 1;
            if (line.item.seq > 0) {
                rows.push_back({std::move(line.item), {}});
                numbers.push_back(line.line);
            } else {
                refuse(line.line, fail(Errc::cancelled, "no item waits for this request any more"));
            }
        }
        const auto walks = walked(rows, job, task);
        for (std::size_t i = 0; i < walks.size(); ++i) {
            if (walks[i].end != ItemWalk::End::asks) {
                refuse(numbers[i], walks[i].error);
                continue;
            }
            auto request =
                settings_.has_echo ? with_echo(walks[i].request, echo_of(shard.nonce, numbers[i])) : walks[i].request;
            auto line = task.provider->encode_line(*request, custom_id_of(shard, numbers[i]));
            if (!line) {
                refuse(numbers[i], line.error());
                continue;
            }
            out.add(line.value());
        }
        fail_point("build.middle");
        if (auto kept = keep_lease(); !kept) {
            return kept;
        }
    }
    if (!bad.empty()) {
        return abandon(std::move(shard), bad);
    }
    auto written = out.commit();
    if (!written) {
        return put_off(shard, "the file of requests cannot be written: " + written.error().detail);
    }
    fail_point("build.renamed");
    go_on(shard, ShardState::built);
    shard.bytes = written.value().bytes;
    shard.file_sha256 = written.value().sha256;
    auto saved = doors_.file.save(shard);
    fail_point("build.after");
    return saved;
}

Result<void> Machine::upload(const JobRow& job, Task& task, Shard shard) {
    std::error_code ec;
    if (static_cast<std::int64_t>(std::filesystem::file_size(shard_file(shard, ".jsonl"), ec)) != shard.bytes) {
        // Somebody has tidied up, or the database came back without its files: the same rows give the same file.
        shard.state = ShardState::planned;
        return doors_.file.save(shard);
    }
    BatchAsk ask;
    ask.step = BatchStep::upload;
    ask.file_name = file_name_of(shard);
    auto request = task.provider->request(ask);
    if (!request) {
        return pause(job, request.error().detail);
    }
    shard.state = ShardState::upload_intent;
    shard.intent_ns = now_ns();
    shard.since_ns = shard.intent_ns;
    if (auto saved = doors_.file.save(shard); !saved) {
        return saved;
    }
    fail_point("upload.intent");
    auto hooks = this->hooks(shard.bytes);
    hooks.may_go_on = [inner = hooks.may_go_on](std::int64_t bytes) {
        fail_point("upload.middle");
        return inner(bytes);
    };
    const auto result = doors_.transport.upload(request.value(), shard_file(shard, ".jsonl"), hooks);
    fail_point("upload.sent");
    if (result.end == WireResult::End::not_sent) {
        shard.state = ShardState::built;
        return put_off(shard, result.detail);
    }
    if (result.end == WireResult::End::answered) {
        BatchFault fault;
        const auto reply = task.provider->read_reply(BatchStep::upload, result.status, result.headers, result.body, fault);
        if (reply && !reply->files.empty()) {
            go_on(shard, ShardState::uploaded);
            shard.input_file = reply->files.front().id;
            auto saved = doors_.file.save(shard);
            fail_point("upload.after");
            return saved;
        }
        if (fault.is_proof_of_nothing) {
            return on_refused(job, shard, fault, ShardState::built);
        }
        shard.trouble = fault.error.detail;
    } else {
        shard.trouble = result.detail;
    }
    shard.state = ShardState::upload_ambiguous;
    shard.has_stray = true;
    shard.scans = 0;
    return put_off(shard, "the upload's outcome is unclear: " + shard.trouble);
}

/// Looks for the file by its name. An upload costs nothing: where it is not found it is sent again, and a stray one is deleted
/// when the shard is cleaned up.
Result<void> Machine::find_upload(Task& task, Shard shard) {
    if (task.provider->capabilities().can_list) {
        std::string page;
        for (int pages = 0; pages < kPagesMax; ++pages) {
            BatchAsk look;
            look.step = BatchStep::list_files;
            look.page_after = page;
            const auto reply = ask(task, look, shard);
            if (!reply) {
                return {};  // put off: a look-up that fails says nothing
            }
            const auto found = std::find_if(reply->files.begin(), reply->files.end(), [&](const RemoteFile& file) {
                return file.name == file_name_of(shard) && (file.bytes < 0 || file.bytes == shard.bytes);
            });
            if (found != reply->files.end()) {
                go_on(shard, ShardState::uploaded);
                shard.input_file = found->id;
                auto saved =
                    doors_.file.save(shard, incident(shard, "adopted_file", "an upload without a reply was found by its name"));
                fail_point("reconcile.after");
                return saved;
            }
            const bool is_older = is_past(reply->files, shard);
            page = reply->next_page;
            if (page.empty() || is_older) {
                break;
            }
        }
    }
    shard.state = ShardState::built;
    shard.next_ns = 0;
    return doors_.file.save(shard,
                            incident(shard, "uploaded_again", "an upload without a reply was not found and is sent again"));
}

Result<void> Machine::submit(const JobRow& job, Task& task, Shard shard) {
    const auto& able = task.provider->capabilities();
    auto queue = doors_.file.queue(job.provider, shard.model);
    if (!queue) {
        return queue.error();
    }
    if (queue.value().next_ns > now_ns()) {
        shard.next_ns = queue.value().next_ns;
        return doors_.file.save(shard);
    }
    std::int64_t tokens_max = settings_.enqueued_tokens_max > 0 ? settings_.enqueued_tokens_max : able.enqueued_tokens_max;
    tokens_max = queue.value().tokens_max > 0 && tokens_max > 0 ? std::min(tokens_max, queue.value().tokens_max)
                                                                : std::max(tokens_max, queue.value().tokens_max);
    if (tokens_max > 0) {
        auto enqueued = enqueued_beside(shard);
        if (!enqueued) {
            return enqueued.error();
        }
        if (enqueued.value() > 0 && enqueued.value() + shard.tokens > tokens_max) {
            shard.trouble = "waits for room in the provider's queue";
            shard.next_ns = now_ns() + std::chrono::nanoseconds(settings_.poll_min).count();
            return doors_.file.save(shard);
        }
    }
    BatchAsk ask;
    ask.step = BatchStep::create;
    ask.id = shard.input_file;
    ask.tag = shard.nonce;
    ask.job = job.id;
    auto request = task.provider->request(ask);
    if (!request) {
        return pause(job, request.error().detail);
    }
    shard.state = ShardState::submit_intent;
    shard.intent_ns = now_ns();
    shard.since_ns = shard.intent_ns;
    shard.scans = 0;
    if (auto saved = doors_.file.save(shard); !saved) {
        return saved;
    }
    fail_point("submit.intent");
    bool is_ours = true;
    Transport::Hooks hooks;
    hooks.may_send = [&] {
        is_ours = owns_jobs();
        fail_point("submit.fenced");
        return is_ours;
    };
    const auto result = doors_.transport.call(request.value(), hooks);
    fail_point("submit.sent");
    if (!is_ours) {
        shard.state = ShardState::uploaded;
        (void)doors_.file.save(shard);  // refused where another process owns it: then that one looks for the batch
        return fail(Errc::cancelled,
                    "another process works on these jobs now, or this one was asked to stop; nothing was sent");
    }
    if (result.end == WireResult::End::not_sent) {
        shard.state = ShardState::uploaded;
        return put_off(shard, result.detail);
    }
    if (result.end == WireResult::End::answered) {
        BatchFault fault;
        const auto reply = task.provider->read_reply(BatchStep::create, result.status, result.headers, result.body, fault);
        if (reply && !reply->batches.empty() && !reply->batches.front().id.empty()) {
            go_on(shard, ShardState::submitted);
            shard.batch = reply->batches.front().id;
            shard.remote_state = name_of(reply->batches.front().state);
            shard.refusals = 0;
            shard.next_ns = now_ns() + std::chrono::nanoseconds(settings_.poll_min).count();
            auto saved = doors_.file.save(shard);
            fail_point("submit.after");
            return saved;
        }
        if (fault.is_proof_of_nothing) {
            return on_refused(job, shard, fault, ShardState::uploaded);
        }
        shard.trouble = fault.error.detail;
    } else {
        shard.trouble = result.detail;
    }
    // From here on the batch may exist, and cost money: it is looked for, never asked for again blindly.
    shard.state = ShardState::submit_ambiguous;
    shard.since_ns = now_ns();
    shard.tries = 0;
    return put_off(shard, "whether the batch was created is unclear: " + shard.trouble);
}

Result<void> Machine::find_batch(const JobRow& job, Task& task, Shard shard) {
    if (!task.provider->capabilities().can_list) {
        return vanish(job, std::move(shard), "whether a batch was created cannot be found out: this provider lists none");
    }
    shard.state = ShardState::submit_ambiguous;
    std::string page;
    bool is_whole = false;
    for (int pages = 0; pages < kPagesMax && !is_whole; ++pages) {
        BatchAsk look;
        look.step = BatchStep::list;
        look.page_after = page;
        BatchFault fault;
        const auto reply = ask(task, look, shard, &fault);
        if (!reply) {
            const bool has_none = fault.http_status == 404 || fault.http_status == 405 || fault.http_status == 501;
            if (has_none && shard.cancel == 0) {
                return vanish(
                    job, std::move(shard), "whether a batch was created cannot be found out: this provider lists none");
            }
            if (has_none || (shard.cancel != 0 && shard.tries >= kTriesOfPermanent)) {
                if (auto noted = doors_.file.note(incident(shard, "orphan", "a batch may be there that cannot be found"));
                    !noted) {
                    return noted;
                }
                return abandon(std::move(shard));
            }
            return {};
        }
        // By its tag, or by the file that is nobody else's: some servers drop the one, none the other.
        const auto found = std::find_if(reply->batches.begin(), reply->batches.end(), [&](const RemoteBatch& batch) {
            return batch.tag == shard.nonce || (!shard.input_file.empty() && batch.input_file == shard.input_file);
        });
        if (found != reply->batches.end()) {
            go_on(shard, ShardState::submitted);
            shard.batch = found->id;
            shard.remote_state = name_of(found->state);
            auto saved =
                doors_.file.save(shard, incident(shard, "adopted", "a batch whose creation got no reply was found by its tag"));
            fail_point("reconcile.after");
            return saved;
        }
        const bool is_older = is_past(reply->batches, shard);
        page = reply->next_page;
        is_whole = page.empty() || is_older;
    }
    const auto grace = std::chrono::nanoseconds(settings_.visibility_grace).count();
    const auto now = now_ns();
    // Since the exchange ended, not since it began: the provider may have acted in its last moment. A clock that was set back
    // makes it count anew.
    shard.since_ns = std::min(shard.since_ns, now);
    if (is_whole && now - shard.since_ns >= grace) {
        ++shard.scans;
    }
    if (shard.scans >= kCleanScans) {
        go_on(shard, ShardState::uploaded);
        shard.has_twin = true;
        return doors_.file.save(
            shard,
            incident(
                shard, "created_again", "a batch whose creation got no reply is not there after the grace: it is created now"));
    }
    const auto wait = std::clamp(std::chrono::nanoseconds(settings_.visibility_grace).count() / 4,
                                 std::int64_t{100'000'000},
                                 std::chrono::nanoseconds(settings_.poll_min).count());
    shard.trouble = "looking for a batch whose creation got no reply";
    shard.tries = 0;
    shard.next_ns = now + std::max(wait, std::int64_t{50'000'000});
    return doors_.file.save(shard);
}

/// The answer to a step that may be repeated, or none: the shard is put off then, and saved.
std::optional<BatchReply> Machine::ask(Task& task, const BatchAsk& ask, Shard& shard, BatchFault* told) {
    BatchFault fault;
    std::string trouble;
    auto request = task.provider->request(ask);
    if (request) {
        const auto result = doors_.transport.call(request.value(), hooks());
        if (result.end == WireResult::End::answered) {
            auto reply = task.provider->read_reply(ask.step, result.status, result.headers, result.body, fault);
            if (reply) {
                return reply;
            }
            trouble = fault.error.text();
        } else {
            trouble = result.detail;
        }
    } else {
        trouble = request.error().detail;
    }
    if (told != nullptr) {
        *told = fault;
        if (fault.http_status == 404) {
            return std::nullopt;  // the caller's to judge
        }
    }
    if (auto saved = put_off(shard, trouble, fault.retry_after_ms); !saved) {
        unsaved_ = saved.error();  // or the provider would be asked again at once, for as long as the disk is full
    }
    return std::nullopt;
}

/// A step that the provider has refused, provably without doing anything.
Result<void> Machine::on_refused(const JobRow& job, Shard& shard, const BatchFault& fault, ShardState back_to) {
    shard.state = back_to;
    if (fault.fault == FaultClass::key_fault) {
        shard.next_ns = 0;
        shard.trouble = fault.error.detail;
        if (auto saved = doors_.file.save(shard); !saved) {
            return saved;
        }
        return pause(job,
                     "the provider does not accept the key or its credit: " + fault.error.detail + "; mend it and run again");
    }
    if (is_token_limit(fault.code)) {
        auto queue = doors_.file.queue(job.provider, shard.model);
        if (!queue) {
            return queue.error();
        }
        queue.value().next_ns = now_ns() + std::chrono::nanoseconds(settings_.retry_max).count();
        ++queue.value().refusals;
        if (auto set = doors_.file.set_queue(job.provider, shard.model, queue.value()); !set) {
            return set;
        }
        return put_off(shard, fault.error.detail, fault.retry_after_ms);
    }
    const bool is_passing = fault.fault == FaultClass::limited || fault.fault == FaultClass::overloaded ||
                            fault.fault == FaultClass::provider_fault;
    if (is_passing) {
        return put_off(shard, fault.error.detail, fault.retry_after_ms);
    }
    // The file may have gone at the provider: it is sent anew, once, before the job stops.
    if (back_to == ShardState::uploaded && shard.refusals++ == 0) {
        shard.state = ShardState::built;
        shard.input_file.clear();
        shard.has_stray = true;
        return put_off(shard, fault.error.detail);
    }
    shard.trouble = fault.error.detail;
    shard.next_ns = 0;
    if (auto saved = doors_.file.save(shard); !saved) {
        return saved;
    }
    return pause(job, "the provider refuses the batch: " + fault.error.detail);
}

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

/// Prompt tokens of the other batches of its model that the provider has in its queue.
Result<std::int64_t> Machine::enqueued_beside(const Shard& shard) {
    auto active = doors_.file.active_shards();
    if (!active) {
        return active.error();
    }
    std::int64_t enqueued = 0;
    for (const auto& other : active.value()) {
        const bool counts = other.state == ShardState::submit_ambiguous || other.state == ShardState::submitted ||
                            other.state == ShardState::running;
        enqueued += counts && other.model == shard.model && other.key != shard.key ? other.tokens : 0;
    }
    return enqueued;
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
