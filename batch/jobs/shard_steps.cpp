#include "base/text.hpp"
#include "batch/jobs/echo.hpp"
#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/line_file.hpp"
#include "batch/jobs/machine.hpp"
#include "batch/jobs/machine_task.hpp"

#include <algorithm>
#include <utility>

/// From a shard of requests to a batch that is created.
namespace eco2::batch {
namespace {

constexpr std::size_t kBuildRows = 48;

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

}  // namespace eco2::batch
