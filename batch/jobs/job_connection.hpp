#pragma once

#include "batch/jobs/job_file.hpp"
#include "batch/jobs/sql.hpp"
#include "store/sqlite_file.hpp"

#include <cstddef>
#include <string>
#include <tuple>
#include <utility>

/// What the sources of JobFile have in common. Included by them alone: Poco stays behind them.
namespace eco2::batch {

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

inline constexpr const char* kJobColumns =
    "SELECT key, id, state, reason, input, output, is_requests, provider, pipeline, model, language, fingerprint, created_ns,"
    " ended_ns, deadline_ns, deadline_action, items, items_done, items_failed, estimated, booked, synchronous, cap, "
    "is_exported,"
    " is_past_deadline, pilot, input_stat, estimate, definition,"
    " (SELECT coalesce(sum(reserved), 0) FROM shards s WHERE s.job = jobs.key)"
    " FROM jobs";

inline constexpr const char* kShardColumns =
    "SELECT key, job, stage, state, nonce, model, lines, bytes, tokens, reserved, booked, synchronous, file_sha256, input_file,"
    " batch, output_file, error_file, remote_state, remote_total, remote_done, usage_input, usage_cached, usage_output, "
    "unexplained, output_offset,"
    " error_offset, fetches, tries, scans, polls_null, cancel, has_stray, has_twin, refusals, is_cleaned, since_ns, intent_ns,"
    " next_ns, trouble FROM shards";

inline constexpr std::int64_t kBytesOfRows = 8 * 1024 * 1024;  // of one query's, where rows may be large

inline constexpr const char* kItemColumns =
    "SELECT seq, id, input, photo, state, work, checkpoints, error, detail, retry, result FROM items";

// From a row of the queries above; an item's begin at a column.
JobRow job_at(const Rows& rows, std::size_t row);
Shard shard_at(const Rows& rows, std::size_t row);
ItemRow item_at(const Rows& rows, std::size_t row, std::size_t column = 0);
store::SqliteOptions options_of(const std::string& path);

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
        session() << "PRAGMA cache_size=-32768",
            Poco::Data::Keywords::now;  // KiB: an index over a million requests is walked at random
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
    /// Of the request whose answer an item has refused. False: it was asked as often as it may be, and has failed.
    bool ask_again(std::int64_t job, std::int64_t seq, int attempts_max);
    void give_back(const Shard& shard);
};

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

}  // namespace eco2::batch
