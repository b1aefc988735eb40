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

void Ledger::opened() {
    const std::lock_guard lock(mutex_);
    stats_.open_max = std::max(stats_.open_max, ++stats_.open);
}

void Ledger::closed(Outcome outcome, std::chrono::nanoseconds after) {
    const std::lock_guard lock(mutex_);
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
    number_ = 0;
}

FakeStats Ledger::stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
}

OpenRequest::OpenRequest(std::shared_ptr<Ledger> ledger, const Clock& clock)
    : ledger_(std::move(ledger)), clock_(clock), begun_(clock.now()) {
    ledger_->opened();
}

OpenRequest::~OpenRequest() {
    end(Ledger::Outcome::cancelled);
}

void OpenRequest::end(Ledger::Outcome outcome) {
    if (!std::exchange(has_ended_, true)) {
        ledger_->closed(outcome, age());
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
    out["connections_open"] = connections_open;
    out["script_left"] = script_left;
    out["bodies"] = json::array(stats.bodies.begin(), stats.bodies.end());
    return json::serialize(out);
}

}  // namespace eco2::fake
