#include "store/run_file.hpp"

#include "base/limits.hpp"
#include "store/sqlite_file.hpp"

#include <Poco/Data/LOB.h>
#include <Poco/Data/RecordSet.h>
#include <Poco/Nullable.h>

#include <map>
#include <utility>

namespace eco2::store {
namespace {

using Poco::Data::Keywords::bind;
using Poco::Data::Keywords::into;
using Poco::Data::Keywords::limit;
using Poco::Data::Keywords::now;
using Poco::Data::Keywords::use;
using Blob = Poco::Data::BLOB;

constexpr int kSchemaVersion = 1;

// What is asked of many rows stands before the photo: SQLite reads through all of a large value to what comes after it.
constexpr const char* kTables[] = {
    "CREATE TABLE runs(key INTEGER PRIMARY KEY, id TEXT NOT NULL, user_id TEXT NOT NULL, pipeline TEXT NOT NULL,"
    " state INTEGER NOT NULL, error TEXT NOT NULL, replay_of TEXT NOT NULL, replays INTEGER NOT NULL,"
    " recoveries INTEGER NOT NULL, created_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL, journal_from INTEGER NOT NULL,"
    " idempotency_key TEXT, fingerprint TEXT NOT NULL, input TEXT NOT NULL, photo BLOB, events TEXT NOT NULL,"
    " checkpoints TEXT NOT NULL, result TEXT NOT NULL)",
    "CREATE UNIQUE INDEX runs_id ON runs(id)",
    "CREATE INDEX runs_user ON runs(user_id)",
    "CREATE INDEX runs_state ON runs(state, ended_ns)",
    "CREATE UNIQUE INDEX runs_idempotency ON runs(user_id, idempotency_key) WHERE idempotency_key IS NOT NULL",
    "CREATE TABLE journal(seq INTEGER PRIMARY KEY, run INTEGER NOT NULL, events TEXT NOT NULL, checkpoints TEXT NOT NULL)",
};

constexpr const char* kSummary =
    "SELECT id, user_id, pipeline, state, error, replay_of, replays, recoveries, created_ns, ended_ns";

// Never given twice, also where the journal's end was deleted: a live run reads the numbers above its `journal_from`.
constexpr const char* kLastSeq =
    "SELECT max(coalesce((SELECT max(seq) FROM journal), 0),"
    " coalesce((SELECT max(journal_from) FROM runs WHERE state = 0), 0))";
constexpr const char* kLiveJournal =
    "SELECT j.run, j.events, j.checkpoints FROM journal j JOIN runs r ON r.key = j.run"
    " WHERE r.state = 0 AND j.seq > r.journal_from ORDER BY j.seq";
constexpr std::size_t kRowsOfOneFetch = 1'000;

int number_of(RunState state) {
    return static_cast<int>(state);
}

/// Frames end with the only empty line in them.
std::vector<std::string> split_frames(std::string_view text) {
    constexpr std::string_view kEnd = "\n\n";
    std::vector<std::string> frames;
    for (auto end = text.find(kEnd); end != std::string_view::npos; end = text.find(kEnd)) {
        frames.emplace_back(text.substr(0, end + kEnd.size()));
        text.remove_prefix(end + kEnd.size());
    }
    return frames;
}

/// Checkpoints are one line of JSON each.
std::vector<std::string> split_lines(std::string_view text) {
    std::vector<std::string> lines;
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    return lines;
}

std::string join(const std::vector<std::string>& texts, std::string_view after_each) {
    std::string out;
    for (const auto& text : texts) {
        out += text;
        out += after_each;
    }
    return out;
}

Poco::Nullable<Blob> blob_of(const SharedText& bytes) {
    if (bytes == nullptr) {
        return {};
    }
    return Blob(reinterpret_cast<const unsigned char*>(bytes->data()), bytes->size());
}

SharedText text_of(const Poco::Nullable<Blob>& blob) {
    if (blob.isNull()) {
        return nullptr;
    }
    const auto& bytes = blob.value();
    return std::make_shared<const std::string>(reinterpret_cast<const char*>(bytes.rawContent()), bytes.size());
}

RunSummary summary_of(const Poco::Data::RecordSet& rows, std::size_t row) {
    RunSummary summary;
    const auto text = [&](std::size_t column) { return rows.value(column, row).convert<std::string>(); };
    const auto number = [&](std::size_t column) { return rows.value(column, row).convert<Poco::Int64>(); };
    summary.id = text(0);
    summary.user_id = text(1);
    summary.pipeline = text(2);
    summary.state = static_cast<RunState>(number(3));
    summary.error = text(4);
    summary.replay_of = text(5);
    summary.replays = static_cast<int>(number(6));
    summary.recoveries = static_cast<int>(number(7));
    summary.created_ns = number(8);
    summary.ended_ns = number(9);
    return summary;
}

SqliteOptions sqlite_options(const RunFile::Options& options) {
    return {options.path, options.busy_timeout, options.pages_max, options.is_read_only};
}

}  // namespace

// An open session with the statement of every step; the bound variables live beside it.
class RunFile::Connection : public SqliteConnection {
public:
    explicit Connection(const SqliteOptions& options) : SqliteConnection(options), find_(session()), append_(session()) {
        find_ << "SELECT key FROM runs WHERE id = ? AND state = 0", use(run_id_), into(key_);
        append_ << "INSERT INTO journal VALUES (?, ?, ?, ?)", use(last_seq_), use(key_), use(events_), use(checkpoints_);
        session() << kLastSeq, into(last_seq_), now;
    }

    void submit(RunOperation::Submit& operation, const Options& options, std::int64_t wall_ns);
    void append(RunOperation::Append& operation, const Options& options);
    void count_replay(RunOperation::CountReplay& operation);
    void forget_user(RunOperation::ForgetUser& operation);

    /// Makes every run that is not over one row again and counts it as recovered. Their keys, oldest first.
    std::vector<Poco::Int64> fold();
    std::size_t sweep(std::size_t rows_max);
    StoredRun stored(Poco::Int64 key);
    Result<std::optional<RunStoreDoor::Submitted>> find_submitted(const IdempotencyKey& key,
                                                                  const Options& options,
                                                                  std::int64_t wall_ns);

private:
    bool find_live(const std::string& run_id) {
        run_id_ = run_id;
        key_ = 0;
        find_.execute();
        return key_ != 0;
    }
    void end(const RunStep& step, const Options& options);

    struct Steps {
        std::string events;
        std::string checkpoints;
    };
    std::map<Poco::Int64, Steps> live_steps();

    Poco::Int64 last_seq_ = 0;
    std::string run_id_;
    Poco::Int64 key_ = 0;
    std::string events_;
    std::string checkpoints_;
    Poco::Data::Statement find_;
    Poco::Data::Statement append_;
};

Result<std::optional<RunStoreDoor::Submitted>> RunFile::Connection::find_submitted(const IdempotencyKey& key,
                                                                                   const Options& options,
                                                                                   std::int64_t wall_ns) {
    std::string user = key.user_id;
    std::string name = key.key;
    std::string id;
    std::string fingerprint;
    Poco::Int64 created = 0;
    session() << "SELECT id, fingerprint, created_ns FROM runs WHERE user_id = ? AND idempotency_key = ?", use(user), use(name),
        into(id), into(fingerprint), into(created), now;
    if (id.empty()) {
        return std::nullopt;
    }
    if (created + std::chrono::nanoseconds(options.idempotency_lifetime).count() <= wall_ns) {
        session() << "UPDATE runs SET idempotency_key = NULL WHERE id = ?", use(id), now;
        return std::nullopt;
    }
    if (fingerprint != key.fingerprint) {
        return fail(Errc::idempotency_conflict);
    }
    return RunStoreDoor::Submitted{id, true};
}

void RunFile::Connection::submit(RunOperation::Submit& operation, const Options& options, std::int64_t wall_ns) {
    auto& run = operation.run;
    Poco::Nullable<std::string> key;
    if (!run.idempotency_key.empty()) {
        const auto known = find_submitted({run.user_id, run.idempotency_key, run.fingerprint}, options, wall_ns);
        if (!known || *known) {
            operation.outcome = known ? Result<RunStoreDoor::Submitted>(**known) : known.error();
            return;
        }
        key = run.idempotency_key;
    }
    auto photo = blob_of(run.photo);
    auto events = join(run.events, "");
    auto checkpoints = join(run.checkpoints, "\n");
    Poco::Int64 created = run.created_ns;
    session() << "INSERT INTO runs(id, user_id, pipeline, state, error, replay_of, replays, recoveries, created_ns, ended_ns,"
                 " idempotency_key, fingerprint, input, photo, events, checkpoints, result, journal_from)"
                 " VALUES (?, ?, ?, 0, '', ?, 0, 0, ?, 0, ?, ?, ?, ?, ?, ?, '', ?)",
        use(run.id), use(run.user_id), use(run.pipeline), use(run.replay_of), use(created), use(key), use(run.fingerprint),
        use(run.input_json), use(photo), use(events), use(checkpoints), use(last_seq_), now;
    operation.outcome = RunStoreDoor::Submitted{run.id, false};
}

void RunFile::Connection::append(RunOperation::Append& operation, const Options& options) {
    const auto& step = operation.step;
    if (!find_live(step.run_id)) {
        operation.outcome = fail(Errc::not_found);
        return;
    }
    if (step.end) {
        end(step, options);
    } else {
        events_ = join(step.events, "");
        checkpoints_ = join(step.checkpoints, "\n");
        ++last_seq_;
        append_.execute();
    }
    operation.outcome = Result<void>();
}

void RunFile::Connection::end(const RunStep& step, const Options& options) {
    const auto& last = *step.end;
    const bool keeps_photo = options.keep_photos == KeepPhotos::always ||
                             (options.keep_photos == KeepPhotos::dead_letters && last.state == RunState::dead);
    int state = number_of(last.state);
    std::string error = last.error;
    Poco::Int64 ended = last.ended_ns;
    std::string log = last.log;
    std::string result = last.result_json;
    auto checkpoints = join(last.checkpoints, "\n");
    // What a dead run was asked is kept for its replay; what the others were is nobody's business any more.
    session() << std::string("UPDATE runs SET state = ?, error = ?, ended_ns = ?, events = ?, checkpoints = ?, result = ?") +
                     (keeps_photo ? "" : ", photo = NULL") +
                     (last.state == RunState::dead || keeps_photo ? "" : ", input = ''") + " WHERE key = ?",
        use(state), use(error), use(ended), use(log), use(checkpoints), use(result), use(key_), now;
}

void RunFile::Connection::count_replay(RunOperation::CountReplay& operation) {
    int state = -1;
    int replays = 0;
    session() << "SELECT state, replays FROM runs WHERE id = ?", use(operation.run_id), into(state), into(replays), now;
    if (state == -1) {
        operation.outcome = fail(Errc::run_not_found);
    } else if (state != number_of(RunState::dead)) {
        operation.outcome = fail(Errc::replay_refused, "the run is not dead");
    } else if (replays >= limits::kReplaysMax) {
        operation.outcome = fail(Errc::replay_refused, "it was replayed " + std::to_string(replays) + " times; submit it anew");
    } else {
        session() << "UPDATE runs SET replays = replays + 1 WHERE id = ?", use(operation.run_id), now;
        operation.outcome = Result<void>();
    }
}

void RunFile::Connection::forget_user(RunOperation::ForgetUser& operation) {
    session() << "DELETE FROM journal WHERE run IN (SELECT key FROM runs WHERE user_id = ?)", use(operation.user_id), now;
    Poco::Data::Statement forget(session());
    forget << "DELETE FROM runs WHERE user_id = ?", use(operation.user_id);
    operation.outcome = forget.execute();
}

std::map<Poco::Int64, RunFile::Connection::Steps> RunFile::Connection::live_steps() {
    std::map<Poco::Int64, Steps> steps;
    std::vector<Poco::Int64> keys;
    std::vector<std::string> events;
    std::vector<std::string> checkpoints;
    Poco::Data::Statement select(session());
    select << kLiveJournal, into(keys), into(events), into(checkpoints), limit(kRowsOfOneFetch);
    while (!select.done()) {
        keys.clear();  // the next rows are put behind those that are there
        events.clear();
        checkpoints.clear();
        select.execute();
        for (std::size_t i = 0; i < keys.size(); ++i) {
            auto& own = steps[keys[i]];
            own.events += events[i];
            own.checkpoints += checkpoints[i];
        }
    }
    return steps;
}

// All of the journal in one pass, whatever the number of runs. None of it is live then: a run that nobody takes up again,
// because its pipeline is not served any more, does not hold the others' garbage.
std::vector<Poco::Int64> RunFile::Connection::fold() {
    std::vector<Poco::Int64> keys;
    session() << "SELECT key FROM runs WHERE state = 0 ORDER BY key", into(keys), now;
    auto steps = live_steps();
    Steps own;
    Poco::Int64 key = 0;
    Poco::Data::Statement update(session());
    update << "UPDATE runs SET recoveries = recoveries + 1, events = events || ?, checkpoints = checkpoints || ?,"
              " journal_from = ? WHERE key = ?",
        use(own.events), use(own.checkpoints), use(last_seq_), use(key);
    for (const auto live : keys) {
        key = live;
        own = std::move(steps[live]);
        update.execute();
    }
    return keys;
}

std::size_t RunFile::Connection::sweep(std::size_t rows_max) {
    Poco::UInt64 rows = rows_max;
    Poco::Data::Statement sweep(session());
    sweep << "DELETE FROM journal WHERE seq < (SELECT min(seq) FROM journal) + ?"
             " AND seq <= coalesce((SELECT min(journal_from) FROM runs WHERE state = 0), ?)",
        use(rows), use(last_seq_);
    return sweep.execute();
}

StoredRun RunFile::Connection::stored(Poco::Int64 key) {
    StoredRun run;
    Poco::Nullable<Blob> photo;
    std::string events;
    std::string checkpoints;
    Poco::Int64 journal_from = 0;
    Poco::Data::Statement select(session());
    select << std::string(kSummary) + " FROM runs WHERE key = ?", use(key), now;
    run.summary = summary_of(Poco::Data::RecordSet(select), 0);
    session() << "SELECT input, photo, events, checkpoints, result, journal_from FROM runs WHERE key = ?", use(key),
        into(run.input_json), into(photo), into(events), into(checkpoints), into(run.result_json), into(journal_from), now;
    run.photo = text_of(photo);
    if (run.summary.state == RunState::queued) {
        std::vector<std::string> more_events;
        std::vector<std::string> more_checkpoints;
        session() << "SELECT events, checkpoints FROM journal WHERE seq > ? AND run = ? ORDER BY seq", use(journal_from),
            use(key), into(more_events), into(more_checkpoints), now;
        events += join(more_events, "");
        checkpoints += join(more_checkpoints, "");
    }
    run.events = split_frames(events);
    run.checkpoints = split_lines(checkpoints);
    return run;
}

RunFile::Options::Options(std::string path_of_file)
    : path(std::move(path_of_file)),
      busy_timeout(limits::kGrantBusyTimeout),
      idempotency_lifetime(limits::kResultLifetime),
      result_lifetime(limits::kResultLifetime),
      dead_letter_lifetime(limits::kDeadLetterLifetime) {}

RunFile::RunFile(Options options) : options_(std::move(options)) {}
RunFile::~RunFile() = default;

template <class Work>
auto RunFile::with_connection(Work&& work) -> decltype(work(std::declval<Connection&>())) {
    return store::with_connection(connection_, sqlite_options(options_), std::forward<Work>(work));
}

Result<void> RunFile::prepare() {
    return prepare_sqlite(sqlite_options(options_), kSchemaVersion, [](Poco::Data::Session& session, int) {
        for (const auto* table : kTables) {
            session << table, now;
        }
    });
}

Result<void> RunFile::apply(std::span<RunOperation* const> operations, std::int64_t wall_ns) {
    struct Visitor {
        Connection& connection;
        const Options& options;
        std::int64_t wall_ns;
        void operator()(RunOperation::Submit& operation) const { connection.submit(operation, options, wall_ns); }
        void operator()(RunOperation::Append& operation) const { connection.append(operation, options); }
        void operator()(RunOperation::CountReplay& operation) const { connection.count_replay(operation); }
        void operator()(RunOperation::ForgetUser& operation) const { connection.forget_user(operation); }
    };
    return with_connection([&](Connection& connection) -> Result<void> {
        connection.begin();
        for (auto* operation : operations) {
            std::visit(Visitor{connection, options_, wall_ns}, operation->what);
        }
        connection.commit();
        return {};
    });
}

Result<std::optional<RunStoreDoor::Submitted>> RunFile::find_submitted(const IdempotencyKey& key, std::int64_t wall_ns) {
    std::optional<Result<std::optional<RunStoreDoor::Submitted>>> found;  // a conflict is no failure of the connection
    auto looked = with_connection([&](Connection& connection) -> Result<void> {
        found = connection.find_submitted(key, options_, wall_ns);
        return {};
    });
    return looked ? std::move(*found) : looked.error();
}

Result<void> RunFile::recover(const std::function<void(StoredRun)>& each) {
    return with_connection([&](Connection& connection) -> Result<void> {
        connection.begin();
        const auto keys = connection.fold();
        connection.commit();
        for (const auto key : keys) {
            each(connection.stored(key));
        }
        return {};
    });
}

Result<StoredRun> RunFile::load(const std::string& run_id) {
    std::optional<StoredRun> found;
    auto loaded = with_connection([&](Connection& connection) -> Result<void> {
        std::string id = run_id;
        Poco::Int64 key = 0;
        connection.session() << "SELECT key FROM runs WHERE id = ?", use(id), into(key), now;
        if (key != 0) {
            found = connection.stored(key);
        }
        return {};
    });
    if (!loaded) {
        return loaded.error();
    }
    return found ? Result<StoredRun>(std::move(*found)) : fail(Errc::not_found);
}

Result<std::vector<RunSummary>> RunFile::list(const RunFilter& filter) {
    return with_connection([&](Connection& connection) -> Result<std::vector<RunSummary>> {
        // Only what is asked for stands in the statement, so that SQLite can use an index.
        std::string where;
        Poco::Data::Statement select(connection.session());
        const auto add = [&](const char* condition) {
            where += (where.empty() ? " WHERE " : " AND ") + std::string(condition);
        };
        std::string user = filter.user_id;
        std::string pipeline = filter.pipeline;
        int state = filter.state ? number_of(*filter.state) : 0;
        Poco::Int64 before = filter.before_ns;
        Poco::UInt64 count = filter.count_max;
        if (!user.empty()) {
            add("user_id = ?");
            select.addBind(use(user));
        }
        if (!pipeline.empty()) {
            add("pipeline = ?");
            select.addBind(use(pipeline));
        }
        if (filter.state) {
            add("state = ?");
            select.addBind(use(state));
        }
        if (before != 0) {
            add("created_ns < ?");
            select.addBind(use(before));
        }
        select.addBind(use(count));
        select << std::string(kSummary) + " FROM runs" + where + " ORDER BY key DESC LIMIT ?";
        select.execute();
        const Poco::Data::RecordSet rows(select);
        std::vector<RunSummary> summaries;
        for (std::size_t row = 0; row < rows.rowCount(); ++row) {
            summaries.push_back(summary_of(rows, row));
        }
        return summaries;
    });
}

Result<std::size_t> RunFile::expire(std::int64_t wall_ns, std::size_t count_max) {
    return with_connection([&](Connection& connection) -> Result<std::size_t> {
        auto& session = connection.session();
        std::size_t deleted = 0;
        connection.begin();
        for (const auto state : {RunState::done, RunState::dead, RunState::cancelled}) {
            const auto lifetime = state == RunState::dead ? options_.dead_letter_lifetime : options_.result_lifetime;
            int number = number_of(state);
            Poco::Int64 until = wall_ns - std::chrono::nanoseconds(lifetime).count();
            Poco::UInt64 count = count_max - deleted;
            Poco::Data::Statement expire(session);
            expire << "DELETE FROM runs WHERE key IN (SELECT key FROM runs WHERE state = ? AND ended_ns <= ? LIMIT ?)",
                use(number), use(until), use(count);
            deleted += expire.execute();
        }
        connection.commit();
        return deleted;
    });
}

Result<std::size_t> RunFile::sweep(std::size_t rows_max) {
    return with_connection([&](Connection& connection) -> Result<std::size_t> {
        connection.begin();
        const auto rows = connection.sweep(rows_max);
        connection.commit();
        return rows;
    });
}

}  // namespace eco2::store
