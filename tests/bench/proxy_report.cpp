#include "bench/proxy_report.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

namespace eco2::bench {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 5> kOutcomes{"good", "clean_error", "broken", "wrong", "late"};
constexpr std::size_t kFaultsMax = 10;

struct Field {
    std::string_view name;
    double ProxyRound::*value;
};

constexpr std::array kFields{
    Field{"per_second", &ProxyRound::per_second},
    Field{"first_p50_ms", &ProxyRound::first_p50_ms},
    Field{"first_p99_ms", &ProxyRound::first_p99_ms},
    Field{"total_p50_ms", &ProxyRound::total_p50_ms},
    Field{"total_p99_ms", &ProxyRound::total_p99_ms},
    Field{"gap_p50_ms", &ProxyRound::gap_p50_ms},
    Field{"gap_p99_ms", &ProxyRound::gap_p99_ms},
    Field{"gap_max_ms", &ProxyRound::gap_max_ms},
    Field{"cpu_seconds_per_1000", &ProxyRound::cpu_per_thousand},
    Field{"rss_slope_kib_per_minute", &ProxyRound::rss_slope},
};

template <class Number>
Number median(std::vector<Number> values) {
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.empty() ? Number{} : values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

json::object round_object(const ProxyRound& round) {
    json::object out;
    for (const Field& field : kFields) {
        out[field.name] = round.*field.value;
    }
    out["rss_kib"] = round.rss_kib;
    return out;
}

json::object target_object(const ProxyTarget& target, const ProxyRound& direct) {
    json::object counts{{"started", target.sum.started}, {"not_started", target.sum.not_started}, {"bad", target.bad()}};
    for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
        counts[kOutcomes[i]] = target.sum.outcomes[i];
    }
    const ProxyRound middle = median_of(target.rounds);
    json::object added{{"first_p50_ms", middle.first_p50_ms - direct.first_p50_ms},
                       {"first_p99_ms", middle.first_p99_ms - direct.first_p99_ms},
                       {"total_p50_ms", middle.total_p50_ms - direct.total_p50_ms},
                       {"total_p99_ms", middle.total_p99_ms - direct.total_p99_ms},
                       {"gap_p50_ms", middle.gap_p50_ms - direct.gap_p50_ms},
                       {"gap_p99_ms", middle.gap_p99_ms - direct.gap_p99_ms}};
    json::array rounds;
    for (const ProxyRound& round : target.rounds) {
        rounds.push_back(round_object(round));
    }
    json::array rss;
    for (const auto& [seconds, kib] : target.rss_kib_by_seconds) {
        rss.push_back(json::array{seconds, kib});
    }
    json::object errors;
    for (const auto& [error, count] : target.sum.clean_errors) {
        errors[error] = count;
    }
    return json::object{{"name", target.name},
                        {"counts", std::move(counts)},
                        {"median", round_object(middle)},
                        {"added", std::move(added)},
                        {"rounds", std::move(rounds)},
                        {"rss_kib_by_seconds", std::move(rss)},
                        {"clean_errors", std::move(errors)},
                        {"faults", json::array(target.sum.faults.begin(), target.sum.faults.end())}};
}

}  // namespace

std::uint64_t ProxyTarget::bad() const {
    return sum.count(ChatOutcome::broken) + sum.count(ChatOutcome::wrong) + sum.count(ChatOutcome::late);
}

bool ProxyReport::is_good() const {
    return std::all_of(targets.begin(), targets.end(), [this](const ProxyTarget& target) {
        const bool is_clean = allows_errors || target.sum.count(ChatOutcome::clean_error) == 0;
        return target.bad() == 0 && is_clean && target.sum.count(ChatOutcome::good) > 0 && target.sum.not_started == 0;
    });
}

ProxyRound round_of(const ChatTally& tally, double window_seconds, double cpu_seconds) {
    ProxyRound round;
    round.per_second = static_cast<double>(tally.ended_in_window) / window_seconds;
    round.first_p50_ms = tally.first_content_ms.percentile(50);
    round.first_p99_ms = tally.first_content_ms.percentile(99);
    round.total_p50_ms = tally.total_ms.percentile(50);
    round.total_p99_ms = tally.total_ms.percentile(99);
    round.gap_p50_ms = tally.gaps_ms.percentile(50);
    round.gap_p99_ms = tally.gaps_ms.percentile(99);
    round.gap_max_ms = tally.gaps_ms.max();
    round.cpu_per_thousand = tally.ended_in_window == 0 ? 0 : 1000 * cpu_seconds / static_cast<double>(tally.ended_in_window);
    return round;
}

void add_counts(ChatTally& sum, const ChatTally& tally) {
    sum.started += tally.started;
    sum.not_started += tally.not_started;
    sum.ended_in_window += tally.ended_in_window;
    for (std::size_t i = 0; i < sum.outcomes.size(); ++i) {
        sum.outcomes[i] += tally.outcomes[i];
    }
    for (const auto& [error, count] : tally.clean_errors) {
        sum.clean_errors[error] += count;
    }
    const std::size_t room = kFaultsMax - std::min(kFaultsMax, sum.faults.size());
    const auto taken = static_cast<std::ptrdiff_t>(std::min(room, tally.faults.size()));
    sum.faults.insert(sum.faults.end(), tally.faults.begin(), tally.faults.begin() + taken);
}

double slope_per_minute(const std::vector<std::pair<double, long>>& by_seconds) {
    const auto count = static_cast<double>(by_seconds.size());
    double mean_x = 0;
    double mean_y = 0;
    for (const auto& [x, y] : by_seconds) {
        mean_x += x / count;
        mean_y += static_cast<double>(y) / count;
    }
    double products = 0;
    double squares = 0;
    for (const auto& [x, y] : by_seconds) {
        products += (x - mean_x) * (static_cast<double>(y) - mean_y);
        squares += (x - mean_x) * (x - mean_x);
    }
    return squares == 0 ? 0 : 60 * products / squares;
}

ProxyRound median_of(const std::vector<ProxyRound>& rounds) {
    ProxyRound out;
    for (const Field& field : kFields) {
        std::vector<double> values;
        for (const ProxyRound& round : rounds) {
            values.push_back(round.*field.value);
        }
        out.*field.value = median(std::move(values));
    }
    std::vector<long> rss;
    for (const ProxyRound& round : rounds) {
        rss.push_back(round.rss_kib);
    }
    out.rss_kib = median(std::move(rss));
    return out;
}

std::string to_text(const ProxyReport& report) {
    std::array<char, 512> line{};
    std::snprintf(line.data(),
                  line.size(),
                  "%s: %s, %d connections, %.0f calls/s (0: closed loop), window %.0f s, load runner %.0f %% of a core\n",
                  report.name.c_str(),
                  report.kind.c_str(),
                  report.connections,
                  report.rate,
                  report.window_seconds,
                  100 * report.own_cpu_share);
    std::string out = line.data();
    for (const ProxyTarget& target : report.targets) {
        const ProxyRound middle = median_of(target.rounds);
        std::snprintf(
            line.data(),
            line.size(),
            "  %-8s %8.1f/s  first %.2f/%.2f ms  gap %.2f/%.2f/%.2f ms  total %.2f/%.2f ms  CPU %.4f s/1,000  RSS %ld KiB "
            "(%+.0f/min)\n",
            target.name.c_str(),
            middle.per_second,
            middle.first_p50_ms,
            middle.first_p99_ms,
            middle.gap_p50_ms,
            middle.gap_p99_ms,
            middle.gap_max_ms,
            middle.total_p50_ms,
            middle.total_p99_ms,
            middle.cpu_per_thousand,
            middle.rss_kib,
            middle.rss_slope);
        out += line.data();
        out += "          ";
        for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
            out += " " + std::string(kOutcomes[i]) + " " + std::to_string(target.sum.outcomes[i]);
        }
        out += target.sum.not_started == 0 ? "\n" : " not started " + std::to_string(target.sum.not_started) + "\n";
        for (const std::string& fault : target.sum.faults) {
            out += "           ! " + fault + "\n";
        }
    }
    return out;
}

std::string to_json(const ProxyReport& report) {
    const ProxyRound direct = report.targets.empty() ? ProxyRound{} : median_of(report.targets.front().rounds);
    json::array targets;
    for (const ProxyTarget& target : report.targets) {
        targets.push_back(target_object(target, direct));
    }
    return json::serialize(json::object{{"name", report.name},
                                        {"kind", report.kind},
                                        {"connections", report.connections},
                                        {"rate", report.rate},
                                        {"window_seconds", report.window_seconds},
                                        {"load_runner_cpu_share", report.own_cpu_share},
                                        {"targets", std::move(targets)},
                                        {"good", report.is_good()}});
}

}  // namespace eco2::bench
