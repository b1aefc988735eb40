#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/job_connection.hpp"

#include <utility>

/// Requests, shards, lines, and the provider's queue.
namespace eco2::batch {

Result<JobFile::Ready> JobFile::ready(std::int64_t job, int stage) {
    return with([&](Connection& open) -> Result<Ready> {
        const Rows rows(
            open.session(),
            "SELECT count(*), coalesce(sum(bytes), 0) FROM (SELECT bytes FROM work WHERE job = ? AND stage = ? AND state = 0"
            " LIMIT 200000)",
            job,
            stage);
        return Ready{rows.number(0, 0), rows.number(0, 1)};
    });
}

Result<std::vector<WorkRow>> JobFile::ready_work(std::int64_t job, int stage, std::size_t rows_max) {
    return with([&](Connection& open) -> Result<std::vector<WorkRow>> {
        const Rows rows(open.session(),
                        "SELECT key, tokens, tokens_expected, output_max, bytes, attempts, content_attempts FROM work"
                        " WHERE job = ? AND stage = ? AND state = 0 ORDER BY key LIMIT ?",
                        job,
                        stage,
                        static_cast<std::int64_t>(rows_max));
        std::vector<WorkRow> works(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            works[i] = {rows.number(i, 0),
                        stage,
                        rows.number(i, 1),
                        rows.number(i, 2),
                        rows.number(i, 3),
                        rows.number(i, 4),
                        static_cast<int>(rows.number(i, 5)),
                        static_cast<int>(rows.number(i, 6))};
        }
        return works;
    });
}

Result<std::int64_t> JobFile::inherit(std::int64_t job) {
    std::int64_t changed = 0;
    auto done = write([&](Connection& open) -> Result<void> {
        changed = static_cast<std::int64_t>(execute(
            open.session(),
            "UPDATE work INDEXED BY work_ready SET job = ? WHERE state = 0 AND job <> ? AND job IN (SELECT key FROM jobs WHERE"
            " state <> 1) AND EXISTS (SELECT 1 FROM items i INDEXED BY items_asking WHERE i.work = work.key AND i.state = 1"
            " AND i.job = ?)",
            job,
            job,
            job));
        return {};
    });
    return done ? Result<std::int64_t>(changed) : done.error();
}

Result<std::int64_t> JobFile::plan_shard(Shard shard, const std::vector<std::int64_t>& works) {
    auto done = write([&](Connection& open) -> Result<void> {
        execute(open.session(),
                "INSERT INTO shards VALUES (NULL, ?, ?, 0, ?, ?, ?, ?, ?, ?, 0, 0, '', '', '', '', '', '', 0, 0, -1, -1, -1, "
                "0, 0, 0, 0, 0, 0, 0,"
                " 0, 0, 0, 0, 0, ?, 0, 0, '')",
                shard.job,
                shard.stage,
                shard.nonce,
                shard.model,
                static_cast<std::int64_t>(works.size()),
                shard.bytes,
                shard.tokens,
                shard.reserved,
                shard.since_ns);
        shard.key = Rows(open.session(), "SELECT last_insert_rowid()").number(0, 0);
        std::int64_t line = 0;
        for (const auto work : works) {
            ++line;
            open.add_line(shard.key, line, work);
            open.take_work(shard.key, line, work);
        }
        return {};
    });
    return done ? Result<std::int64_t>(shard.key) : done.error();
}

Result<std::vector<Shard>> JobFile::active_shards() {
    return with([&](Connection& open) -> Result<std::vector<Shard>> {
        const Rows rows(open.session(), std::string(kShardColumns) + " WHERE is_cleaned = 0 ORDER BY key");
        std::vector<Shard> shards;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            shards.push_back(shard_at(rows, i));
        }
        return shards;
    });
}

Result<std::vector<Shard>> JobFile::shards(std::int64_t job) {
    return with([&](Connection& open) -> Result<std::vector<Shard>> {
        const Rows rows(open.session(), std::string(kShardColumns) + " WHERE job = ? ORDER BY key", job);
        std::vector<Shard> shards;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            shards.push_back(shard_at(rows, i));
        }
        return shards;
    });
}

Result<void> JobFile::save(const Shard& shard) {
    return write([&](Connection& open) -> Result<void> {
        open.save(shard);
        return {};
    });
}

Result<void> JobFile::save(const Shard& shard, const Incident& incident) {
    return write([&](Connection& open) -> Result<void> {
        open.save(shard);
        open.note(incident);
        return {};
    });
}

Result<std::vector<JobFile::Line>> JobFile::lines(std::int64_t shard, std::int64_t from, std::size_t rows_max) {
    return with([&](Connection& open) -> Result<std::vector<Line>> {
        const auto count = rows_within(kBytesOfRows,
                                       open.session(),
                                       "SELECT w.bytes FROM lines l JOIN work w ON w.key = l.work WHERE l.shard = ? AND l.line "
                                       ">= ? ORDER BY l.line LIMIT ?",
                                       shard,
                                       from,
                                       static_cast<std::int64_t>(rows_max));
        const Rows rows(
            open.session(),
            "SELECT l.line, l.work, i.seq, i.id, i.input, i.photo, i.state, i.work, i.checkpoints, i.error, i.detail, i.retry,"
            " i.result FROM lines l LEFT JOIN items i ON"
            " i.job = (SELECT a.job FROM items a WHERE a.work = l.work AND a.state = 1 ORDER BY a.job, a.seq LIMIT 1) AND"
            " i.seq = (SELECT a.seq FROM items a WHERE a.work = l.work AND a.state = 1 ORDER BY a.job, a.seq LIMIT 1)"
            " WHERE l.shard = ? AND l.line >= ? ORDER BY l.line LIMIT ?",
            shard,
            from,
            count);
        std::vector<Line> lines(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            lines[i].line = rows.number(i, 0);
            lines[i].work = rows.number(i, 1);
            lines[i].item = item_at(rows, i, 2);
        }
        return lines;
    });
}

Result<void> JobFile::ingest(const Shard& shard,
                             const std::vector<LineResult>& results,
                             const std::vector<Incident>& incidents,
                             int attempts_max) {
    return write([&](Connection& open) -> Result<void> {
        std::int64_t cost = 0;
        std::int64_t synchronous = 0;
        std::int64_t answered = 0;
        std::size_t count = 0;
        for (const auto& result : results) {
            const auto* line = open.find_line(shard.key, result.line);
            if (line == nullptr) {
                open.note({shard.job,
                           shard.key,
                           "unknown_id",
                           "line " + std::to_string(result.line) + " was never sent",
                           shard.since_ns});
                continue;
            }
            if (std::get<1>(*line) != kNone) {
                // A re-read after a fetch that was begun anew brings equal lines: those say nothing.
                const bool is_equal = std::get<2>(*line) == result.digest;
                if (shard.fetches == 0 || !is_equal) {
                    open.note({shard.job,
                               shard.key,
                               is_equal ? "duplicate" : "conflicting",
                               "line " + std::to_string(result.line) + " came twice; the first answer is kept",
                               shard.since_ns});
                }
                continue;
            }
            open.finish_line(shard, std::get<0>(*line), result, attempts_max);
            answered += result.outcome == LineResult::Outcome::answered ? 1 : 0;
            cost += result.cost;
            synchronous += result.synchronous;
            if (++count == results.size() / 2) {
                fail_point("ingest.middle");
            }
        }
        if (answered > 0) {
            execute(open.session(),
                    "UPDATE stages SET answered = answered + ? WHERE job = ? AND stage = ?",
                    answered,
                    shard.job,
                    shard.stage);
        }
        for (const auto& incident : incidents) {
            open.note(incident);
        }
        Shard changed = shard;
        changed.booked += cost;
        changed.synchronous += synchronous;
        open.save(changed);
        if (cost != 0 || synchronous != 0) {
            execute(open.session(),
                    "UPDATE jobs SET booked = booked + ?, synchronous = synchronous + ? WHERE key = ?",
                    cost,
                    synchronous,
                    shard.job);
        }
        return {};
    });
}

Result<std::int64_t> JobFile::open_lines(std::int64_t shard) {
    return with([&](Connection& open) -> Result<std::int64_t> {
        return Rows(open.session(), "SELECT count(*) FROM lines WHERE shard = ? AND outcome = 0", shard).number(0, 0);
    });
}

Result<void> JobFile::settle(const Shard& shard, const LineResult& rest, int attempts_max) {
    return write([&](Connection& open) -> Result<void> {
        const Rows rows(
            open.session(), "SELECT line, work FROM lines WHERE shard = ? AND outcome = 0 ORDER BY line", shard.key);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            LineResult result = rest;
            result.line = rows.number(i, 0);
            open.finish_line(shard, rows.number(i, 1), result, attempts_max);
        }
        open.save(shard);
        return {};
    });
}

Result<void> JobFile::give_back(const Shard& shard, const std::vector<LineResult>& bad) {
    return write([&](Connection& open) -> Result<void> {
        for (const auto& result : bad) {
            const auto* line = open.find_line(shard.key, result.line);
            if (line != nullptr && std::get<1>(*line) == kNone) {
                open.finish_line(shard, std::get<0>(*line), result, 1);
            }
        }
        open.give_back(shard);
        open.save(shard);
        return {};
    });
}

Result<std::map<std::string, std::int64_t>> JobFile::outcomes(std::int64_t shard) {
    return with([&](Connection& open) -> Result<std::map<std::string, std::int64_t>> {
        static constexpr const char* kNames[] = {"open", "answered", "failed", "expired", "cancelled", "swapped"};
        const Rows rows(open.session(), "SELECT outcome, count(*) FROM lines WHERE shard = ? GROUP BY outcome", shard);
        std::map<std::string, std::int64_t> counts;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            counts[kNames[rows.number(i, 0)]] = rows.number(i, 1);
        }
        return counts;
    });
}

Result<JobFile::Queue> JobFile::queue(const std::string& provider, const std::string& model) {
    return with([&](Connection& open) -> Result<Queue> {
        const Rows rows(open.session(),
                        "SELECT tokens_max, next_ns, refusals FROM queues WHERE provider = ? AND model = ?",
                        provider,
                        model);
        return rows.empty() ? Queue{} : Queue{rows.number(0, 0), rows.number(0, 1), static_cast<int>(rows.number(0, 2))};
    });
}

Result<void> JobFile::set_queue(const std::string& provider, const std::string& model, const Queue& queue) {
    return write([&](Connection& open) -> Result<void> {
        execute(open.session(),
                "INSERT OR REPLACE INTO queues VALUES (?, ?, ?, ?, ?)",
                provider,
                model,
                queue.tokens_max,
                queue.next_ns,
                queue.refusals);
        return {};
    });
}

}  // namespace eco2::batch
