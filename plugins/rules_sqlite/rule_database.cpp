#include "rules_sqlite/rule_database.hpp"

#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Data/SQLite/SQLiteException.h>
#include <Poco/Data/Session.h>
#include <boost/json.hpp>
#include <sys/stat.h>
#include <system_error>

#include <filesystem>
#include <optional>
#include <utility>

namespace rules_sqlite {
namespace {

using Poco::Data::Session;
using Poco::Data::Keywords::bind;
using Poco::Data::Keywords::into;
using Poco::Data::Keywords::now;

constexpr std::int64_t kLayout = 1;

// Poco repeats a failed open until this is over, and its default is a minute.
constexpr std::size_t kOpenTimeoutSeconds = 1;

/// Rolls back unless committed.
class Transaction {
public:
    Transaction(Session& session, const char* begin) : session_(session) { session_ << begin, now; }
    ~Transaction() {
        if (committed_) {
            return;
        }
        try {
            session_ << "ROLLBACK", now;
        } catch (const Poco::Exception&) {
            // SQLite has already rolled back by itself, as it does after a full disk or an I/O error.
            return;
        }
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit() {
        session_ << "COMMIT", now;
        committed_ = true;
    }

private:
    Session& session_;
    bool committed_ = false;
};

std::int64_t read_number(Session& session, const std::string& statement) {
    Poco::Int64 number = 0;
    session << statement, into(number), now;
    return number;
}

struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const FileIdentity&) const = default;
};

std::optional<FileIdentity> identify(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        return std::nullopt;
    }
    return FileIdentity{status.st_dev, status.st_ino};
}

void create_layout(Session& session) {
    Transaction transaction(session, "BEGIN IMMEDIATE");
    session
        << "CREATE TABLE IF NOT EXISTS rules(category TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, file TEXT NOT NULL,"
           " PRIMARY KEY(category, key)) WITHOUT ROWID",
        now;
    session << "CREATE TABLE IF NOT EXISTS meta(id INTEGER PRIMARY KEY CHECK(id = 1), version INTEGER NOT NULL)", now;
    session << "INSERT OR IGNORE INTO meta(id, version) VALUES(1, 0)", now;
    session << "PRAGMA user_version = " + std::to_string(kLayout), now;
    transaction.commit();
}

}  // namespace

struct RuleDatabase::Connection {
    Connection(const std::string& path, int busy_timeout_ms)
        : session(Poco::Data::SQLite::Connector::KEY, path, kOpenTimeoutSeconds) {
        session << "PRAGMA busy_timeout = " + std::to_string(busy_timeout_ms), now;
        session << "PRAGMA synchronous = FULL", now;
    }

    Session session;
    std::optional<FileIdentity> file;
    std::int64_t data_version = 0;
};

/// Runs work and turns what Poco throws into a Failure.
template <class Work>
auto RuleDatabase::guarded(Work work) -> decltype(work()) {
    const auto failure = [this](Status status, const char* code, const Poco::Exception& e) {
        return fail(status, code, path_ + ": " + e.displayText());
    };
    try {
        return work();
    } catch (const Poco::Data::SQLite::DBLockedException& e) {
        return failure(Status::unavailable, "database_locked", e);
    } catch (const Poco::Data::SQLite::TableLockedException& e) {
        return failure(Status::unavailable, "database_locked", e);
    } catch (const Poco::Data::SQLite::CorruptImageException& e) {
        return failure(Status::internal, "database_damaged", e);
    } catch (const Poco::Exception& e) {
        return failure(Status::unavailable, "database_failed", e);
    }
}

RuleDatabase::RuleDatabase(std::string path, int busy_timeout_ms) : path_(std::move(path)), busy_timeout_ms_(busy_timeout_ms) {}
RuleDatabase::~RuleDatabase() = default;

Result<std::unique_ptr<RuleDatabase>> RuleDatabase::open(const std::string& path, int busy_timeout_ms) {
    const auto folder = std::filesystem::absolute(path).parent_path();
    if (std::error_code ec; !std::filesystem::is_directory(folder, ec)) {
        return fail(Status::unavailable, "database_failed", path + ": the folder " + folder.string() + " does not exist");
    }
    std::unique_ptr<RuleDatabase> database(new RuleDatabase(path, busy_timeout_ms));
    if (auto connected = database->connect(); !connected) {
        return connected.error();
    }
    return database;
}

Result<void> RuleDatabase::connect() {
    return guarded([this]() -> Result<void> {
        Poco::Data::SQLite::Connector::registerConnector();
        auto connection = std::make_unique<Connection>(path_, busy_timeout_ms_);
        Session& session = connection->session;
        const std::int64_t layout = read_number(session, "PRAGMA user_version");
        if (layout > kLayout) {
            return fail(Status::unsupported,
                        "database_layout",
                        path_ + ": made by a newer version (layout " + std::to_string(layout) + ")");
        }
        std::string journal;
        session << "PRAGMA journal_mode = DELETE", into(journal), now;
        if (journal != "delete") {
            return fail(Status::unavailable, "database_failed", path_ + ": cannot leave journal mode " + journal);
        }
        if (layout < kLayout) {
            create_layout(session);
        }
        connection->file = identify(path_);
        connection->data_version = read_number(session, "PRAGMA data_version");
        connection_ = std::move(connection);
        return {};
    });
}

Result<RuleTable> RuleDatabase::load() {
    return guarded([this]() -> Result<RuleTable> {
        Session& session = connection_->session;
        std::vector<std::string> categories, keys, bodies, files;
        Transaction transaction(session, "BEGIN");
        const std::int64_t version = read_number(session, "SELECT version FROM meta WHERE id = 1");
        session << "SELECT category, key, body, file FROM rules", into(categories), into(keys), into(bodies), into(files), now;
        transaction.commit();

        std::vector<Rule> rules;
        rules.reserve(categories.size());
        for (std::size_t i = 0; i < categories.size(); ++i) {
            boost::system::error_code ec;
            if (!boost::json::parse(bodies[i], ec).is_object()) {
                return fail(Status::internal, "database_damaged", path_ + ": the rule " + files[i] + " is no JSON object");
            }
            rules.push_back({std::move(categories[i]), std::move(keys[i]), std::move(bodies[i]), std::move(files[i])});
        }
        return RuleTable(std::move(rules), version);
    });
}

Result<std::int64_t> RuleDatabase::replace(const std::vector<Rule>& rules, When when) {
    return guarded([&]() -> Result<std::int64_t> {
        Session& session = connection_->session;
        // IMMEDIATE: a transaction that starts as a reader can fail half-way when another writer was faster.
        Transaction transaction(session, "BEGIN IMMEDIATE");
        if (when == When::only_if_empty && read_number(session, "SELECT count(*) FROM rules") > 0) {
            return read_number(session, "SELECT version FROM meta WHERE id = 1");
        }
        session << "DELETE FROM rules", now;
        for (const Rule& rule : rules) {
            session << "INSERT INTO rules(category, key, body, file) VALUES(?, ?, ?, ?)", bind(rule.category), bind(rule.key),
                bind(rule.body), bind(rule.file), now;
        }
        session << "UPDATE meta SET version = version + 1 WHERE id = 1", now;
        const std::int64_t version = read_number(session, "SELECT version FROM meta WHERE id = 1");
        transaction.commit();
        return version;
    });
}

Result<bool> RuleDatabase::changed() {
    const auto file = identify(path_);
    if (!file) {
        return fail(Status::unavailable, "database_failed", path_ + ": the file is gone");
    }
    if (file != connection_->file) {
        // A restored copy was moved into place: the kept connection would read the old file for ever.
        if (auto connected = connect(); !connected) {
            return connected.error();
        }
        return true;
    }
    return guarded([this]() -> Result<bool> {
        const std::int64_t data_version = read_number(connection_->session, "PRAGMA data_version");
        return std::exchange(connection_->data_version, data_version) != data_version;
    });
}

}  // namespace rules_sqlite
