#pragma once

#include "base/result.hpp"

#include <boost/json/object.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace eco2::fake {

/// How much of an answer a script gives.
enum class Answered { nothing, part, whole };

/// How a request ended.
enum class BilledEnd {
    whole,      // the whole answer was handed to the socket
    cut,        // a part of an answer, by a fault of ours
    cancelled,  // the client went away first
    failed,     // an error, or nothing that could be called an answer
};

std::string_view billed_end_name(BilledEnd end) noexcept;

/// One request as the bill lists it.
struct BilledRequest {
    std::uint64_t number = 0;  // from 1, since the start or the last reset; 0: not one that is billed
    std::string request_id;    // the x-request-id that the request carried; empty: none
    std::string model;         // shortened
    std::string key;           // shortened
    int status = 0;            // 0: no status line was sent
    std::int64_t at_ms = 0;    // when it came, milliseconds since 1970
    Answered answered = Answered::nothing;
    BilledEnd end = BilledEnd::failed;
    std::int64_t tokens_in = 0;
    std::int64_t tokens_out = 0;
    bool usage_told = false;  // the answer's usage was handed to the socket
};

/// USD per million tokens.
struct Price {
    double in = 1.0;
    double out = 4.0;
};

/// What models cost; a model without a price of its own costs what "default" does.
using Prices = std::map<std::string, Price, std::less<>>;

/// {"model":{"in":1.25,"out":10.0},"default":{…}}. Errors: invalid_field.
Result<Prices> read_prices(const boost::json::object& json);

/// Of a model, or of "default".
Price price_of(const Prices& prices, std::string_view model);

/// Sums by key and model, and the last requests.
///
/// Thread-safety: none.
/// Limits:        limits::kFakeBillRowsMax pairs of key and model, what is beyond them shares one row;
///                limits::kFakeBillRequestsMax requests.
class Bill {
public:
    struct Row {
        std::uint64_t requests = 0;
        std::uint64_t whole = 0;
        std::uint64_t cut = 0;
        std::uint64_t cancelled = 0;
        std::uint64_t failed = 0;
        std::int64_t tokens_in = 0;
        std::int64_t tokens_out = 0;
        std::int64_t told_in = 0;  // of the tokens: by requests whose usage was told
        std::int64_t told_out = 0;
    };

    void add(BilledRequest request);
    const std::map<std::pair<std::string, std::string>, Row>& rows() const noexcept { return rows_; }
    const std::deque<BilledRequest>& requests() const noexcept { return requests_; }

private:
    std::map<std::pair<std::string, std::string>, Row> rows_;  // by key and model
    std::deque<BilledRequest> requests_;                       // in the order of their ends
};

/// `bill` as GET /fake/bill shows it, with its last `requests_max` requests and the members of `more`.
std::string to_json(const Bill& bill, const Prices& prices, std::size_t requests_max, boost::json::object more = {});

}  // namespace eco2::fake
