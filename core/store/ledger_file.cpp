#include "store/ledger_file.hpp"

#include "base/limits.hpp"
#include "store/sqlite_file.hpp"

#include <Poco/Data/RecordSet.h>

#include <array>
#include <string_view>

namespace eco2::store {
namespace {

using Poco::Data::Keywords::into;
using Poco::Data::Keywords::now;
using Poco::Data::Keywords::use;

constexpr int kSchemaVersion = 1;

constexpr const char* kTable =
    "CREATE TABLE attempts(day TEXT NOT NULL, caller TEXT NOT NULL, provider TEXT NOT NULL, key TEXT NOT NULL,"
    " model TEXT NOT NULL, route TEXT NOT NULL, price_version TEXT NOT NULL, estimated INTEGER NOT NULL,"
    " outcome INTEGER NOT NULL, attempts INTEGER NOT NULL, unpriced INTEGER NOT NULL, input_tokens INTEGER NOT NULL,"
    " output_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL, cost_picousd INTEGER NOT NULL,"
    " PRIMARY KEY(day, caller, provider, key, model, route, price_version, estimated, outcome)) WITHOUT ROWID";

constexpr const char* kAdd =
    "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT(day, caller, provider, key, model, route, price_version, estimated, outcome) DO UPDATE SET"
    " attempts = attempts + excluded.attempts, unpriced = unpriced + excluded.unpriced,"
    " input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,"
    " cached_input_tokens = cached_input_tokens + excluded.cached_input_tokens,"
    " cost_picousd = cost_picousd + excluded.cost_picousd";

constexpr const char* kSums =
    "sum(attempts), sum(unpriced), sum(input_tokens), sum(output_tokens), sum(cached_input_tokens), sum(cost_picousd)";
constexpr const char* kEstimatedSums =
    "sum(attempts * estimated), sum(unpriced * estimated), sum(input_tokens * estimated), sum(output_tokens * estimated),"
    " sum(cached_input_tokens * estimated), sum(cost_picousd * estimated)";
constexpr std::size_t kSumColumns = 6;

// In the order of LedgerFile::By.
constexpr std::array<std::string_view, 6> kColumns = {"day", "caller", "provider", "key", "model", "route"};

SqliteOptions sqlite_options(const LedgerFile::Options& options) {
    return {options.path, options.busy_timeout, options.pages_max, options.is_read_only};
}

std::int64_t number_at(const Poco::Data::RecordSet& rows, std::size_t column, std::size_t row) {
    return rows.value(column, row).convert<Poco::Int64>();
}

std::string text_at(const Poco::Data::RecordSet& rows, std::size_t column, std::size_t row) {
    return rows.value(column, row).convert<std::string>();
}

LedgerSums sums_at(const Poco::Data::RecordSet& rows, std::size_t column, std::size_t row) {
    LedgerSums sums;
    for (auto* sum : {&sums.attempts,
                      &sums.unpriced,
                      &sums.input_tokens,
                      &sums.output_tokens,
                      &sums.cached_input_tokens,
                      &sums.cost_picousd}) {
        *sum = number_at(rows, column++, row);
    }
    return sums;
}

}  // namespace

// An open session with its one statement; the bound variables live beside it.
class LedgerFile::Connection : public SqliteConnection {
public:
    explicit Connection(const SqliteOptions& options) : SqliteConnection(options), add_(session()) {
        add_ << kAdd, use(key_.day), use(key_.caller), use(key_.provider), use(key_.key), use(key_.model), use(key_.route),
            use(key_.price_version), use(estimated_), use(outcome_), use(sums_[0]), use(sums_[1]), use(sums_[2]), use(sums_[3]),
            use(sums_[4]), use(sums_[5]);
    }

    void add(const LedgerKey& key, const LedgerSums& sums) {
        key_ = key;
        estimated_ = key.is_estimated ? 1 : 0;
        outcome_ = static_cast<int>(key.outcome);
        sums_ = {
            sums.attempts, sums.unpriced, sums.input_tokens, sums.output_tokens, sums.cached_input_tokens, sums.cost_picousd};
        add_.execute();
    }

private:
    LedgerKey key_;
    int estimated_ = 0;
    int outcome_ = 0;
    std::array<Poco::Int64, kSumColumns> sums_{};
    Poco::Data::Statement add_;
};

LedgerSums& LedgerSums::operator+=(const LedgerSums& other) noexcept {
    attempts += other.attempts;
    unpriced += other.unpriced;
    input_tokens += other.input_tokens;
    output_tokens += other.output_tokens;
    cached_input_tokens += other.cached_input_tokens;
    cost_picousd += other.cost_picousd;
    return *this;
}

LedgerFile::Options::Options(std::string path_of_file)
    : path(std::move(path_of_file)), busy_timeout(limits::kGrantBusyTimeout) {}

LedgerFile::LedgerFile(Options options) : options_(std::move(options)) {}
LedgerFile::~LedgerFile() = default;

template <class Work>
auto LedgerFile::with_connection(Work&& work) -> decltype(work(std::declval<Connection&>())) {
    return store::with_connection(connection_, sqlite_options(options_), std::forward<Work>(work));
}

Result<void> LedgerFile::prepare() {
    return prepare_sqlite(
        sqlite_options(options_), kSchemaVersion, [](Poco::Data::Session& session, int) { session << kTable, now; });
}

Result<void> LedgerFile::add(const LedgerRows& rows) {
    return with_connection([&](Connection& connection) -> Result<void> {
        connection.begin();
        for (const auto& [key, sums] : rows) {
            connection.add(key, sums);
        }
        connection.commit();
        return {};
    });
}

Result<std::map<std::string, std::int64_t, std::less<>>> LedgerFile::spent() {
    using Spent = std::map<std::string, std::int64_t, std::less<>>;
    return with_connection([&](Connection& connection) -> Result<Spent> {
        Poco::Data::Statement select(connection.session());
        select << "SELECT caller, sum(cost_picousd) FROM attempts WHERE caller != '' GROUP BY caller", now;
        const Poco::Data::RecordSet rows(select);
        Spent spent;
        for (std::size_t row = 0; row < rows.rowCount(); ++row) {
            spent[text_at(rows, 0, row)] = number_at(rows, 1, row);
        }
        return spent;
    });
}

Result<std::vector<LedgerFile::Group>> LedgerFile::groups(const Query& query) {
    return with_connection([&](Connection& connection) -> Result<std::vector<Group>> {
        const std::string column(kColumns[static_cast<std::size_t>(query.by)]);
        std::string since = query.since;
        Poco::Data::Statement select(connection.session());
        select << "SELECT " + column + ", " + kSums + ", " + kEstimatedSums +
                      ", sum(attempts * (outcome = 1)), sum(attempts * (outcome = 2)) FROM attempts WHERE day >= ? GROUP BY " +
                      column + " ORDER BY " + (query.by == By::day ? "1" : "sum(cost_picousd) DESC, sum(attempts) DESC, 1"),
            use(since), now;
        const Poco::Data::RecordSet rows(select);
        std::vector<Group> groups;
        for (std::size_t row = 0; row < rows.rowCount(); ++row) {
            Group group;
            group.name = text_at(rows, 0, row);
            group.sums = sums_at(rows, 1, row);
            group.estimated = sums_at(rows, 1 + kSumColumns, row);
            group.failed = number_at(rows, 1 + 2 * kSumColumns, row);
            group.cancelled = number_at(rows, 2 + 2 * kSumColumns, row);
            groups.push_back(std::move(group));
        }
        return groups;
    });
}

Result<LedgerRows> LedgerFile::rows() {
    return with_connection([&](Connection& connection) -> Result<LedgerRows> {
        Poco::Data::Statement select(connection.session());
        select << "SELECT * FROM attempts", now;
        const Poco::Data::RecordSet found(select);
        LedgerRows rows;
        for (std::size_t row = 0; row < found.rowCount(); ++row) {
            LedgerKey key;
            std::size_t column = 0;
            for (auto* text : {&key.day, &key.caller, &key.provider, &key.key, &key.model, &key.route, &key.price_version}) {
                *text = text_at(found, column++, row);
            }
            key.is_estimated = number_at(found, column++, row) != 0;
            key.outcome = static_cast<LedgerOutcome>(number_at(found, column++, row));
            rows[key] = sums_at(found, column, row);
        }
        return rows;
    });
}

}  // namespace eco2::store
