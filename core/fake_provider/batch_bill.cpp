#include "fake_provider/batch_bill.hpp"

#include "base/limits.hpp"
#include "base/money.hpp"
#include "base/text.hpp"
#include "fake_provider/batch_line.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr std::size_t kRepeatedMax = 10'000;  // names of what was executed more than once

std::string hex(std::uint64_t number) {
    std::array<char, 17> out{};
    std::snprintf(out.data(), out.size(), "%016llx", static_cast<unsigned long long>(number));
    return out.data();
}

json::array list_of(const std::map<std::string, std::uint64_t, std::less<>>& repeated, std::string_view what) {
    json::array out;
    for (const auto& [name, times] : repeated) {
        out.push_back(json::object{{what, name}, {"executed", times}});
    }
    return out;
}

}  // namespace

TokenRates token_rates(const Prices& prices, std::string_view model, double discount) {
    const Price price = price_of(prices, model);
    return {picousd_per_token(price.in * discount), picousd_per_token(price.out * discount)};
}

void BatchBill::add_to(Sum& sum, const Execution& execution) {
    ++sum.executed;
    sum.tokens_in += execution.tokens_in;
    sum.tokens_out += execution.tokens_out;
    sum.cost_picousd += execution.cost_picousd;
}

void BatchBill::count(Counts& counts, std::uint64_t hash, Repeated& repeated, const std::string& name) {
    auto found = counts.find(hash);
    if (found == counts.end() && counts.size() >= limits::kFakeBilledItemsMax) {
        ++untracked_;
        return;
    }
    found = found == counts.end() ? counts.emplace(hash, 0).first : found;
    if (++found->second > 1 && (repeated.size() < kRepeatedMax || repeated.contains(name))) {
        repeated[name] = found->second;
    }
}

void BatchBill::add(Execution execution) {
    const std::lock_guard lock(mutex_);
    add_to(total_, execution);
    Sum& batch = batches_[execution.batch_id];
    batch.model = execution.model;
    add_to(batch, execution);
    const std::uint64_t id = text_hash(execution.custom_id);
    execution.custom_id = shorten(execution.custom_id, limits::kFakeNameBytesMax);
    count(by_custom_id_, id, repeated_custom_ids_, execution.custom_id);
    count(by_content_, execution.content, repeated_contents_, hex(execution.content));
    execution.model = shorten(execution.model, limits::kFakeNameBytesMax);
    executions_.push_back(std::move(execution));
    if (executions_.size() > limits::kFakeBilledLinesMax) {
        executions_.pop_front();
    }
}

void BatchBill::reset() {
    const std::lock_guard lock(mutex_);
    total_ = {};
    batches_.clear();
    by_custom_id_.clear();
    by_content_.clear();
    repeated_custom_ids_.clear();
    repeated_contents_.clear();
    untracked_ = 0;
    executions_.clear();
}

std::uint64_t BatchBill::executions_of(std::string_view custom_id) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_custom_id_.find(text_hash(custom_id));
    return found == by_custom_id_.end() ? 0 : found->second;
}

json::object BatchBill::to_object(const Sum& sum) {
    return {{"executed", sum.executed},
            {"tokens_in", sum.tokens_in},
            {"tokens_out", sum.tokens_out},
            {"cost_picousd", sum.cost_picousd},
            {"cost_usd", static_cast<double>(sum.cost_picousd) / 1e12}};
}

json::object BatchBill::to_object(std::size_t executions_max) const {
    const std::lock_guard lock(mutex_);
    json::array batches;
    for (const auto& [id, sum] : batches_) {
        json::object entry{{"batch", id}, {"model", sum.model}};
        for (auto& member : to_object(sum)) {
            entry.insert_or_assign(member.key(), member.value());
        }
        batches.push_back(std::move(entry));
    }
    json::array executions;
    const std::size_t kept = std::min(executions_max, executions_.size());
    for (auto line = executions_.end() - static_cast<std::ptrdiff_t>(kept); line != executions_.end(); ++line) {
        executions.push_back(json::object{{"batch", line->batch_id},
                                          {"custom_id", line->custom_id},
                                          {"content", hex(line->content)},
                                          {"model", line->model},
                                          {"tokens_in", line->tokens_in},
                                          {"tokens_out", line->tokens_out},
                                          {"cost_picousd", line->cost_picousd}});
    }
    return {{"total", to_object(total_)},
            {"batches", std::move(batches)},
            {"distinct_custom_ids", by_custom_id_.size()},
            {"distinct_contents", by_content_.size()},
            {"repeated_custom_ids", list_of(repeated_custom_ids_, "custom_id")},
            {"repeated_contents", list_of(repeated_contents_, "content")},
            {"untracked", untracked_},
            {"executions", std::move(executions)}};
}

}  // namespace eco2::fake
