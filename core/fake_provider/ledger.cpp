#include "fake_provider/ledger.hpp"

#include "base/limits.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <utility>

namespace eco2::fake {
namespace {

namespace json = boost::json;

void increment(std::map<std::string, std::uint64_t, std::less<>>& counts, std::string_view name) {
    const auto found = counts.find(name);
    if (found != counts.end()) {
        ++found->second;
    } else {
        counts.emplace(std::string(name), 1);
    }
}

json::object to_object(const std::map<std::string, std::uint64_t, std::less<>>& counts) {
    json::object out;
    for (const auto& [name, count] : counts) {
        out[name] = count;
    }
    return out;
}

BilledEnd end_of(Ledger::Outcome outcome, Answered answered) {
    if (outcome == Ledger::Outcome::cancelled) {
        return BilledEnd::cancelled;
    }
    if (answered == Answered::nothing) {
        return BilledEnd::failed;
    }
    const bool is_whole = outcome == Ledger::Outcome::completed && answered == Answered::whole;
    return is_whole ? BilledEnd::whole : BilledEnd::cut;
}

}  // namespace

std::uint64_t Ledger::next_number() {
    const std::lock_guard lock(mutex_);
    return ++number_;
}

void Ledger::count(std::string_view kind, std::string_view fault, std::string body) {
    if (body.size() > limits::kFakeBodyKeptBytesMax) {
        body.resize(limits::kFakeBodyKeptBytesMax);
        body.shrink_to_fit();
    }
    const std::lock_guard lock(mutex_);
    ++stats_.requests;
    increment(stats_.by_kind, kind);
    if (!fault.empty()) {
        increment(stats_.by_fault, fault);
    }
    if (!body.empty()) {
        stats_.bodies.push_back(std::move(body));
        if (stats_.bodies.size() > limits::kFakeBodiesKept) {
            stats_.bodies.pop_front();
        }
    }
}

void Ledger::bill(std::int64_t tokens_in, std::int64_t tokens_out) {
    const std::lock_guard lock(mutex_);
    stats_.tokens_in += tokens_in;
    stats_.tokens_out += tokens_out;
}

void Ledger::count_account(std::string_view account, bool is_refused) {
    const std::lock_guard lock(mutex_);
    auto found = stats_.by_account.find(account);
    if (found == stats_.by_account.end()) {
        found = stats_.by_account.try_emplace(std::string(account)).first;
    }
    ++(is_refused ? found->second.refused_429 : found->second.taken);
}

void Ledger::opened() {
    const std::lock_guard lock(mutex_);
    stats_.open_max = std::max(stats_.open_max, ++stats_.open);
}

void Ledger::closed(Outcome outcome, std::chrono::nanoseconds after, BilledRequest entry) {
    entry.end = end_of(outcome, entry.answered);
    const std::lock_guard lock(mutex_);
    if (entry.number != 0) {
        bill_.add(std::move(entry));
    }
    --stats_.open;
    switch (outcome) {
        case Outcome::completed: ++stats_.completed; break;
        case Outcome::broken: ++stats_.broken; break;
        case Outcome::cancelled:
            ++stats_.cancelled;
            stats_.cancelled_after_ms.push_back(std::chrono::duration<double, std::milli>(after).count());
            if (stats_.cancelled_after_ms.size() > limits::kFakeBodiesKept) {
                stats_.cancelled_after_ms.pop_front();
            }
            break;
    }
}

void Ledger::reset() {
    const std::lock_guard lock(mutex_);
    const std::size_t open = stats_.open;
    stats_ = FakeStats{};
    stats_.open = open;
    stats_.open_max = open;
    bill_ = Bill{};
    number_ = 0;
}

FakeStats Ledger::stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
}

Bill Ledger::bill() const {
    const std::lock_guard lock(mutex_);
    return bill_;
}

OpenRequest::OpenRequest(std::shared_ptr<Ledger> ledger, const Clock& clock)
    : ledger_(std::move(ledger)), clock_(clock), begun_(clock.now()) {
    ledger_->opened();
}

OpenRequest::~OpenRequest() {
    end(Ledger::Outcome::cancelled);
}

void OpenRequest::bill(std::int64_t tokens_in, std::int64_t tokens_out) {
    entry_.tokens_in += tokens_in;
    entry_.tokens_out += tokens_out;
    ledger_->bill(tokens_in, tokens_out);
}

void OpenRequest::end(Ledger::Outcome outcome) {
    if (!std::exchange(has_ended_, true)) {
        ledger_->closed(outcome, age(), std::move(entry_));
    }
}

std::string to_json(const FakeStats& stats, std::size_t connections_open, std::size_t script_left) {
    json::object out;
    out["requests"] = stats.requests;
    out["by_kind"] = to_object(stats.by_kind);
    out["by_fault"] = to_object(stats.by_fault);
    out["completed"] = stats.completed;
    out["broken"] = stats.broken;
    out["cancelled"] = stats.cancelled;
    out["cancelled_after_ms"] = json::array(stats.cancelled_after_ms.begin(), stats.cancelled_after_ms.end());
    out["open"] = stats.open;
    out["open_max"] = stats.open_max;
    out["tokens_in"] = stats.tokens_in;
    out["tokens_out"] = stats.tokens_out;
    json::object accounts;
    for (const auto& [name, account] : stats.by_account) {
        accounts[name] = {{"taken", account.taken}, {"refused_429", account.refused_429}};
    }
    out["by_account"] = std::move(accounts);
    out["connections_open"] = connections_open;
    out["script_left"] = script_left;
    out["bodies"] = json::array(stats.bodies.begin(), stats.bodies.end());
    return json::serialize(out);
}

}  // namespace eco2::fake
