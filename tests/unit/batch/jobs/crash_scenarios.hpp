#pragma once

#include "machine_bench.hpp"

#include <map>
#include <string>
#include <vector>

namespace eco2::batch {

/// A job's life in which the process may die anywhere.
struct CrashScenario {
    std::string name;
    std::string behaviour;  // the fake's "batch"
    int items = 0;
    bool is_scan = false;
    bool is_cancelled = false;  // in the middle; what is then done depends on when it dies
    std::int64_t requests_max = 0;
    int attempts = 10;  // nothing fails for good here
};

const std::vector<CrashScenario>& crash_scenarios();

struct CrashRun {
    std::map<std::string, int> passed;
    std::string rows;
    std::string results;
    int deaths = 0;
};
/// From the plan to the end; checks the invariants. `point`: where it dies, the `time`-th time; empty: nowhere. `every`: it
/// dies at each so manieth point besides; 0: at none.
CrashRun run_with_crash(
    const CrashScenario& scenario, std::uint64_t seed, const std::string& point = "", int time = 1, int every = 0);

/// What a crashed run must have in common with one that was not.
void compare(const CrashScenario& scenario, const CrashRun& undisturbed, const CrashRun& crashed);

}  // namespace eco2::batch
