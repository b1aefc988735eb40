#include "batch/jobs/job_connection.hpp"

#include <algorithm>
#include <map>
#include <utility>

/// Items, and the requests that they wait for.
namespace eco2::batch {

Result<std::vector<JobFile::Waiting>> JobFile::waiting(std::int64_t job, std::size_t rows_max) {
    return with([&](Connection& open) -> Result<std::vector<Waiting>> {
        const auto count = rows_within(kBytesOfRows,
                                       open.session(),
                                       "SELECT length(i.input) + length(i.checkpoints) + coalesce(length(w.answer), 0) FROM "
                                       "items i INDEXED BY items_waiting LEFT JOIN work w ON"
                                       " w.key = i.work AND i.work <> 0 WHERE i.job = ? AND i.state = 0 ORDER BY i.seq LIMIT ?",
                                       job,
                                       static_cast<std::int64_t>(rows_max));
        const Rows rows(
            open.session(),
            "SELECT i.seq, i.id, i.input, i.photo, i.state, i.work, i.checkpoints, i.error, i.detail, i.retry, i.result,"
            " coalesce(w.state, -1), coalesce(w.finish, 0), coalesce(w.model, ''), coalesce(w.input_tokens, -1),"
            " coalesce(w.output_tokens, -1), coalesce(w.cached_tokens, -1), coalesce(w.reasoning_tokens, -1),"
            " coalesce(w.answer, '') FROM items i INDEXED BY items_waiting LEFT JOIN work w ON w.key = i.work AND i.work <> 0"
            " WHERE i.job = ? AND i.state = 0 ORDER BY i.seq LIMIT ?",
            job,
            count);
        std::vector<Waiting> waiting(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            waiting[i].item = item_at(rows, i);
            if (rows.number(i, 11) == kAnswered) {
                WorkAnswer answer;
                answer.finish = static_cast<FinishReason>(rows.number(i, 12));
                answer.model = rows.text(i, 13);
                answer.usage.input_tokens = rows.number(i, 14);
                answer.usage.output_tokens = rows.number(i, 15);
                answer.usage.cached_input_tokens = rows.number(i, 16);
                answer.usage.reasoning_tokens = rows.number(i, 17);
                answer.text = rows.text(i, 18);
                waiting[i].answer = std::move(answer);
            }
        }
        return waiting;
    });
}

Result<void> JobFile::apply(std::int64_t job, const std::vector<WalkOutcome>& outcomes, int content_attempts) {
    using End = WalkOutcome::End;
    return write([&](Connection& open) -> Result<void> {
        std::int64_t done = 0;
        std::int64_t failed = 0;
        std::int64_t cost = 0;
        std::int64_t synchronous = 0;
        std::map<int, std::int64_t> asked;
        for (const auto& outcome : outcomes) {
            cost += outcome.cost;
            synchronous += outcome.synchronous;
            End end = outcome.end;
            if (end == End::refused) {
                if (open.ask_again(job, outcome.seq, content_attempts)) {
                    execute(open.session(), "UPDATE items SET state = 1 WHERE job = ? AND seq = ?", job, outcome.seq);
                    continue;
                }
                end = End::failed;
            }
            if (end == End::asks) {
                open.pass_work(job, outcome.seq);
                const auto added = open.add_work(outcome.hash,
                                                 job,
                                                 outcome.seq,
                                                 outcome.work.stage,
                                                 outcome.work.tokens,
                                                 outcome.work.tokens_expected,
                                                 outcome.work.output_max,
                                                 outcome.work.bytes);
                open.ask(outcome.checkpoints, outcome.hash, job, outcome.seq);
                if (added != 0) {
                    ++asked[outcome.work.stage];
                } else {
                    const auto [known, state] = *open.find_work(outcome.hash);
                    if (state == kAnswered) {
                        execute(open.session(), "UPDATE items SET state = 0 WHERE job = ? AND seq = ?", job, outcome.seq);
                    } else if (state == kFailed) {
                        execute(
                            open.session(),
                            "UPDATE work SET state = 0, attempts = 0, content_attempts = 0, expiries = 0, shard = 0, job = ?"
                            " WHERE key = ?",
                            job,
                            known);
                        ++asked[outcome.work.stage];
                    }
                }
                continue;
            }
            done += end == End::done ? 1 : 0;
            failed += end == End::failed ? 1 : 0;
            open.end_item(static_cast<int>(end == End::done ? ItemState::done : ItemState::failed),
                          outcome.result,
                          outcome.error,
                          outcome.detail,
                          static_cast<int>(outcome.retry),
                          outcome.checkpoints,
                          job,
                          outcome.seq);
        }
        for (const auto& [stage, count] : asked) {
            execute(open.session(), "UPDATE stages SET requests = requests + ? WHERE job = ? AND stage = ?", count, job, stage);
        }
        if (done + failed + cost != 0) {
            execute(open.session(),
                    "UPDATE jobs SET items_done = items_done + ?, items_failed = items_failed + ?, booked = booked + ?,"
                    " synchronous = synchronous + ? WHERE key = ?",
                    done,
                    failed,
                    cost,
                    synchronous,
                    job);
        }
        return {};
    });
}

Result<std::vector<ItemRow>> JobFile::items(std::int64_t job, std::int64_t seq, std::size_t rows_max) {
    return with([&](Connection& open) -> Result<std::vector<ItemRow>> {
        const auto count = rows_within(kBytesOfRows,
                                       open.session(),
                                       "SELECT length(input) + length(checkpoints) + length(result) FROM items WHERE job = ?"
                                       " AND seq >= ? ORDER BY seq LIMIT ?",
                                       job,
                                       seq,
                                       static_cast<std::int64_t>(rows_max));
        const Rows rows(
            open.session(), std::string(kItemColumns) + " WHERE job = ? AND seq >= ? ORDER BY seq LIMIT ?", job, seq, count);
        std::vector<ItemRow> items;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            items.push_back(item_at(rows, i));
        }
        return items;
    });
}

Result<std::vector<JobFile::Unfinished>> JobFile::unfinished(std::int64_t job, std::size_t rows_max) {
    return with([&](Connection& open) -> Result<std::vector<Unfinished>> {
        const auto most = static_cast<std::int64_t>(rows_max);
        const Rows rows(
            open.session(),
            "SELECT i.seq, i.id, i.input, i.photo, i.state, i.work, i.checkpoints, i.error, i.detail, i.retry, i.result,"
            " coalesce(w.tokens, 0), coalesce(w.output_max, 0) FROM"
            " (SELECT seq FROM (SELECT seq FROM items INDEXED BY items_waiting WHERE job = ? AND state = 0 LIMIT ?)"
            " UNION ALL SELECT seq FROM (SELECT seq FROM items INDEXED BY items_asking WHERE job = ? AND state = 1 LIMIT ?)) u"
            " JOIN items i ON i.job = ? AND i.seq = u.seq LEFT JOIN work w ON w.key = i.work ORDER BY i.seq LIMIT ?",
            job,
            most,
            job,
            most,
            job,
            most);
        std::vector<Unfinished> items;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            items.push_back({item_at(rows, i), rows.number(i, 11), rows.number(i, 12)});
        }
        return items;
    });
}

Result<std::int64_t> JobFile::count(std::int64_t job, ItemState state) {
    return with([&](Connection& open) -> Result<std::int64_t> {
        return Rows(open.session(), "SELECT count(*) FROM items WHERE job = ? AND state = ?", job, static_cast<int>(state))
            .number(0, 0);
    });
}

}  // namespace eco2::batch
