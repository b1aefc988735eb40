#pragma once

#include "base/io_thread.hpp"
#include "base/result.hpp"

#include <Poco/Data/Session.h>
#include <Poco/Data/Statement.h>
#include <Poco/Exception.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

/// What the SQLite files of this folder have in common. Included by their sources only: Poco stays behind them.
///
/// Rollback journal and synchronous=FULL: what a call reports as written survives the process and the machine.
namespace eco2::store {

struct SqliteOptions {
    std::string path;
    std::chrono::milliseconds busy_timeout{0};
    std::size_t pages_max = 0;  // 0: SQLite's own limit
    bool is_read_only = false;
};

/// An open session; begin and commit are prepared. Throws Poco's exceptions.
class SqliteConnection {
public:
    explicit SqliteConnection(const SqliteOptions& options);
    Poco::Data::Session& session() noexcept { return session_; }
    // A failure leaves the transaction open: closing the session rolls it back.
    void begin() { begin_.execute(); }
    void commit() { commit_.execute(); }

private:
    Poco::Data::Session session_;
    Poco::Data::Statement begin_;
    Poco::Data::Statement commit_;
};

Error sqlite_failed(const SqliteOptions& options, const std::string& reason);

/// Makes directory and file (mode 0600) where they are missing, checks the file, brings its tables to `version`. `migrate` is
/// called inside a transaction, with the version found (0: an empty file). A newer schema is refused untouched.
Result<void> prepare_sqlite(const SqliteOptions& options,
                            int version,
                            const std::function<void(Poco::Data::Session&, int found)>& migrate);

/// Runs `work` with the connection, opened where there is none; after any failure it is closed, and the next call opens it
/// again.
template <class Connection, class Work>
auto with_connection(std::unique_ptr<Connection>& connection, const SqliteOptions& options, Work&& work)
    -> decltype(work(*connection)) {
    assert_may_block();
    Error error;
    try {
        if (!connection) {
            connection = std::make_unique<Connection>(options);
        }
        auto result = work(*connection);
        if (result) {
            return result;
        }
        error = result.error();
    } catch (const Poco::Exception& exception) {
        error = sqlite_failed(options, exception.displayText());
    } catch (const std::exception& exception) {
        error = sqlite_failed(options, exception.what());
    }
    connection.reset();
    return error;
}

}  // namespace eco2::store
