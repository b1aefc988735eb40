#include "batch/jobs/job_connection.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

/// What reports, estimates and pilots ask for.
namespace eco2::batch {

Result<std::vector<JobFile::Sent>> JobFile::sent(std::int64_t job) {
    return with([&](Connection& open) -> Result<std::vector<Sent>> {
        const Rows rows(
            open.session(),
            "SELECT s.stage, sum(l.outcome = 0), sum(l.outcome IN (1, 2, 5)), sum(l.outcome = 1) FROM lines l JOIN shards s"
            " ON s.key = l.shard WHERE s.job = ? AND s.state <> ? AND s.remote_state <> ? GROUP BY s.stage ORDER BY s.stage",
            job,
            static_cast<int>(ShardState::abandoned),
            std::string(name_of(RemoteBatch::State::failed)));
        std::vector<Sent> all;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            all.push_back({static_cast<int>(rows.number(i, 0)), rows.number(i, 1), rows.number(i, 2), rows.number(i, 3)});
        }
        return all;
    });
}

Result<std::vector<JobFile::UsedTokens>> JobFile::used_tokens(std::int64_t job, int stage, std::size_t rows_max) {
    return with([&](Connection& open) -> Result<std::vector<UsedTokens>> {
        const Rows rows(
            open.session(),
            "SELECT w.tokens_expected, w.tokens, w.input_tokens, w.output_tokens, w.cached_tokens FROM shards s JOIN lines l ON"
            " l.shard = s.key AND l.outcome = 1 JOIN work w ON w.key = l.work WHERE s.job = ? AND s.stage = ? LIMIT ?",
            job,
            static_cast<std::int64_t>(stage),
            static_cast<std::int64_t>(rows_max));
        std::vector<UsedTokens> all(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            all[i].expected = rows.number(i, 0);
            all[i].high = rows.number(i, 1);
            all[i].usage.input_tokens = rows.number(i, 2);
            all[i].usage.output_tokens = rows.number(i, 3);
            all[i].usage.cached_input_tokens = rows.number(i, 4);
        }
        return all;
    });
}

Result<void> JobFile::end_pilot(std::int64_t job, const JobEstimate& estimate, const Incident& incident) {
    return write([&](Connection& open) -> Result<void> {
        if (estimate.json.empty()) {
            execute(open.session(), "UPDATE jobs SET pilot = 0 WHERE key = ?", job);
        } else {
            execute(open.session(),
                    "UPDATE jobs SET pilot = 0, estimated = ?, estimate = ? WHERE key = ?",
                    estimate.expected,
                    estimate.json,
                    job);
        }
        open.note(incident);
        return {};
    });
}

Result<void> JobFile::note(const Incident& incident) {
    return write([&](Connection& open) -> Result<void> {
        open.note(incident);
        return {};
    });
}

Result<std::vector<Incident>> JobFile::incidents(std::int64_t job) {
    return with([&](Connection& open) -> Result<std::vector<Incident>> {
        const Rows rows(
            open.session(), "SELECT job, shard, kind, detail, at_ns FROM incidents WHERE job = ? ORDER BY key", job);
        std::vector<Incident> all;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            all.push_back({rows.number(i, 0), rows.number(i, 1), rows.text(i, 2), rows.text(i, 3), rows.number(i, 4)});
        }
        return all;
    });
}

Result<std::vector<JobFile::StageSums>> JobFile::stages(std::int64_t job) {
    return with([&](Connection& open) -> Result<std::vector<StageSums>> {
        const Rows rows(open.session(), "SELECT name, requests, answered FROM stages WHERE job = ? ORDER BY stage", job);
        std::vector<StageSums> all;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            all.push_back({rows.text(i, 0), rows.number(i, 1), rows.number(i, 2)});
        }
        return all;
    });
}

Result<std::map<std::int64_t, std::vector<JobFile::Lineage>>> JobFile::lineage(std::int64_t job,
                                                                               std::int64_t seq,
                                                                               std::size_t rows_max) {
    return with([&](Connection& open) -> Result<std::map<std::int64_t, std::vector<Lineage>>> {
        const Rows items(open.session(),
                         "SELECT seq, works FROM items WHERE job = ? AND seq >= ? ORDER BY seq LIMIT ?",
                         job,
                         seq,
                         static_cast<std::int64_t>(rows_max));
        // One query for all of them: their keys are numbers, so the list needs no quotes.
        std::string keys;
        for (std::size_t i = 0; i < items.size(); ++i) {
            keys += items.text(i, 1);
        }
        std::replace(keys.begin(), keys.end(), ' ', ',');
        if (!keys.empty()) {
            keys.pop_back();
        }
        const Rows rows(
            open.session(),
            "SELECT w.key, w.stage, coalesce(s.nonce, ''), w.line, w.attempts, w.request_id, w.model, w.input_tokens,"
            " w.output_tokens, w.cached_tokens, w.cost, w.job, w.asker FROM work w LEFT JOIN shards s ON s.key = w.shard"
            " WHERE w.key IN (" +
                keys + ")");
        std::map<std::int64_t, std::size_t> places;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            places[rows.number(row, 0)] = row;
        }
        std::map<std::int64_t, std::vector<Lineage>> all;
        for (std::size_t i = 0; i < items.size(); ++i) {
            std::istringstream works(items.text(i, 1));
            auto& list = all[items.number(i, 0)];
            for (std::int64_t key = 0; works >> key;) {
                const auto found = places.find(key);
                if (found == places.end()) {
                    continue;
                }
                const auto row = found->second;
                Lineage one;
                one.stage = static_cast<int>(rows.number(row, 1));
                one.shard = rows.text(row, 2);
                one.line = rows.number(row, 3);
                one.attempt = static_cast<int>(rows.number(row, 4));
                one.request_id = rows.text(row, 5);
                one.model = rows.text(row, 6);
                one.usage.input_tokens = rows.number(row, 7);
                one.usage.output_tokens = rows.number(row, 8);
                one.usage.cached_input_tokens = rows.number(row, 9);
                one.cost = rows.number(row, 10);
                one.is_cached = rows.number(row, 11) != job || rows.number(row, 12) != items.number(i, 0);
                list.push_back(std::move(one));
            }
        }
        return all;
    });
}

Result<std::vector<JobFile::DeadLetters>> JobFile::dead_letters(std::int64_t job) {
    return with([&](Connection& open) -> Result<std::vector<DeadLetters>> {
        const Rows rows(open.session(),
                        "SELECT error, retry, count(*), min(seq) FROM items WHERE job = ? AND state = 3 GROUP BY error, retry"
                        " ORDER BY count(*) DESC",
                        job);
        std::vector<DeadLetters> all;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const Rows example(
                open.session(), "SELECT id, detail FROM items WHERE job = ? AND seq = ?", job, rows.number(i, 3));
            all.push_back({rows.text(i, 0),
                           static_cast<RetryClass>(rows.number(i, 1)),
                           rows.number(i, 2),
                           example.text(0, 0),
                           example.text(0, 1)});
        }
        return all;
    });
}

Result<JobFile::Sums> JobFile::sums(std::int64_t job) {
    return with([&](Connection& open) -> Result<Sums> {
        Sums sums;
        const Rows shards(open.session(), "SELECT stage, count(*), sum(lines) FROM shards WHERE job = ? GROUP BY stage", job);
        for (std::size_t i = 0; i < shards.size(); ++i) {
            auto& stage = sums.stages[static_cast<int>(shards.number(i, 0))];
            stage.shards = shards.number(i, 1);
            stage.lines = shards.number(i, 2);
        }
        const Rows lines(
            open.session(),
            "SELECT s.stage, l.retry, count(*) FROM lines l JOIN shards s ON s.key = l.shard WHERE s.job = ? AND l.outcome"
            " NOT IN (0, 1) GROUP BY s.stage, l.retry",
            job);
        for (std::size_t i = 0; i < lines.size(); ++i) {
            sums.stages[static_cast<int>(lines.number(i, 0))].retries[static_cast<RetryClass>(lines.number(i, 1))] +=
                lines.number(i, 2);
        }
        const Rows refused(
            open.session(),
            "SELECT stage, sum(content_attempts) FROM work WHERE job = ? AND content_attempts > 0 GROUP BY stage",
            job);
        for (std::size_t i = 0; i < refused.size(); ++i) {
            sums.stages[static_cast<int>(refused.number(i, 0))].retries[RetryClass::content] += refused.number(i, 1);
        }
        const Rows work(
            open.session(),
            "SELECT sum(CASE WHEN input_tokens > 0 THEN input_tokens ELSE 0 END), sum(CASE WHEN cached_tokens > 0 THEN"
            " cached_tokens ELSE 0 END), sum(CASE WHEN output_tokens > 0 THEN output_tokens ELSE 0 END) FROM work WHERE job = "
            "?",
            job);
        sums.unexplained =
            Rows(open.session(), "SELECT coalesce(sum(unexplained), 0) FROM shards WHERE job = ?", job).number(0, 0);
        sums.input_tokens = work.number(0, 0);
        sums.cached_tokens = work.number(0, 1);
        sums.output_tokens = work.number(0, 2);
        return sums;
    });
}

}  // namespace eco2::batch
