#include "fake_provider/bill.hpp"

#include "base/limits.hpp"
#include "base/money.hpp"
#include "fake_provider/known_names.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 4> kEndNames{"whole", "cut", "cancelled", "failed"};
constexpr std::array<std::uint64_t Bill::Row::*, 4> kEndCounts{
    &Bill::Row::whole, &Bill::Row::cut, &Bill::Row::cancelled, &Bill::Row::failed};
constexpr std::string_view kDefault = "default";
constexpr std::string_view kTheRest = "(all others)";

std::int64_t cost_picousd(const Price& price, const Bill::Row& row) {
    return row.tokens_in * picousd_per_token(price.in) + row.tokens_out * picousd_per_token(price.out);
}

void add_to(Bill::Row& sum, const Bill::Row& row) {
    sum.requests += row.requests;
    for (const auto member : kEndCounts) {
        sum.*member += row.*member;
    }
    sum.tokens_in += row.tokens_in;
    sum.tokens_out += row.tokens_out;
    sum.told_in += row.told_in;
    sum.told_out += row.told_out;
}

json::object to_object(const Bill::Row& row, std::int64_t picousd) {
    json::object out;
    out["requests"] = row.requests;
    for (std::size_t i = 0; i < kEndNames.size(); ++i) {
        out[kEndNames[i]] = row.*kEndCounts[i];
    }
    out["tokens_in"] = row.tokens_in;
    out["tokens_out"] = row.tokens_out;
    out["told_in"] = row.told_in;
    out["told_out"] = row.told_out;
    out["cost_picousd"] = picousd;
    out["cost_usd"] = static_cast<double>(picousd) / 1e12;
    return out;
}

json::object to_object(const BilledRequest& request) {
    return {{"number", request.number},
            {"request_id", request.request_id},
            {"model", request.model},
            {"key", request.key},
            {"status", request.status},
            {"at_ms", request.at_ms},
            {"end", billed_end_name(request.end)},
            {"tokens_in", request.tokens_in},
            {"tokens_out", request.tokens_out},
            {"usage_told", request.usage_told}};
}

}  // namespace

std::string_view billed_end_name(BilledEnd end) noexcept {
    return kEndNames[static_cast<std::size_t>(end)];
}

Price price_of(const Prices& prices, std::string_view model) {
    auto found = prices.find(model);
    found = found == prices.end() ? prices.find(kDefault) : found;
    return found == prices.end() ? Price{} : found->second;
}

Result<Prices> read_prices(const json::object& json) {
    Prices out;
    for (const auto& [model, value] : json) {
        if (!value.is_object()) {
            return bad_key(model, "an object with \"in\" and \"out\", USD per million tokens");
        }
        Price price;
        for (const auto& [name, usd] : value.get_object()) {
            if (name != "in" && name != "out") {
                return unknown_key(name, "a price", {"in", "out"});
            }
            if (!usd.is_number() || usd.to_number<double>() < 0 || usd.to_number<double>() > 1e6) {
                return bad_key(name, "USD per million tokens");
            }
            (name == "in" ? price.in : price.out) = usd.to_number<double>();
        }
        out[std::string(model)] = price;
    }
    return out;
}

void Bill::add(BilledRequest request) {
    auto row = rows_.find({request.key, request.model});
    if (row == rows_.end()) {
        const bool is_full = rows_.size() >= limits::kFakeBillRowsMax;
        row = rows_
                  .try_emplace(is_full ? std::pair(std::string(kTheRest), std::string(kTheRest))
                                       : std::pair(request.key, request.model))
                  .first;
    }
    ++row->second.requests;
    ++(row->second.*kEndCounts[static_cast<std::size_t>(request.end)]);
    row->second.tokens_in += request.tokens_in;
    row->second.tokens_out += request.tokens_out;
    if (request.usage_told) {
        row->second.told_in += request.tokens_in;
        row->second.told_out += request.tokens_out;
    }
    requests_.push_back(std::move(request));
    if (requests_.size() > limits::kFakeBillRequestsMax) {
        requests_.pop_front();
    }
}

std::string to_json(const Bill& bill, const Prices& prices, std::size_t requests_max, json::object more) {
    json::array rows;
    Bill::Row sum;
    std::int64_t sum_picousd = 0;
    for (const auto& [name, row] : bill.rows()) {
        const std::int64_t picousd = cost_picousd(price_of(prices, name.second), row);
        json::object entry{{"key", name.first}, {"model", name.second}};
        for (auto& member : to_object(row, picousd)) {
            entry.insert_or_assign(member.key(), member.value());
        }
        rows.push_back(std::move(entry));
        add_to(sum, row);
        sum_picousd += picousd;
    }
    json::array requests;
    const std::size_t kept = std::min(requests_max, bill.requests().size());
    requests.reserve(kept);
    for (auto request = bill.requests().end() - static_cast<std::ptrdiff_t>(kept); request != bill.requests().end();
         ++request) {
        requests.push_back(to_object(*request));
    }
    json::object out{{"total", to_object(sum, sum_picousd)}, {"rows", std::move(rows)}, {"requests", std::move(requests)}};
    for (auto& member : more) {
        out.insert_or_assign(member.key(), std::move(member.value()));
    }
    return json::serialize(out);
}

}  // namespace eco2::fake
