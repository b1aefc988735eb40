#include "batch/jobs/fail_point.hpp"
#include "crash_scenarios.hpp"

#include <gtest/gtest.h>

#include <set>

/// T1: the process dies at each fail point. The others of its passings, and other seeds: machine_crash_full_test.cpp.
namespace eco2::batch {
namespace {

class MachineCrash : public ::testing::TestWithParam<std::size_t> {
protected:
    const CrashScenario& scenario() const { return crash_scenarios().at(GetParam()); }
};

TEST_P(MachineCrash, at_any_point_changes_nothing) {
    const auto undisturbed = run_with_crash(scenario(), 1);
    ASSERT_EQ(undisturbed.deaths, 0);
    for (const auto& [point, count] : undisturbed.passed) {
        for (const int time : std::set{1, count}) {
            if (count == 0) {
                continue;
            }
            SCOPED_TRACE(point + ":" + std::to_string(time));
            compare(scenario(), undisturbed, run_with_crash(scenario(), 1, point, time));
        }
    }
}

TEST_P(MachineCrash, again_and_again_changes_nothing) {
    const auto undisturbed = run_with_crash(scenario(), 1);
    for (const int every : {9, 13, 17, 23}) {
        SCOPED_TRACE(every);
        const auto crashed = run_with_crash(scenario(), 1, "", 1, every);
        EXPECT_GE(crashed.deaths, 1);
        if (!scenario().is_cancelled) {
            EXPECT_EQ(crashed.rows, undisturbed.rows);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Scenarios,
                         MachineCrash,
                         ::testing::Range(std::size_t{0}, crash_scenarios().size()),
                         [](const auto& made) { return crash_scenarios().at(made.param).name; });

TEST(FailPoints, are_each_passed_by_some_scenario_and_no_other_is) {
    std::set<std::string> passed;
    for (const auto& scenario : crash_scenarios()) {
        for (const auto& [point, count] : run_with_crash(scenario, 1).passed) {
            if (count > 0) {
                passed.insert(point);
            }
        }
    }
    const std::set<std::string> known(fail_points().begin(), fail_points().end());
    EXPECT_EQ(passed, known);
}

}  // namespace
}  // namespace eco2::batch
