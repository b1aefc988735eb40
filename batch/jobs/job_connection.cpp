#include "batch/jobs/job_connection.hpp"

#include <algorithm>
#include <chrono>

namespace eco2::batch {
namespace {

constexpr std::chrono::milliseconds kBusyTimeout{15'000};  // another process may be writing a plan in large transactions

}  // namespace

JobRow job_at(const Rows& rows, std::size_t row) {
    JobRow job;
    std::size_t column = 0;
    const auto number = [&] { return rows.number(row, column++); };
    const auto text = [&] { return rows.text(row, column++); };
    job.key = number();
    job.id = text();
    job.state = static_cast<JobState>(number());
    job.reason = text();
    job.input = text();
    job.output = text();
    job.is_requests = number() != 0;
    job.provider = text();
    job.pipeline = text();
    job.model = text();
    job.language = text();
    job.fingerprint = text();
    job.created_ns = number();
    job.ended_ns = number();
    job.deadline_ns = number();
    job.deadline_action = text();
    job.items = number();
    job.items_done = number();
    job.items_failed = number();
    job.money.estimated = number();
    job.money.booked = number();
    job.money.synchronous = number();
    job.money.cap = number();
    job.is_exported = number() != 0;
    job.is_past_deadline = number() != 0;
    job.pilot = number();
    job.input_stat = text();
    job.estimate = text();
    job.definition = text();
    job.money.reserved = number();
    return job;
}

Shard shard_at(const Rows& rows, std::size_t row) {
    Shard shard;
    std::size_t column = 0;
    const auto number = [&] { return rows.number(row, column++); };
    const auto small = [&] { return static_cast<int>(rows.number(row, column++)); };
    const auto text = [&] { return rows.text(row, column++); };
    shard.key = number();
    shard.job = number();
    shard.stage = small();
    shard.state = static_cast<ShardState>(number());
    shard.nonce = text();
    shard.model = text();
    shard.lines = number();
    shard.bytes = number();
    shard.tokens = number();
    shard.reserved = number();
    shard.booked = number();
    shard.synchronous = number();
    shard.file_sha256 = text();
    shard.input_file = text();
    shard.batch = text();
    shard.output_file = text();
    shard.error_file = text();
    shard.remote_state = text();
    shard.remote_total = number();
    shard.remote_done = number();
    shard.usage_input = number();
    shard.usage_cached = number();
    shard.usage_output = number();
    shard.unexplained = number();
    shard.output_offset = number();
    shard.error_offset = number();
    shard.fetches = small();
    shard.tries = small();
    shard.scans = small();
    shard.polls_null = small();
    shard.cancel = small();
    shard.has_stray = number() != 0;
    shard.has_twin = number() != 0;
    shard.refusals = small();
    shard.is_cleaned = number() != 0;
    shard.since_ns = number();
    shard.intent_ns = number();
    shard.next_ns = number();
    shard.trouble = text();
    return shard;
}

ItemRow item_at(const Rows& rows, std::size_t row, std::size_t column) {
    ItemRow item;
    const auto number = [&] { return rows.number(row, column++); };
    const auto text = [&] { return rows.text(row, column++); };
    item.seq = number();
    item.id = text();
    item.input = text();
    item.photo = text();
    item.state = static_cast<ItemState>(number());
    item.work = number();
    item.checkpoints = text();
    item.error = text();
    item.detail = text();
    item.retry = static_cast<RetryClass>(number());
    item.result = text();
    return item;
}

store::SqliteOptions options_of(const std::string& path) {
    return {path, kBusyTimeout};
}

/// What a line's outcome means for its request and the items that wait for it.
void JobFile::Connection::finish_line(const Shard& shard, std::int64_t work, const LineResult& result, int attempts_max) {
    using Outcome = LineResult::Outcome;
    constexpr int kExpiriesMax = 20;     // a provider that never gets to a request
    constexpr int kContentTriesMax = 2;  // what was refused for its content is refused again, mostly
    int outcome = kLineFailed;
    switch (result.outcome) {
        case Outcome::answered: outcome = kLineAnswered; break;
        case Outcome::failed: outcome = kLineFailed; break;
        case Outcome::expired: outcome = kLineExpired; break;
        case Outcome::cancelled: outcome = kLineCancelled; break;
        case Outcome::swapped: outcome = kLineSwapped; break;
    }
    set_line(outcome, static_cast<int>(result.retry), result.cost, result.digest, shard.key, result.line);
    if (result.outcome == Outcome::answered) {
        const auto& answer = result.answer;
        answer_work(static_cast<int>(answer.finish),
                    answer.usage.input_tokens,
                    answer.usage.output_tokens,
                    answer.usage.cached_input_tokens,
                    answer.usage.reasoning_tokens,
                    result.cost,
                    result.request_id,
                    answer.model,
                    answer.text,
                    work);
        wake(work);
        return;
    }
    const Rows row(session(), "SELECT attempts, expiries FROM work WHERE key = ?", work);
    const bool is_free = result.outcome == Outcome::expired || result.outcome == Outcome::cancelled ||
                         result.retry == RetryClass::limit || result.retry == RetryClass::account;
    const auto tries_max = result.retry == RetryClass::content ? std::min(attempts_max, kContentTriesMax) : attempts_max;
    const bool is_final = result.retry == RetryClass::fix_body || (!is_free && row.number(0, 0) + 1 >= tries_max) ||
                          (is_free && row.number(0, 1) + 1 >= kExpiriesMax);
    if (!is_final) {
        ready_work(is_free ? 0 : 1, is_free ? 1 : 0, work);
        return;
    }
    fail_work(1, work);
    const Rows asking(session(), "SELECT job, count(*) FROM items WHERE work = ? AND state = 1 GROUP BY job", work);
    for (std::size_t i = 0; i < asking.size(); ++i) {
        execute(session(),
                "UPDATE jobs SET items_failed = items_failed + ? WHERE key = ?",
                asking.number(i, 1),
                asking.number(i, 0));
    }
    fail_asking(result.error, result.detail, static_cast<int>(result.retry), work);
}

/// Whoever has used the answer already keeps it. Of several that refuse it the first asks again, for all of them.
bool JobFile::Connection::ask_again(std::int64_t job, std::int64_t seq, int attempts_max) {
    const Rows work(session(),
                    "SELECT w.key, w.state, w.content_attempts, w.stage, coalesce(s.job, 0) FROM items i JOIN work w ON w.key ="
                    " i.work LEFT JOIN shards s ON s.key = w.shard WHERE i.job = ? AND i.seq = ?",
                    job,
                    seq);
    if (work.empty() || work.number(0, 1) == kFailed) {
        return false;
    }
    if (work.number(0, 1) != kAnswered) {
        return true;
    }
    const bool is_again = work.number(0, 2) + 1 < attempts_max;
    if (!is_again) {
        execute(session(),
                "UPDATE work SET state = ?, content_attempts = content_attempts + 1 WHERE key = ?",
                kFailed,
                work.number(0, 0));
        return false;
    }
    execute(session(),
            "UPDATE work SET state = 0, shard = 0, content_attempts = content_attempts + 1, job = ? WHERE key = ?",
            job,
            work.number(0, 0));
    // It is open again where it was counted as answered, or a request more where another job had asked.
    execute(session(),
            work.number(0, 4) == job ? "UPDATE stages SET answered = answered - 1 WHERE job = ? AND stage = ?"
                                     : "UPDATE stages SET requests = requests + 1 WHERE job = ? AND stage = ?",
            job,
            work.number(0, 3));
    return true;
}

void JobFile::Connection::give_back(const Shard& shard) {
    execute(session(),
            "UPDATE work SET state = 0, shard = 0 WHERE state = 1 AND shard = ? AND key IN (SELECT work FROM lines WHERE shard "
            "= ?)",
            shard.key,
            shard.key);
    execute(session(),
            "UPDATE lines SET outcome = 4, retry = ? WHERE shard = ? AND outcome = 0",
            static_cast<int>(RetryClass::limit),
            shard.key);
}

}  // namespace eco2::batch
