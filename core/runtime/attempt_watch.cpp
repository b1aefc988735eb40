#include "runtime/attempt_watch.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "base/utc.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace eco2::runtime {
namespace {

using routing::AttemptRecord;
using routing::RoutedRecord;

double seconds(std::chrono::nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

std::string milliseconds(std::chrono::nanoseconds duration) {
    std::array<char, 32> text{};
    const int size = std::snprintf(text.data(), text.size(), "%.3f", static_cast<double>(duration.count()) / 1e6);
    return std::string(text.data(), static_cast<std::size_t>(size));
}

std::string_view model_of(const AttemptRecord& record) {
    return record.answered.empty() ? record.model : record.answered;
}

std::string_view source_of(const AttemptRecord& record) {
    return record.is_estimated ? "estimated" : "reported";
}

bool has_failed(std::string_view outcome) {
    return outcome != "ok" && outcome != "cancelled";
}

void count(observe::Metrics& metrics, const AttemptRecord& record) {
    metrics.eco2_attempts_total.with({record.route, record.provider, record.outcome}).add();
    metrics.eco2_attempt_seconds.with({record.provider}).observe(seconds(record.duration));
    if (record.first_content.count() >= 0) {
        metrics.eco2_first_content_seconds.with({record.provider}).observe(seconds(record.first_content));
    }
    const std::pair<std::string_view, std::int64_t> kTokens[] = {
        {"in", record.input_tokens}, {"cached", record.cached_input_tokens}, {"out", record.output_tokens}};
    for (const auto& [direction, tokens] : kTokens) {
        if (tokens > 0) {
            metrics.eco2_tokens_total.with({record.provider, model_of(record), direction, source_of(record)})
                .add(static_cast<double>(tokens));
        }
    }
    if (record.cost_picousd > 0) {
        metrics.eco2_cost_usd_total.with({record.provider, source_of(record)})
            .add(static_cast<double>(record.cost_picousd) / 1e12);
    }
}

void enter(store::LedgerStore& ledger, const AttemptRecord& record) {
    store::LedgerKey key;
    key.caller = record.caller;
    key.provider = record.provider;
    key.key = record.key;
    key.model = model_of(record);
    key.route = record.route;
    key.price_version = record.price_version;
    key.is_estimated = record.is_estimated;
    key.outcome = record.outcome == "ok"          ? store::LedgerOutcome::ok
                  : record.outcome == "cancelled" ? store::LedgerOutcome::cancelled
                                                  : store::LedgerOutcome::failed;
    ledger.record(std::move(key),
                  {1,
                   record.is_priced ? 0 : 1,
                   record.input_tokens,
                   record.output_tokens,
                   record.cached_input_tokens,
                   record.cost_picousd});
}

std::string routed_json(const AttemptWatch::Remembered& remembered) {
    const auto& record = remembered.record;
    std::string out = "{\"request_id\":" + json_quote(record.request_id) + ",\"route\":" + json_quote(record.route);
    out += ",\"caller\":" + json_quote(record.caller) + ",\"outcome\":" + json_quote(record.outcome);
    out += ",\"attempts\":" + std::to_string(record.attempts) + ",\"duration_ms\":" + milliseconds(record.duration);
    return out + ",\"ended_at\":" + json_quote(utc_text(remembered.ended_ns)) + ",\"trail\":" + json_quote(record.trail) + "}";
}

}  // namespace

AttemptWatch::AttemptWatch(Doors doors) : doors_(doors) {
    remembered_.reserve(limits::kRoutedRecordsKept);
}

void AttemptWatch::on_attempt(const AttemptRecord& record) {
    if (doors_.ledger != nullptr) {
        enter(*doors_.ledger, record);
    }
    count(doors_.metrics, record);
    if (record.outcome == info(Errc::provider_key).name) {
        // Once a rest of the key: the operator's to mend, and nobody else's.
        doors_.log.warn(
            "an upstream refused a key",
            {{"provider", record.provider}, {"key", record.key}, {"model", record.model}, {"request", record.request_id}});
    }
    if (doors_.log.enabled(LogLevel::debug)) {
        log_attempt(record);
    }
}

void AttemptWatch::log_attempt(const AttemptRecord& record) {
    doors_.log.debug("attempt",
                     {{"request", record.request_id},
                      {"route", record.route},
                      {"attempt", std::to_string(record.attempt)},
                      {"provider", record.provider},
                      {"model", record.model},
                      {"answered", record.answered},
                      {"key", record.key},
                      {"caller", record.caller},
                      {"outcome", record.outcome},
                      {"duration_ms", milliseconds(record.duration)},
                      {"first_content_ms", record.first_content.count() < 0 ? "" : milliseconds(record.first_content)},
                      {"input_tokens", std::to_string(record.input_tokens)},
                      {"cached_input_tokens", std::to_string(record.cached_input_tokens)},
                      {"output_tokens", std::to_string(record.output_tokens)},
                      {"source", source_of(record)},
                      {"cost_picousd", record.is_priced ? std::to_string(record.cost_picousd) : ""}});
}

void AttemptWatch::on_routed(const RoutedRecord& record) {
    if (record.attempts > 1 && record.outcome == "ok") {
        doors_.metrics.eco2_failovers_total.with({record.route}).add();
    }
    log_routed(record);
    Remembered remembered{record, doors_.clock.wall_ns()};
    remembered.record.trail = shorten(record.trail, limits::kTrailKeptBytesMax);
    const std::lock_guard lock(mutex_);
    if (remembered_.size() < limits::kRoutedRecordsKept) {
        remembered_.push_back(std::move(remembered));
        return;
    }
    std::swap(remembered_[next_], remembered);
    next_ = (next_ + 1) % limits::kRoutedRecordsKept;
}

void AttemptWatch::log_routed(const RoutedRecord& record) {
    const auto level = record.attempts > 1 || has_failed(record.outcome) ? LogLevel::info : LogLevel::debug;
    if (!doors_.log.enabled(level)) {
        return;
    }
    const auto attempts = std::to_string(record.attempts);
    const auto duration = milliseconds(record.duration);
    const std::array<LogField, 7> fields = {{{"request", record.request_id},
                                             {"route", record.route},
                                             {"caller", record.caller},
                                             {"outcome", record.outcome},
                                             {"attempts", attempts},
                                             {"duration_ms", duration},
                                             {"trail", record.trail}}};
    doors_.log.write(level, "routed", fields);
}

std::vector<AttemptWatch::Remembered> AttemptWatch::find(std::string_view request_id) const {
    std::vector<Remembered> found;
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < remembered_.size(); ++i) {
        const auto& one = remembered_[(next_ + i) % remembered_.size()];
        if (one.record.request_id == request_id) {
            found.push_back(one);
        }
    }
    return found;
}

std::optional<std::string> explain_json(const AttemptWatch& watch, std::string_view request_id) {
    const auto found = watch.find(request_id);
    if (found.empty()) {
        return std::nullopt;
    }
    std::string out;
    for (const auto& one : found) {
        out += (out.empty() ? "[" : ",") + routed_json(one);
    }
    return out + "]";
}

}  // namespace eco2::runtime
