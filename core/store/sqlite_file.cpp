#include "store/sqlite_file.hpp"

#include "base/limits.hpp"

#include <Poco/Data/RecordSet.h>
#include <Poco/Data/SQLite/Connector.h>
#include <sys/stat.h>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>

namespace eco2::store {
namespace {

using Poco::Data::Keywords::into;
using Poco::Data::Keywords::now;

const std::string& sqlite() {
    static std::once_flag once;
    std::call_once(once, [] { Poco::Data::SQLite::Connector::registerConnector(); });
    return Poco::Data::SQLite::Connector::KEY;
}

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
    if (std::filesystem::file_size(path, error) > limits::kSqliteCheckBytesMax) {
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

}  // namespace

SqliteConnection::SqliteConnection(const SqliteOptions& options)
    : session_(sqlite(), options.path), begin_(session_), commit_(session_) {
    session_ << "PRAGMA busy_timeout=" + std::to_string(options.busy_timeout.count()), now;
    if (options.is_read_only) {
        session_ << "PRAGMA query_only=ON", now;
    } else {
        std::string mode;
        session_ << "PRAGMA journal_mode=TRUNCATE", into(mode), now;
        session_ << "PRAGMA synchronous=FULL", now;
        session_ << "PRAGMA secure_delete=ON", into(mode), now;
        if (options.pages_max != 0) {
            session_ << "PRAGMA max_page_count=" + std::to_string(options.pages_max), now;
        }
    }
    begin_ << "BEGIN IMMEDIATE";
    commit_ << "COMMIT";
}

Error sqlite_failed(const SqliteOptions& options, const std::string& reason) {
    return fail(Errc::store_failed, options.path + ": " + reason);
}

Result<void> prepare_sqlite(const SqliteOptions& options,
                            int version,
                            const std::function<void(Poco::Data::Session&, int found)>& migrate) {
    if (auto made = make_private_file(options.path); !made) {
        return made;
    }
    std::unique_ptr<SqliteConnection> connection;
    return with_connection(connection, options, [&](SqliteConnection& open) -> Result<void> {
        auto& session = open.session();
        if (const auto what = damage(session, options.path); !what.empty()) {
            return sqlite_failed(options, "the file is damaged (" + what + "): restore a copy or move it away");
        }
        open.begin();
        const int found = schema_version(session);
        if (found > version) {
            return sqlite_failed(options,
                                 "its schema is " + std::to_string(found) + ", this program knows up to " +
                                     std::to_string(version) + ": start the newer program or choose another data directory");
        }
        if (found == 0) {
            session << "CREATE TABLE schema_version(version INTEGER NOT NULL)", now;
        }
        if (found != version) {
            migrate(session, found);
            session << "DELETE FROM schema_version", now;
            session << "INSERT INTO schema_version VALUES (" + std::to_string(version) + ")", now;
        }
        open.commit();
        return {};
    });
}

}  // namespace eco2::store
