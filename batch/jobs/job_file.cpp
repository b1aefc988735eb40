#include "batch/jobs/job_connection.hpp"

#include <algorithm>
#include <utility>

/// Who works on the jobs, and the jobs themselves.
namespace eco2::batch {
namespace {

using Poco::Data::Keywords::now;

constexpr int kSchemaVersion = 1;

// What is looked up often stands before what is large.
constexpr const char* kTables[] = {
    "CREATE TABLE owner(one INTEGER PRIMARY KEY CHECK(one = 1), generation INTEGER NOT NULL, pid INTEGER NOT NULL,"
    " expires_ns INTEGER NOT NULL)",
    "INSERT INTO owner VALUES (1, 0, 0, 0)",
    "CREATE TABLE jobs(key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state INTEGER NOT NULL, reason TEXT NOT NULL,"
    " input TEXT NOT NULL, output TEXT NOT NULL, is_requests INTEGER NOT NULL, provider TEXT NOT NULL, pipeline TEXT NOT NULL,"
    " model TEXT NOT NULL, language TEXT NOT NULL, fingerprint TEXT NOT NULL, created_ns INTEGER NOT NULL,"
    " ended_ns INTEGER NOT NULL, deadline_ns INTEGER NOT NULL, deadline_action TEXT NOT NULL, items INTEGER NOT NULL,"
    " items_done INTEGER NOT NULL, items_failed INTEGER NOT NULL, estimated INTEGER NOT NULL, booked INTEGER NOT NULL,"
    " synchronous INTEGER NOT NULL, cap INTEGER NOT NULL, is_exported INTEGER NOT NULL, is_cancel_asked INTEGER NOT NULL,"
    " is_past_deadline INTEGER NOT NULL, pilot INTEGER NOT NULL, input_stat TEXT NOT NULL,"
    " estimate TEXT NOT NULL, definition TEXT NOT NULL)",
    "CREATE TABLE stages(job INTEGER NOT NULL, stage INTEGER NOT NULL, name TEXT NOT NULL, requests INTEGER NOT NULL,"
    " answered INTEGER NOT NULL, PRIMARY KEY(job, stage)) WITHOUT ROWID",
    "CREATE TABLE items(job INTEGER NOT NULL, seq INTEGER NOT NULL, state INTEGER NOT NULL, work INTEGER NOT NULL,"
    " retry INTEGER NOT NULL, id TEXT NOT NULL, photo TEXT NOT NULL, input TEXT NOT NULL, works TEXT NOT NULL,"
    " error TEXT NOT NULL, detail TEXT NOT NULL, checkpoints TEXT NOT NULL, result TEXT NOT NULL,"
    " PRIMARY KEY(job, seq)) WITHOUT ROWID",
    // Queries name these indexes where SQLite, which keeps no statistics here, would walk a whole job instead.
    "CREATE INDEX items_waiting ON items(job, seq) WHERE state = 0",
    "CREATE INDEX items_asking ON items(work) WHERE state = 1",
    "CREATE TABLE work(key INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, job INTEGER NOT NULL, asker INTEGER NOT NULL,"
    " stage INTEGER NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL, content_attempts INTEGER NOT NULL,"
    " expiries INTEGER NOT NULL, tokens INTEGER NOT NULL, tokens_expected INTEGER NOT NULL, output_max INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, shard INTEGER NOT NULL, line INTEGER NOT NULL, finish INTEGER NOT NULL, input_tokens INTEGER"
    " NOT NULL, output_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,"
    " cost INTEGER NOT NULL, request_id TEXT NOT NULL, model TEXT NOT NULL, answer TEXT NOT NULL)",
    "CREATE INDEX work_ready ON work(job, stage, key) WHERE state = 0",
    "CREATE TABLE shards(key INTEGER PRIMARY KEY, job INTEGER NOT NULL, stage INTEGER NOT NULL, state INTEGER NOT NULL,"
    " nonce TEXT NOT NULL UNIQUE, model TEXT NOT NULL, lines INTEGER NOT NULL, bytes INTEGER NOT NULL, tokens INTEGER NOT NULL,"
    " reserved INTEGER NOT NULL, booked INTEGER NOT NULL, synchronous INTEGER NOT NULL, file_sha256 TEXT NOT NULL,"
    " input_file TEXT NOT NULL, batch TEXT NOT NULL, output_file TEXT NOT NULL, error_file TEXT NOT NULL,"
    " remote_state TEXT NOT NULL, remote_total INTEGER NOT NULL, remote_done INTEGER NOT NULL, usage_input INTEGER NOT NULL,"
    " usage_cached INTEGER NOT NULL, usage_output INTEGER NOT NULL, unexplained INTEGER NOT NULL, output_offset INTEGER NOT "
    "NULL, error_offset INTEGER NOT NULL, fetches INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, scans INTEGER NOT NULL, polls_null INTEGER NOT NULL, cancel INTEGER NOT NULL,"
    " has_stray INTEGER NOT NULL, has_twin INTEGER NOT NULL, refusals INTEGER NOT NULL, is_cleaned INTEGER NOT NULL, since_ns "
    "INTEGER NOT NULL, intent_ns INTEGER NOT NULL, next_ns "
    "INTEGER NOT NULL, trouble TEXT NOT NULL)",
    "CREATE INDEX shards_job ON shards(job)",
    "CREATE INDEX shards_active ON shards(key) WHERE is_cleaned = 0",
    "CREATE TABLE lines(shard INTEGER NOT NULL, line INTEGER NOT NULL, work INTEGER NOT NULL, outcome INTEGER NOT NULL,"
    " retry INTEGER NOT NULL, cost INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY(shard, line)) WITHOUT ROWID",
    "CREATE TABLE queues(provider TEXT NOT NULL, model TEXT NOT NULL, tokens_max INTEGER NOT NULL, next_ns INTEGER NOT NULL,"
    " refusals INTEGER NOT NULL, PRIMARY KEY(provider, model)) WITHOUT ROWID",
    "CREATE TABLE incidents(key INTEGER PRIMARY KEY, job INTEGER NOT NULL, shard INTEGER NOT NULL, kind TEXT NOT NULL,"
    " detail TEXT NOT NULL, at_ns INTEGER NOT NULL)",
    "CREATE INDEX incidents_job ON incidents(job)",
};

std::string sql_text(std::string_view text) {
    std::string out = "'";
    for (const char letter : text) {
        out += letter;
        if (letter == '\'') {
            out += letter;
        }
    }
    return out + "'";
}

}  // namespace

JobFile::JobFile(const std::filesystem::path& path) : path_(path.string()) {}
JobFile::~JobFile() = default;

Result<void> JobFile::prepare() {
    return store::prepare_sqlite(options_of(path_), kSchemaVersion, [](Poco::Data::Session& session, int) {
        for (const auto* table : kTables) {
            session << table, now;
        }
    });
}

Result<JobFile::Owner> JobFile::owner() {
    return with([&](Connection& open) -> Result<Owner> {
        const Rows rows(open.session(), "SELECT generation, pid, expires_ns FROM owner");
        return Owner{rows.number(0, 0), rows.number(0, 1), rows.number(0, 2)};
    });
}

Result<std::int64_t> JobFile::acquire(std::int64_t pid, std::int64_t expires_ns) {
    std::int64_t generation = 0;
    auto done = write_unfenced([&](Connection& open) -> Result<void> {
        execute(open.session(), "UPDATE owner SET generation = generation + 1, pid = ?, expires_ns = ?", pid, expires_ns);
        generation = Rows(open.session(), "SELECT generation FROM owner").number(0, 0);
        return {};
    });
    if (!done) {
        return done.error();
    }
    generation_ = generation;
    return generation;
}

Result<void> JobFile::renew(std::int64_t expires_ns) {
    return write([&](Connection& open) -> Result<void> {
        execute(open.session(), "UPDATE owner SET expires_ns = ?", expires_ns);
        return {};
    });
}

Result<void> JobFile::release() {
    return renew(0);
}

Result<std::int64_t> JobFile::version() {
    return with(
        [&](Connection& open) -> Result<std::int64_t> { return Rows(open.session(), "PRAGMA data_version").number(0, 0); });
}

Result<std::int64_t> JobFile::add_job(const JobRow& job, const std::vector<std::string>& stages) {
    std::int64_t key = 0;
    auto done = write_unfenced([&](Connection& open) -> Result<void> {
        execute(
            open.session(),
            "INSERT INTO jobs(id, state, reason, input, output, is_requests, provider, pipeline, model, language, fingerprint,"
            " created_ns, ended_ns, deadline_ns, deadline_action, items, items_done, items_failed, estimated, booked,"
            " synchronous, cap, is_exported, is_cancel_asked, is_past_deadline, pilot, input_stat, estimate, definition)"
            " VALUES (?, 0, '', ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, 0, 0, 0, 0, 0, ?, 0, 0, 0, ?, ?, '', ?)",
            job.id,
            job.input,
            job.output,
            job.is_requests ? 1 : 0,
            job.provider,
            job.pipeline,
            job.model,
            job.language,
            job.fingerprint,
            job.created_ns,
            job.deadline_ns,
            job.deadline_action,
            job.money.cap,
            job.pilot,
            job.input_stat,
            job.definition);
        key = Rows(open.session(), "SELECT last_insert_rowid()").number(0, 0);
        for (std::size_t stage = 0; stage < stages.size(); ++stage) {
            execute(open.session(),
                    "INSERT INTO stages VALUES (?, ?, ?, 0, 0)",
                    key,
                    static_cast<std::int64_t>(stage),
                    stages[stage]);
        }
        return {};
    });
    return done ? Result<std::int64_t>(key) : done.error();
}

Result<void> JobFile::add_items(std::int64_t job, const std::vector<ItemRow>& items) {
    return write_unfenced([&](Connection& open) -> Result<void> {
        for (const auto& item : items) {
            open.add_item(job,
                          item.seq,
                          static_cast<int>(item.state),
                          static_cast<int>(item.retry),
                          item.id,
                          item.photo,
                          item.input,
                          item.error,
                          item.detail);
        }
        return {};
    });
}

Result<void> JobFile::set_model(std::int64_t job, const std::string& model) {
    return write_unfenced([&](Connection& open) -> Result<void> {
        execute(open.session(), "UPDATE jobs SET model = ? WHERE key = ? AND state = 0", model, job);
        return {};
    });
}

Result<void> JobFile::open_job(const JobRow& job) {
    return write_unfenced([&](Connection& open) -> Result<void> {
        execute(
            open.session(),
            "UPDATE jobs SET state = 1, items = ?, items_failed = ?, fingerprint = ?, estimated = ?, estimate = ? WHERE key = ?"
            " AND state = 0",
            job.items,
            job.items_failed,
            job.fingerprint,
            job.money.estimated,
            job.estimate,
            job.key);
        return {};
    });
}

Result<void> JobFile::drop_job(std::int64_t job) {
    return write_unfenced([&](Connection& open) -> Result<void> {
        for (const auto* table : {"items", "stages", "incidents"}) {
            execute(open.session(), std::string("DELETE FROM ") + table + " WHERE job = ?", job);
        }
        execute(open.session(), "DELETE FROM jobs WHERE key = ? AND state = 0", job);
        return {};
    });
}

Result<std::vector<JobRow>> JobFile::jobs(bool only_unfinished) {
    return with([&](Connection& open) -> Result<std::vector<JobRow>> {
        const Rows rows(
            open.session(),
            std::string(kJobColumns) + (only_unfinished ? " WHERE state < 4 OR is_exported = 0" : "") + " ORDER BY key");
        std::vector<JobRow> jobs;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            jobs.push_back(job_at(rows, i));
        }
        return jobs;
    });
}

Result<std::optional<JobRow>> JobFile::job(const std::string& id) {
    return with([&](Connection& open) -> Result<std::optional<JobRow>> {
        const Rows rows(open.session(), std::string(kJobColumns) + " WHERE id = ?", id);
        return rows.empty() ? std::nullopt : std::optional<JobRow>(job_at(rows, 0));
    });
}

Result<std::optional<JobRow>> JobFile::find_job(const std::string& input, const std::string& output) {
    return with([&](Connection& open) -> Result<std::optional<JobRow>> {
        const Rows rows(open.session(),
                        std::string(kJobColumns) + " WHERE input = ? AND output = ? AND state <> 5 ORDER BY key DESC LIMIT 1",
                        input,
                        output);
        return rows.empty() ? std::nullopt : std::optional<JobRow>(job_at(rows, 0));
    });
}

Result<void> JobFile::ask_cancel(const std::string& id) {
    return write_unfenced([&](Connection& open) -> Result<void> {
        execute(open.session(), "UPDATE jobs SET is_cancel_asked = 1 WHERE id = ?", id);
        return {};
    });
}

Result<std::vector<std::int64_t>> JobFile::asked_cancels() {
    return with([&](Connection& open) -> Result<std::vector<std::int64_t>> {
        const Rows rows(open.session(), "SELECT key FROM jobs WHERE is_cancel_asked = 1 AND state IN (1, 2)");
        std::vector<std::int64_t> keys;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            keys.push_back(rows.number(i, 0));
        }
        return keys;
    });
}

Result<std::int64_t> JobFile::retry(const std::string& id,
                                    const std::vector<std::string>& classes,
                                    const std::vector<std::string>& ids) {
    std::int64_t changed = 0;
    auto done = write_unfenced([&](Connection& open) -> Result<void> {
        const Rows found(open.session(), "SELECT key FROM jobs WHERE id = ?", id);
        if (found.empty()) {
            return fail(Errc::not_found, "no batch job \"" + id + "\"");
        }
        const auto job = found.number(0, 0);
        if (std::find(classes.begin(), classes.end(), "vanished") != classes.end()) {
            const std::string gone =
                "(SELECT key FROM shards WHERE job = ? AND state = " + std::to_string(static_cast<int>(ShardState::vanished)) +
                ")";
            execute(open.session(),
                    "UPDATE work SET state = 0, shard = 0 WHERE state = 1 AND key IN (SELECT work FROM lines WHERE shard IN " +
                        gone + ") AND shard IN " + gone,
                    job,
                    job);
            execute(open.session(), "UPDATE lines SET outcome = 4 WHERE outcome = 0 AND shard IN " + gone, job);
            execute(open.session(),
                    "UPDATE shards SET state = ?, reserved = 0, next_ns = 0 WHERE key IN " + gone,
                    static_cast<int>(ShardState::settled),
                    job);
        }
        // What failed before anything was asked (a broken photo) fails again.
        std::string where = " WHERE job = ? AND state = 3 AND retry <> 0";
        std::string list;
        for (int i = 0; i <= static_cast<int>(RetryClass::limit); ++i) {
            if (std::find(classes.begin(), classes.end(), name_of(static_cast<RetryClass>(i))) != classes.end()) {
                list += (list.empty() ? "" : ",") + std::to_string(i);
            }
        }
        if (!classes.empty()) {
            where += " AND retry IN (" + list + ")";
        }
        if (!ids.empty()) {
            std::string names;
            for (const auto& name : ids) {
                names += (names.empty() ? "" : ",") + sql_text(name);
            }
            where += " AND id IN (" + names + ")";
        }
        // Requests that failed for good start over, and so do those whose answers were refused; other answers are paid for.
        execute(
            open.session(),
            "UPDATE work SET state = 0, attempts = 0, content_attempts = 0, expiries = 0, shard = 0, job = ? WHERE state = 3"
            " AND key IN (SELECT work FROM items" +
                where + ")",
            job,
            job);
        changed = static_cast<std::int64_t>(execute(open.session(),
                                                    "UPDATE items SET state = CASE WHEN EXISTS (SELECT 1 FROM work WHERE "
                                                    "work.key = items.work AND work.state IN (0, 1))"
                                                    " THEN 1 ELSE 0 END, error = '', detail = '', retry = 0" +
                                                        where,
                                                    job));
        execute(open.session(),
                "UPDATE jobs SET items_failed = items_failed - ?, state = CASE WHEN ? > 0 OR state = 2 THEN 1 ELSE state END,"
                " is_exported = CASE WHEN ? > 0 THEN 0 ELSE is_exported END, is_cancel_asked = 0, reason = '',"
                // The deadline was for what has ended: it would end them again at once.
                " deadline_ns = CASE WHEN (is_past_deadline OR state IN (4, 5)) AND ? > 0 THEN 0 ELSE deadline_ns END,"
                " is_past_deadline = CASE WHEN ? > 0 THEN 0 ELSE is_past_deadline END WHERE key = ?",
                changed,
                changed,
                changed,
                changed,
                changed,
                job);
        return {};
    });
    return done ? Result<std::int64_t>(changed) : done.error();
}

Result<void> JobFile::reopen(const std::string& id) {
    return write_unfenced([&](Connection& open) -> Result<void> {
        execute(open.session(), "UPDATE jobs SET state = 1, reason = '' WHERE id = ? AND state = 2", id);
        // A batch that had vanished, or named no files, may be there by now: to look costs nothing.
        execute(
            open.session(),
            "UPDATE shards SET state = CASE batch WHEN '' THEN ? ELSE ? END, scans = 0, tries = 0, fetches = 0, polls_null = 0,"
            " refusals = 0, next_ns = 0 WHERE state = ? AND job = (SELECT key FROM jobs WHERE id = ?)",
            static_cast<int>(ShardState::submit_ambiguous),
            static_cast<int>(ShardState::running),
            static_cast<int>(ShardState::vanished),
            id);
        return {};
    });
}

Result<void> JobFile::ask_export(const std::string& id) {
    return write_unfenced([&](Connection& open) -> Result<void> {
        execute(open.session(), "UPDATE jobs SET is_exported = 0, reason = '' WHERE id = ? AND state IN (4, 5)", id);
        return {};
    });
}

Result<void> JobFile::set_reason(std::int64_t job, const std::string& reason) {
    return write([&](Connection& open) -> Result<void> {
        execute(open.session(), "UPDATE jobs SET reason = ? WHERE key = ?", reason, job);
        return {};
    });
}

Result<void> JobFile::set_cap(const std::string& id, std::int64_t cap) {
    return write_unfenced([&](Connection& open) -> Result<void> {
        execute(open.session(), "UPDATE jobs SET cap = ? WHERE id = ?", cap, id);
        return {};
    });
}

Result<bool> JobFile::is_sent(std::int64_t job) {
    return with([&](Connection& open) -> Result<bool> {
        const Rows ready(open.session(), "SELECT count(*) FROM work WHERE job = ? AND state = 0", job);
        const Rows shards(open.session(),
                          "SELECT count(*) FROM shards WHERE job = ? AND state < ?",
                          job,
                          static_cast<int>(ShardState::submitted));
        return ready.number(0, 0) == 0 && shards.number(0, 0) == 0;
    });
}

Result<void> JobFile::set_job(std::int64_t job, JobState state, const std::string& reason, std::int64_t ended_ns) {
    return write([&](Connection& open) -> Result<void> {
        execute(open.session(),
                "UPDATE jobs SET state = ?, reason = ?, ended_ns = ? WHERE key = ? AND state NOT IN (4, 5)",
                static_cast<int>(state),
                reason,
                ended_ns,
                job);
        return {};
    });
}

Result<void> JobFile::set_exported(std::int64_t job) {
    return write([&](Connection& open) -> Result<void> {
        execute(open.session(), "UPDATE jobs SET is_exported = 1 WHERE key = ?", job);
        return {};
    });
}

Result<void> JobFile::set_past_deadline(std::int64_t job) {
    return write([&](Connection& open) -> Result<void> {
        execute(open.session(), "UPDATE jobs SET is_past_deadline = 1 WHERE key = ?", job);
        return {};
    });
}

Result<void> JobFile::cancel_items(std::int64_t job, const std::string& error, const std::string& detail, RetryClass retry) {
    return write([&](Connection& open) -> Result<void> {
        const auto changed = static_cast<std::int64_t>(
            execute(open.session(),
                    "UPDATE items SET state = 3, error = ?, detail = ?, retry = ? WHERE job = ? AND state IN (0, 1)",
                    error,
                    detail,
                    static_cast<int>(retry),
                    job));
        execute(open.session(), "UPDATE jobs SET items_failed = items_failed + ? WHERE key = ?", changed, job);
        return {};
    });
}

}  // namespace eco2::batch
