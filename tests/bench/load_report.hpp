#pragma once

#include "bench/load_user.hpp"
#include "bench/process_watch.hpp"
#include "bench/samples.hpp"

#include <cstdint>
#include <string>

namespace eco2::bench {

/// Everything that one load run has measured.
struct LoadReport {
    std::string name;
    int users = 0;
    double ramp_seconds = 0;
    double window_seconds = 0;
    double think_ms = 0;
    Tally tally;
    std::uint64_t unfinished = 0;  // open at the very end
    std::int64_t open_max = 0;
    Samples health_ms;
    std::uint64_t health_failed = 0;
    ProcessUse before;  // of the process under test
    ProcessUse after;
    long rss_peak_kib = 0;
    double own_cpu_share = 0;  // of one core, of the load runner itself: near its thread count it measures itself

    bool is_good() const noexcept { return tally.completed > 0 && tally.failed == 0 && unfinished == 0; }
};

std::string to_text(const LoadReport& report);
std::string to_json(const LoadReport& report);

}  // namespace eco2::bench
