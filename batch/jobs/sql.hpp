#pragma once

#include <Poco/Data/RecordSet.h>
#include <Poco/Data/Session.h>
#include <Poco/Data/Statement.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

/// Short words over Poco::Data, for the job file's sources alone.
namespace eco2::batch {

/// A statement that is run many times with other values; they live beside it.
template <class... Values>
class Prepared {
public:
    Prepared(Poco::Data::Session& session, const std::string& sql) : statement_(session) {
        statement_ << sql;
        std::apply([this](auto&... value) { (statement_.addBind(Poco::Data::Keywords::use(value)), ...); }, values_);
    }

    /// Rows changed.
    template <class... Given>
    std::size_t operator()(Given&&... given) {
        values_ = std::tuple<Values...>(std::forward<Given>(given)...);
        return statement_.execute();
    }

private:
    std::tuple<Values...> values_;
    Poco::Data::Statement statement_;
};

/// A query for one row that is run many times.
template <class Given, class Found>
class PreparedRow;

template <class... Given, class... Found>
class PreparedRow<std::tuple<Given...>, std::tuple<Found...>> {
public:
    PreparedRow(Poco::Data::Session& session, const std::string& sql) : statement_(session) {
        statement_ << sql;
        std::apply([this](auto&... value) { (statement_.addBind(Poco::Data::Keywords::use(value)), ...); }, given_);
        std::apply([this](auto&... value) { (statement_.addExtract(Poco::Data::Keywords::into(value)), ...); }, found_);
    }

    /// Null: no such row. Lifetime: until the next call.
    template <class... Values>
    const std::tuple<Found...>* operator()(Values&&... values) {
        given_ = std::tuple<Given...>(std::forward<Values>(values)...);
        return statement_.execute() == 0 ? nullptr : &found_;
    }

private:
    std::tuple<Given...> given_;
    std::tuple<Found...> found_;
    Poco::Data::Statement statement_;
};

/// Rows changed.
template <class... Given>
std::size_t execute(Poco::Data::Session& session, const std::string& sql, Given... given) {
    Poco::Data::Statement statement(session);
    statement << sql;
    (statement.addBind(Poco::Data::Keywords::use(given)), ...);
    return statement.execute();
}

/// The rows of a query, all at once: it says how many it wants.
class Rows {
public:
    template <class... Given>
    Rows(Poco::Data::Session& session, const std::string& sql, Given... given) : set_(run(session, sql, given...)) {}

    std::size_t size() const { return set_.rowCount(); }
    bool empty() const { return size() == 0; }
    std::int64_t number(std::size_t row, std::size_t column) const {
        const auto value = set_.value(column, row);
        return value.isEmpty() ? 0 : value.convert<Poco::Int64>();
    }
    std::string text(std::size_t row, std::size_t column) const {
        const auto value = set_.value(column, row);
        return value.isEmpty() ? std::string() : value.convert<std::string>();
    }

private:
    template <class... Given>
    static Poco::Data::RecordSet run(Poco::Data::Session& session, const std::string& sql, Given&... given) {
        Poco::Data::Statement statement(session);
        statement << sql;
        (statement.addBind(Poco::Data::Keywords::use(given)), ...);
        statement.execute();
        return Poco::Data::RecordSet(statement);
    }

    Poco::Data::RecordSet set_;
};

/// How many rows to ask for so that they fit into `bytes_max`, at least one where there are any. `sql`: each row's size, in
/// order.
template <class... Given>
std::int64_t rows_within(std::int64_t bytes_max, Poco::Data::Session& session, const std::string& sql, Given... given) {
    const Rows sizes(session, sql, given...);
    std::int64_t bytes = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        bytes += sizes.number(i, 0);
        if (bytes > bytes_max) {
            return i == 0 ? 1 : static_cast<std::int64_t>(i);
        }
    }
    return static_cast<std::int64_t>(sizes.size());
}

}  // namespace eco2::batch
