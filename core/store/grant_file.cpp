#include "store/grant_file.hpp"

#include "base/io_thread.hpp"
#include "base/limits.hpp"

#include <Poco/Data/RecordSet.h>
#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Data/Session.h>
#include <Poco/Data/Statement.h>
#include <Poco/Exception.h>
#include <sys/stat.h>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
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
constexpr const char* kGrantsOf =
    "SELECT code, name, run_id FROM grants WHERE user_id = ?1 UNION ALL"
    " SELECT code, min(name), min(run_id) FROM outbox o WHERE user_id = ?1"
    " AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.user_id = o.user_id AND g.code = o.code) GROUP BY code ORDER BY 1";

void register_sqlite() {
    static std::once_flag once;
    std::call_once(once, [] { Poco::Data::SQLite::Connector::registerConnector(); });
}

}  // namespace

// One open session with its prepared statements; their bound variables live beside them.
class GrantFile::Connection {
public:
    explicit Connection(const Options& options)
        : session_(Poco::Data::SQLite::Connector::KEY, options.path), append_(session_), begin_(session_), commit_(session_) {
        session_ << "PRAGMA busy_timeout=" + std::to_string(options.busy_timeout.count()), now;
        std::string mode;
        session_ << "PRAGMA journal_mode=TRUNCATE", into(mode), now;
        session_ << "PRAGMA synchronous=FULL", now;
        if (options.pages_max != 0) {
            session_ << "PRAGMA max_page_count=" + std::to_string(options.pages_max), now;
        }
        append_ << kAppend, use(row_.user_id), use(row_.code), use(row_.name), use(row_.run_id), use(created_ns_);
        begin_ << "BEGIN IMMEDIATE";
        commit_ << "COMMIT";
    }

    Poco::Data::Session& session() { return session_; }

    // A failure leaves the transaction open: closing the session rolls it back.
    void begin() { begin_.execute(); }
    void commit() { commit_.execute(); }

    std::size_t append(const Grant& grant, std::int64_t created_ns) {
        row_ = grant;
        created_ns_ = created_ns;
        return append_.execute();
    }

private:
    Poco::Data::Session session_;
    Grant row_;
    Poco::Int64 created_ns_ = 0;
    Poco::Data::Statement append_;
    Poco::Data::Statement begin_;
    Poco::Data::Statement commit_;
};

namespace {

Result<void> make_private_file(const std::string& path) {
    const auto folder = std::filesystem::path(path).parent_path();
    std::error_code error;
    if (!folder.empty() && std::filesystem::create_directories(folder, error)) {
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    }
    // Closed before SQLite opens the file: closing any descriptor of it drops the process's POSIX locks.
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0) {
        return fail(Errc::store_failed, path + ": " + std::strerror(errno));
    }
    const int changed = ::fchmod(fd, 0600);
    const int reason = errno;
    ::close(fd);
    if (changed != 0) {
        return fail(Errc::store_failed, path + ": cannot set mode 0600: " + std::strerror(reason));
    }
    return {};
}

std::string damage(Poco::Data::Session& session, const std::string& path) {
    std::error_code error;
    if (std::filesystem::file_size(path, error) > limits::kGrantCheckBytesMax) {
        return {};
    }
    std::string answer;
    session << "PRAGMA quick_check(1)", into(answer), now;
    return answer == "ok" ? std::string() : answer;
}

int schema_version(Poco::Data::Session& session) {
    int tables = 0;
    session << "SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'", into(tables), now;
    int version = 0;
    if (tables != 0) {
        session << "SELECT coalesce(max(version), 0) FROM schema_version", into(version), now;
    }
    return version;
}

void create_tables(Poco::Data::Session& session) {
    session << "CREATE TABLE schema_version(version INTEGER NOT NULL)", now;
    session << kCreateOutbox, now;
    session << kCreateGrants, now;
    session << "INSERT INTO schema_version VALUES (" + std::to_string(kSchemaVersion) + ")", now;
}

}  // namespace

GrantFile::Options::Options(std::string path_of_file)
    : path(std::move(path_of_file)), busy_timeout(limits::kGrantBusyTimeout) {}

GrantFile::GrantFile(Options options) : options_(std::move(options)) {}
GrantFile::~GrantFile() = default;

Error GrantFile::failed(const std::string& reason) const {
    return fail(Errc::store_failed, options_.path + ": " + reason);
}

template <class Work>
auto GrantFile::with_connection(Work&& work) -> decltype(work(std::declval<Connection&>())) {
    assert_may_block();
    Error error;
    try {
        if (!connection_) {
            register_sqlite();
            connection_ = std::make_unique<Connection>(options_);
        }
        auto result = work(*connection_);
        if (result) {
            return result;
        }
        error = result.error();
    } catch (const Poco::Exception& exception) {
        error = failed(exception.displayText());
    } catch (const std::exception& exception) {
        error = failed(exception.what());
    }
    connection_.reset();
    return error;
}

Result<void> GrantFile::prepare() {
    if (auto made = make_private_file(options_.path); !made) {
        return made;
    }
    return with_connection([this](Connection& connection) -> Result<void> {
        auto& session = connection.session();
        if (const auto what = damage(session, options_.path); !what.empty()) {
            return failed("the file is damaged (" + what + "): restore a copy or move it away");
        }
        connection.begin();
        const int version = schema_version(session);
        if (version > kSchemaVersion) {
            return failed("its schema is " + std::to_string(version) + ", this program knows up to " +
                          std::to_string(kSchemaVersion) + ": start the newer program or choose another data directory");
        }
        if (version == 0) {
            create_tables(session);
        }
        connection.commit();
        return {};
    });
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

}  // namespace eco2::store
