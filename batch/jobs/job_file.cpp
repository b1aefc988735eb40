#include "batch/jobs/job_file.hpp"

#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/sql.hpp"
#include "store/sqlite_file.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

namespace eco2::batch {
namespace {

using Poco::Data::Keywords::now;
using std::chrono::milliseconds;

constexpr int kSchemaVersion = 1;
constexpr milliseconds kBusyTimeout{15'000};  // another process may be writing a plan in large transactions

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

enum WorkState : int { kReady = 0, kInShard = 1, kAnswered = 2, kFailed = 3 };
// Of a line; 0: none yet.
enum LineOutcome : int {
    kNone = 0,
    kLineAnswered = 1,
    kLineFailed = 2,
    kLineExpired = 3,
    kLineCancelled = 4,
    kLineSwapped = 5
};

constexpr const char* kJobColumns =
    "SELECT key, id, state, reason, input, output, is_requests, provider, pipeline, model, language, fingerprint, created_ns,"
    " ended_ns, deadline_ns, deadline_action, items, items_done, items_failed, estimated, booked, synchronous, cap, "
    "is_exported,"
    " is_past_deadline, pilot, input_stat, estimate, definition,"
    " (SELECT coalesce(sum(reserved), 0) FROM shards s WHERE s.job = jobs.key)"
    " FROM jobs";

constexpr const char* kShardColumns =
    "SELECT key, job, stage, state, nonce, model, lines, bytes, tokens, reserved, booked, synchronous, file_sha256, input_file,"
    " batch, output_file, error_file, remote_state, remote_total, remote_done, usage_input, usage_cached, usage_output, "
    "unexplained, output_offset,"
    " error_offset, fetches, tries, scans, polls_null, cancel, has_stray, has_twin, refusals, is_cleaned, since_ns, intent_ns,"
    " next_ns, trouble FROM shards";

constexpr const char* kItemColumns =
    "SELECT seq, id, input, photo, state, work, checkpoints, error, detail, retry, result FROM items";

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

ItemRow item_at(const Rows& rows, std::size_t row, std::size_t column = 0) {
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

store::SqliteOptions options_of(const std::string& path) {
    return {path, kBusyTimeout};
}

}  // namespace

// An open session with the statements that are run by the thousand.
class JobFile::Connection : public store::SqliteConnection {
public:
    explicit Connection(const store::SqliteOptions& options)
        : SqliteConnection(options),
          find_line(session(), "SELECT work, outcome, digest FROM lines WHERE shard = ? AND line = ?"),
          find_work(session(), "SELECT key, state FROM work WHERE hash = ?"),
          add_item(
              session(),
              "INSERT INTO items(job, seq, state, work, retry, id, photo, input, works, error, detail, checkpoints, result)"
              " VALUES (?, ?, ?, 0, ?, ?, ?, ?, '', ?, ?, '', '')"),
          add_work(session(),
                   "INSERT OR IGNORE INTO work(hash, job, asker, stage, state, attempts, content_attempts, expiries, tokens,"
                   " tokens_expected, output_max, bytes, shard, line, finish, input_tokens, output_tokens, cached_tokens,"
                   " reasoning_tokens, cost, request_id, model, answer) VALUES (?, ?, ?, ?, 0, 0, 0, 0, ?, ?, ?, ?, 0, 0, 0,"
                   " -1, -1, -1, -1, 0, '', '', '')"),
          ask(session(),
              "UPDATE items SET state = 1, checkpoints = ?, work = (SELECT key FROM work WHERE hash = ?) WHERE job = ? AND seq "
              "= ?"),
          end_item(session(),
                   "UPDATE items SET state = ?, result = ?, error = ?, detail = ?, retry = ?, checkpoints = ?,"
                   " works = works || CASE work WHEN 0 THEN '' ELSE work || ' ' END WHERE job = ? AND seq = ?"),
          pass_work(session(), "UPDATE items SET works = works || work || ' ' WHERE job = ? AND seq = ? AND work <> 0"),
          wake(session(), "UPDATE items SET state = 0 WHERE work = ? AND state = 1"),
          fail_asking(session(), "UPDATE items SET state = 3, error = ?, detail = ?, retry = ? WHERE work = ? AND state = 1"),
          add_line(session(), "INSERT INTO lines VALUES (?, ?, ?, 0, 0, 0, '')"),
          take_work(session(), "UPDATE work SET state = 1, shard = ?, line = ? WHERE key = ?"),
          set_line(session(), "UPDATE lines SET outcome = ?, retry = ?, cost = ?, digest = ? WHERE shard = ? AND line = ?"),
          answer_work(
              session(),
              "UPDATE work SET state = 2, attempts = attempts + 1, finish = ?, input_tokens = ?, output_tokens = ?,"
              " cached_tokens = ?, reasoning_tokens = ?, cost = ?, request_id = ?, model = ?, answer = ? WHERE key = ?"),
          ready_work(session(),
                     "UPDATE work SET state = 0, shard = 0, attempts = attempts + ?, expiries = expiries + ? WHERE key = ?"),
          fail_work(session(), "UPDATE work SET state = 3, attempts = attempts + ? WHERE key = ?") {
        session() << "PRAGMA cache_size=-32768", now;  // KiB: an index over a million requests is walked at random
    }

    PreparedRow<std::tuple<Poco::Int64, Poco::Int64>, std::tuple<Poco::Int64, int, std::string>> find_line;
    PreparedRow<std::tuple<std::string>, std::tuple<Poco::Int64, int>> find_work;
    Prepared<Poco::Int64, Poco::Int64, int, int, std::string, std::string, std::string, std::string, std::string> add_item;
    Prepared<std::string, Poco::Int64, Poco::Int64, int, Poco::Int64, Poco::Int64, Poco::Int64, Poco::Int64> add_work;
    Prepared<std::string, std::string, Poco::Int64, Poco::Int64> ask;
    Prepared<int, std::string, std::string, std::string, int, std::string, Poco::Int64, Poco::Int64> end_item;
    Prepared<Poco::Int64, Poco::Int64> pass_work;
    Prepared<Poco::Int64> wake;
    Prepared<std::string, std::string, int, Poco::Int64> fail_asking;
    Prepared<Poco::Int64, Poco::Int64, Poco::Int64> add_line;
    Prepared<Poco::Int64, Poco::Int64, Poco::Int64> take_work;
    Prepared<int, int, Poco::Int64, std::string, Poco::Int64, Poco::Int64> set_line;
    Prepared<int,
             Poco::Int64,
             Poco::Int64,
             Poco::Int64,
             Poco::Int64,
             Poco::Int64,
             std::string,
             std::string,
             std::string,
             Poco::Int64>
        answer_work;
    Prepared<int, int, Poco::Int64> ready_work;
    Prepared<int, Poco::Int64> fail_work;

    void save(const Shard& s) {
        execute(
            session(),
            "UPDATE shards SET state = ?, lines = ?, bytes = ?, tokens = ?, reserved = ?, booked = ?, synchronous = ?,"
            " file_sha256 = ?, input_file = ?, batch = ?, output_file = ?, error_file = ?, remote_state = ?, remote_total = ?,"
            " remote_done = ?, usage_input = ?, usage_cached = ?, usage_output = ?, unexplained = ?, output_offset = ?, "
            "error_offset = ?, fetches = ?, tries = ?,"
            " scans = ?, polls_null = ?, cancel = ?, has_stray = ?, has_twin = ?, refusals = ?, is_cleaned = ?, since_ns = ?, "
            "intent_ns = ?, next_ns = ?, "
            "trouble = ? WHERE key = ?",
            static_cast<int>(s.state),
            s.lines,
            s.bytes,
            s.tokens,
            s.reserved,
            s.booked,
            s.synchronous,
            s.file_sha256,
            s.input_file,
            s.batch,
            s.output_file,
            s.error_file,
            s.remote_state,
            s.remote_total,
            s.remote_done,
            s.usage_input,
            s.usage_cached,
            s.usage_output,
            s.unexplained,
            s.output_offset,
            s.error_offset,
            s.fetches,
            s.tries,
            s.scans,
            s.polls_null,
            s.cancel,
            s.has_stray ? 1 : 0,
            s.has_twin ? 1 : 0,
            s.refusals,
            s.is_cleaned ? 1 : 0,
            s.since_ns,
            s.intent_ns,
            s.next_ns,
            s.trouble,
            s.key);
    }

    void note(const Incident& incident) {
        execute(session(),
                "INSERT INTO incidents(job, shard, kind, detail, at_ns) VALUES (?, ?, ?, ?, ?)",
                incident.job,
                incident.shard,
                incident.kind,
                incident.detail,
                incident.at_ns);
    }

    void finish_line(const Shard& shard, std::int64_t work, const LineResult& result, int attempts_max);
    void give_back(const Shard& shard);
};

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

void JobFile::Connection::give_back(const Shard& shard) {
    execute(session(), "UPDATE work SET state = 0, shard = 0 WHERE state = 1 AND shard = ?", shard.key);
    execute(session(),
            "UPDATE lines SET outcome = 4, retry = ? WHERE shard = ? AND outcome = 0",
            static_cast<int>(RetryClass::limit),
            shard.key);
}

JobFile::JobFile(const std::filesystem::path& path) : path_(path.string()) {}
JobFile::~JobFile() = default;

template <class Work>
auto JobFile::with(Work&& work) -> decltype(work(std::declval<Connection&>())) {
    return store::with_connection(connection_, options_of(path_), std::forward<Work>(work));
}

template <class Work>
Result<void> JobFile::write_unfenced(Work&& work) {
    return with([&](Connection& open) -> Result<void> {
        open.begin();
        if (Result<void> done = work(open); !done) {
            return done;
        }
        open.commit();
        return {};
    });
}

template <class Work>
Result<void> JobFile::write(Work&& work) {
    return write_unfenced([&](Connection& open) -> Result<void> {
        const Rows owner(open.session(), "SELECT generation FROM owner");
        if (owner.number(0, 0) != generation_) {
            return fail(Errc::cancelled, "another process works on " + path_ + " now");
        }
        return work(open);
    });
}

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
            execute(open.session(), "UPDATE work SET state = 0, shard = 0 WHERE state = 1 AND shard IN " + gone, job);
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
                " is_exported = CASE WHEN ? > 0 THEN 0 ELSE is_exported END, is_cancel_asked = 0, reason = '' WHERE key = ?",
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

Result<void> JobFile::cancel_items(std::int64_t job, const std::string& error, const std::string& detail) {
    return write([&](Connection& open) -> Result<void> {
        const auto changed = static_cast<std::int64_t>(
            execute(open.session(),
                    "UPDATE items SET state = 3, error = ?, detail = ? WHERE job = ? AND state IN (0, 1)",
                    error,
                    detail,
                    job));
        execute(open.session(), "UPDATE jobs SET items_failed = items_failed + ? WHERE key = ?", changed, job);
        return {};
    });
}

Result<std::vector<JobFile::Waiting>> JobFile::waiting(std::int64_t job, std::size_t rows_max) {
    return with([&](Connection& open) -> Result<std::vector<Waiting>> {
        const Rows rows(
            open.session(),
            "SELECT i.seq, i.id, i.input, i.photo, i.state, i.work, i.checkpoints, i.error, i.detail, i.retry, i.result,"
            " coalesce(w.state, -1), coalesce(w.finish, 0), coalesce(w.model, ''), coalesce(w.input_tokens, -1),"
            " coalesce(w.output_tokens, -1), coalesce(w.cached_tokens, -1), coalesce(w.reasoning_tokens, -1),"
            " coalesce(w.answer, '') FROM items i LEFT JOIN work w ON w.key = i.work AND i.work <> 0"
            " WHERE i.job = ? AND i.state = 0 ORDER BY i.seq LIMIT ?",
            job,
            static_cast<std::int64_t>(rows_max));
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
                const Rows work(
                    open.session(),
                    "SELECT w.key, w.content_attempts FROM items i JOIN work w ON w.key = i.work WHERE i.job = ? AND i.seq = ?",
                    job,
                    outcome.seq);
                if (!work.empty() && work.number(0, 1) + 1 < content_attempts) {
                    // Whoever has used this answer already keeps it.
                    execute(
                        open.session(),
                        "UPDATE work SET state = 0, shard = 0, content_attempts = content_attempts + 1, job = ? WHERE key = ?"
                        " AND state = 2",
                        job,
                        work.number(0, 0));
                    execute(open.session(), "UPDATE items SET state = 1 WHERE job = ? AND seq = ?", job, outcome.seq);
                    continue;
                }
                if (!work.empty()) {
                    execute(open.session(),
                            "UPDATE work SET state = 3, content_attempts = content_attempts + 1 WHERE key = ? AND state = 2",
                            work.number(0, 0));
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
        const Rows rows(open.session(),
                        std::string(kItemColumns) + " WHERE job = ? AND seq >= ? ORDER BY seq LIMIT ?",
                        job,
                        seq,
                        static_cast<std::int64_t>(rows_max));
        std::vector<ItemRow> items;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            items.push_back(item_at(rows, i));
        }
        return items;
    });
}

Result<std::vector<JobFile::Unfinished>> JobFile::unfinished(std::int64_t job, std::size_t rows_max) {
    return with([&](Connection& open) -> Result<std::vector<Unfinished>> {
        const Rows rows(
            open.session(),
            "SELECT i.seq, i.id, i.input, i.photo, i.state, i.work, i.checkpoints, i.error, i.detail, i.retry, i.result,"
            " coalesce(w.tokens, 0), coalesce(w.output_max, 0) FROM items i LEFT JOIN work w ON w.key = i.work"
            " WHERE i.job = ? AND i.state IN (0, 1) ORDER BY i.seq LIMIT ?",
            job,
            static_cast<std::int64_t>(rows_max));
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
            "UPDATE work SET job = ? WHERE state = 0 AND job <> ? AND job IN (SELECT key FROM jobs WHERE state <> 1) AND key IN"
            " (SELECT work FROM items WHERE job = ? AND state = 1)",
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
        const Rows rows(
            open.session(),
            "SELECT l.line, l.work, i.seq, i.id, i.input, i.photo, i.state, i.work, i.checkpoints, i.error, i.detail, i.retry,"
            " i.result FROM lines l LEFT JOIN items i ON"
            " i.job = (SELECT a.job FROM items a WHERE a.work = l.work AND a.state = 1 ORDER BY a.job, a.seq LIMIT 1) AND"
            " i.seq = (SELECT a.seq FROM items a WHERE a.work = l.work AND a.state = 1 ORDER BY a.job, a.seq LIMIT 1)"
            " WHERE l.shard = ? AND l.line >= ? ORDER BY l.line LIMIT ?",
            shard,
            from,
            static_cast<std::int64_t>(rows_max));
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

Result<void> JobFile::give_back(const Shard& shard) {
    return write([&](Connection& open) -> Result<void> {
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

Result<std::vector<JobFile::Sent>> JobFile::sent(std::int64_t job) {
    return with([&](Connection& open) -> Result<std::vector<Sent>> {
        const Rows rows(
            open.session(),
            "SELECT s.stage, sum(l.outcome = 0), sum(l.outcome IN (1, 2, 5)), sum(l.outcome = 1) FROM lines l JOIN shards s"
            " ON s.key = l.shard WHERE s.job = ? GROUP BY s.stage ORDER BY s.stage",
            job);
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
