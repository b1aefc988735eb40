#include "store/grant_file.hpp"

#include "base/limits.hpp"
#include "store/sqlite_file.hpp"

#include <Poco/Data/RecordSet.h>

#include <utility>

namespace eco2::store {
namespace {

using Poco::Data::Keywords::into;
using Poco::Data::Keywords::now;
using Poco::Data::Keywords::use;

constexpr int kSchemaVersion = 1;

constexpr const char* kCreateOutbox =
    "CREATE TABLE outbox(seq INTEGER PRIMARY KEY, user_id TEXT NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL,"
    " run_id TEXT NOT NULL, created_ns INTEGER NOT NULL)";
constexpr const char* kCreateGrants =
    "CREATE TABLE grants(user_id TEXT NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL, run_id TEXT NOT NULL,"
    " acquired_ns INTEGER NOT NULL, PRIMARY KEY(user_id, code)) WITHOUT ROWID";
constexpr const char* kAppend =
    "INSERT INTO outbox(user_id, code, name, run_id, created_ns) SELECT ?1, ?2, ?3, ?4, ?5"
    " WHERE NOT EXISTS (SELECT 1 FROM grants WHERE user_id = ?1 AND code = ?2)";
constexpr const char* kLastOfBatch =
    "SELECT coalesce(max(seq), 0), count(*) FROM (SELECT seq FROM outbox ORDER BY seq LIMIT ?)";
constexpr const char* kSettle =
    "INSERT INTO grants SELECT user_id, code, name, run_id, created_ns FROM outbox WHERE seq <= ? ORDER BY seq"
    " ON CONFLICT(user_id, code) DO NOTHING";
constexpr const char* kForget = "DELETE FROM outbox WHERE seq <= ?";
constexpr const char* kForgetPromised = "DELETE FROM outbox WHERE user_id = ?";
constexpr const char* kForgetGranted = "DELETE FROM grants WHERE user_id = ?";
constexpr const char* kExpire =
    "DELETE FROM grants WHERE (user_id, code) IN (SELECT user_id, code FROM grants WHERE acquired_ns < ? LIMIT ?)";
constexpr const char* kGrantsOf =
    "SELECT code, name, run_id FROM grants WHERE user_id = ?1 UNION ALL"
    " SELECT code, min(name), min(run_id) FROM outbox o WHERE user_id = ?1"
    " AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.user_id = o.user_id AND g.code = o.code) GROUP BY code ORDER BY 1";

}  // namespace

// One open session with its prepared statement; the bound variables live beside it.
class GrantFile::Connection : public SqliteConnection {
public:
    explicit Connection(const SqliteOptions& options) : SqliteConnection(options), append_(session()) {
        append_ << kAppend, use(row_.user_id), use(row_.code), use(row_.name), use(row_.run_id), use(created_ns_);
    }

    std::size_t append(const Grant& grant, std::int64_t created_ns) {
        row_ = grant;
        created_ns_ = created_ns;
        return append_.execute();
    }

private:
    Grant row_;
    Poco::Int64 created_ns_ = 0;
    Poco::Data::Statement append_;
};

namespace {

void create_tables(Poco::Data::Session& session, int) {
    session << kCreateOutbox, now;
    session << kCreateGrants, now;
}

SqliteOptions sqlite_options(const GrantFile::Options& options) {
    return {options.path, options.busy_timeout, options.pages_max};
}

}  // namespace

GrantFile::Options::Options(std::string path_of_file)
    : path(std::move(path_of_file)), busy_timeout(limits::kGrantBusyTimeout) {}

GrantFile::GrantFile(Options options) : options_(std::move(options)) {}
GrantFile::~GrantFile() = default;

template <class Work>
auto GrantFile::with_connection(Work&& work) -> decltype(work(std::declval<Connection&>())) {
    return store::with_connection(connection_, sqlite_options(options_), std::forward<Work>(work));
}

Result<void> GrantFile::prepare() {
    return prepare_sqlite(sqlite_options(options_), kSchemaVersion, create_tables);
}

Result<std::size_t> GrantFile::append(std::span<const Grant* const> grants, std::int64_t created_ns) {
    return with_connection([&](Connection& connection) -> Result<std::size_t> {
        connection.begin();
        std::size_t rows = 0;
        for (const Grant* grant : grants) {
            rows += connection.append(*grant, created_ns);
        }
        connection.commit();
        return rows;
    });
}

Result<std::size_t> GrantFile::settle(std::size_t rows_max) {
    return with_connection([&](Connection& connection) -> Result<std::size_t> {
        auto& session = connection.session();
        Poco::UInt64 limit = rows_max;
        Poco::Int64 last = 0;
        Poco::UInt64 rows = 0;
        connection.begin();
        session << kLastOfBatch, use(limit), into(last), into(rows), now;
        if (rows != 0) {
            session << kSettle, use(last), now;
            session << kForget, use(last), now;
        }
        connection.commit();
        return static_cast<std::size_t>(rows);
    });
}

Result<std::vector<Grant>> GrantFile::grants_of(const std::string& user_id) {
    return with_connection([&](Connection& connection) -> Result<std::vector<Grant>> {
        std::string user = user_id;
        std::vector<std::string> codes;
        std::vector<std::string> names;
        std::vector<std::string> runs;
        connection.session() << kGrantsOf, use(user), into(codes), into(names), into(runs), now;
        std::vector<Grant> grants;
        grants.reserve(codes.size());
        for (std::size_t i = 0; i < codes.size(); ++i) {
            grants.push_back({user_id, std::move(codes[i]), std::move(names[i]), std::move(runs[i])});
        }
        return grants;
    });
}

Result<std::size_t> GrantFile::forget_user(const std::string& user_id) {
    return with_connection([&](Connection& connection) -> Result<std::size_t> {
        auto& session = connection.session();
        std::string user = user_id;
        connection.begin();
        Poco::Data::Statement promised(session);
        promised << kForgetPromised, use(user);
        Poco::Data::Statement granted(session);
        granted << kForgetGranted, use(user);
        const std::size_t rows = promised.execute() + granted.execute();
        connection.commit();
        return rows;
    });
}

Result<std::size_t> GrantFile::expire(std::int64_t before_ns, std::size_t rows_max) {
    return with_connection([&](Connection& connection) -> Result<std::size_t> {
        Poco::Int64 before = before_ns;
        Poco::UInt64 rows = rows_max;
        connection.begin();
        Poco::Data::Statement expire(connection.session());
        expire << kExpire, use(before), use(rows);
        const std::size_t deleted = expire.execute();
        connection.commit();
        return deleted;
    });
}

}  // namespace eco2::store
