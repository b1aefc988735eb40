#pragma once

#include "bench/chat_load.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace eco2::bench {

/// One target in one round.
struct ProxyRound {
    double per_second = 0;  // good answers
    double first_p50_ms = 0;
    double first_p99_ms = 0;
    double total_p50_ms = 0;
    double total_p99_ms = 0;
    double gap_p50_ms = 0;
    double gap_p99_ms = 0;
    double gap_max_ms = 0;
    double cpu_per_thousand = 0;  // seconds, of the process and its children; 0: no pid given
    long rss_kib = 0;             // at the end
    double rss_slope = 0;         // KiB a minute, least squares over the window
};

/// A URL and all that was seen of it.
struct ProxyTarget {
    std::string name;
    std::string url;
    int pid = 0;
    std::vector<ProxyRound> rounds;
    ChatTally sum;                                            // of all rounds; without times
    std::vector<std::pair<double, long>> rss_kib_by_seconds;  // of the last round

    std::uint64_t bad() const;  // neither good nor, where they are allowed, clean errors
};

struct ProxyReport {
    std::string name;
    std::string kind;
    int connections = 0;
    double rate = 0;
    double window_seconds = 0;
    double own_cpu_share = 0;  // of one core, of the load runner itself: near 1 it measures itself
    bool allows_errors = false;
    std::vector<ProxyTarget> targets;

    bool is_good() const;
};

/// The times, the rate and the use of one round.
ProxyRound round_of(const ChatTally& tally, double window_seconds, double cpu_seconds);
/// Adds the counts of `tally`, not its times.
void add_counts(ChatTally& sum, const ChatTally& tally);
/// Of a straight line through the points, by least squares, per minute; 0 with fewer than two.
double slope_per_minute(const std::vector<std::pair<double, long>>& by_seconds);
/// Of each field by itself.
ProxyRound median_of(const std::vector<ProxyRound>& rounds);

std::string to_text(const ProxyReport& report);
std::string to_json(const ProxyReport& report);

}  // namespace eco2::bench
