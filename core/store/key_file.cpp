#include "store/key_file.hpp"

#include "base/limits.hpp"
#include "store/sqlite_file.hpp"

#include <Poco/Data/RecordSet.h>

#include <utility>

namespace eco2::store {
namespace {

using Poco::Data::Keywords::into;
using Poco::Data::Keywords::now;
using Poco::Data::Keywords::use;

constexpr int kSchemaVersion = 2;

/// Scopes and pipelines are names without commas.
std::string join(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) {
        out += (out.empty() ? "" : ",") + name;
    }
    return out;
}

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> names;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find(',', begin), text.size());
        names.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return names;
}

/// Schema 1.
void make_first_table(Poco::Data::Session& session) {
    session << "CREATE TABLE keys(id TEXT PRIMARY KEY, name TEXT NOT NULL, secret_hash TEXT NOT NULL, ending TEXT NOT NULL,"
               " user_id TEXT NOT NULL, is_for_users INTEGER NOT NULL, scopes TEXT NOT NULL, pipelines TEXT NOT NULL,"
               " created_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL, revoked_ns INTEGER NOT NULL) WITHOUT ROWID",
        now;
}

/// Schema 2. A key that was made before there was a front door does not open it.
void add_front_door(Poco::Data::Session& session) {
    session << "UPDATE keys SET scopes = 'run,read' WHERE scopes = ''", now;
    session << "ALTER TABLE keys ADD COLUMN models TEXT NOT NULL DEFAULT ''", now;
    session << "ALTER TABLE keys ADD COLUMN requests_per_minute INTEGER NOT NULL DEFAULT 0", now;
    session << "ALTER TABLE keys ADD COLUMN tokens_per_minute INTEGER NOT NULL DEFAULT 0", now;
    session << "ALTER TABLE keys ADD COLUMN spend_max_picousd INTEGER NOT NULL DEFAULT 0", now;
}

}  // namespace

class KeyFile::Impl {
public:
    explicit Impl(const std::filesystem::path& path) : options{path.string(), limits::kGrantBusyTimeout} {}

    template <class Work>
    auto with(Work&& work) {
        return with_connection(connection, options, std::forward<Work>(work));
    }

    const SqliteOptions options;
    std::unique_ptr<SqliteConnection> connection;
};

KeyFile::KeyFile(const std::filesystem::path& path) : impl_(std::make_unique<Impl>(path)) {}
KeyFile::~KeyFile() = default;

Result<void> KeyFile::prepare() {
    return prepare_sqlite(impl_->options, kSchemaVersion, [](Poco::Data::Session& session, int found) {
        if (found == 0) {
            make_first_table(session);
        }
        add_front_door(session);
    });
}

Result<void> KeyFile::add(const ApiKey& key) {
    return impl_->with([&](SqliteConnection& connection) -> Result<void> {
        ApiKey row = key;
        int is_for_users = key.is_for_users ? 1 : 0;
        auto scopes = join(key.scopes);
        auto pipelines = join(key.pipelines);
        Poco::Int64 created = key.created_ns;
        Poco::Int64 expires = key.expires_ns;
        auto models = join(key.models);
        Poco::Int64 requests = key.requests_per_minute;
        Poco::Int64 tokens = key.tokens_per_minute;
        Poco::Int64 spend = key.spend_max_picousd;
        connection.begin();
        connection.session() << "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)", use(row.id),
            use(row.name), use(row.secret_hash), use(row.ending), use(row.user_id), use(is_for_users), use(scopes),
            use(pipelines), use(created), use(expires), use(models), use(requests), use(tokens), use(spend), now;
        connection.commit();
        return {};
    });
}

Result<void> KeyFile::revoke(const std::string& id, std::int64_t wall_ns) {
    std::size_t rows = 0;
    auto revoked = impl_->with([&](SqliteConnection& connection) -> Result<void> {
        std::string key = id;
        Poco::Int64 when = wall_ns;
        connection.begin();
        Poco::Data::Statement update(connection.session());
        update << "UPDATE keys SET revoked_ns = CASE revoked_ns WHEN 0 THEN ? ELSE revoked_ns END WHERE id = ?", use(when),
            use(key);
        rows = update.execute();
        connection.commit();
        return {};
    });
    return revoked && rows == 0 ? Result<void>(fail(Errc::not_found, "no key has the id \"" + id + "\"")) : revoked;
}

Result<std::vector<ApiKey>> KeyFile::all() {
    return impl_->with([&](SqliteConnection& connection) -> Result<std::vector<ApiKey>> {
        Poco::Data::Statement select(connection.session());
        select
            << "SELECT id, name, secret_hash, ending, user_id, is_for_users, scopes, pipelines, created_ns, expires_ns,"
               " revoked_ns, models, requests_per_minute, tokens_per_minute, spend_max_picousd FROM keys ORDER BY created_ns",
            now;
        const Poco::Data::RecordSet rows(select);
        std::vector<ApiKey> keys;
        for (std::size_t row = 0; row < rows.rowCount(); ++row) {
            const auto text = [&](std::size_t column) { return rows.value(column, row).convert<std::string>(); };
            const auto number = [&](std::size_t column) { return rows.value(column, row).convert<Poco::Int64>(); };
            keys.push_back({text(0),
                            text(1),
                            text(2),
                            text(3),
                            text(4),
                            number(5) != 0,
                            split(text(6)),
                            split(text(7)),
                            number(8),
                            number(9),
                            number(10),
                            split(text(11)),
                            number(12),
                            number(13),
                            number(14)});
        }
        return keys;
    });
}

Result<std::int64_t> KeyFile::version() {
    return impl_->with([&](SqliteConnection& connection) -> Result<std::int64_t> {
        Poco::Int64 version = 0;
        connection.session() << "PRAGMA data_version", into(version), now;
        return static_cast<std::int64_t>(version);
    });
}

}  // namespace eco2::store
