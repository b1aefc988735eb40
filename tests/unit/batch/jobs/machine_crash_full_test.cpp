#include "crash_scenarios.hpp"
#include "cut_results.hpp"

#include <gtest/gtest.h>

#include <tuple>

/// T1 in full: every passing of every fail point, with twenty orders of lines and draws of faults.
namespace eco2::batch {
namespace {

constexpr std::uint64_t kSeeds = 20;

class MachineCrashFull : public ::testing::TestWithParam<std::tuple<std::size_t, std::uint64_t>> {};

TEST_P(MachineCrashFull, at_every_passing_of_every_point_changes_nothing) {
    const auto& [which, seed] = GetParam();
    const auto& scenario = crash_scenarios().at(which);
    const auto undisturbed = run_with_crash(scenario, seed);
    for (const auto& [point, count] : undisturbed.passed) {
        for (int time = 1; time <= count; ++time) {
            SCOPED_TRACE(point + ":" + std::to_string(time));
            compare(scenario, undisturbed, run_with_crash(scenario, seed, point, time));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Scenarios,
                         MachineCrashFull,
                         ::testing::Combine(::testing::Range(std::size_t{0}, crash_scenarios().size()),
                                            ::testing::Range(std::uint64_t{1}, kSeeds + 1)),
                         [](const auto& made) {
                             return crash_scenarios().at(std::get<0>(made.param)).name + "_" +
                                    std::to_string(std::get<1>(made.param));
                         });

// In parts, so that each keeps to the time of a case.
constexpr std::size_t kParts = 8;

class MachineCutsFull : public ::testing::TestWithParam<std::size_t> {};

TEST_P(MachineCutsFull, T10_at_every_byte_of_the_last_three_lines_are_fetched_again) {
    const CutResults cut;
    for (std::size_t missing = 1 + GetParam(); missing <= cut.tail(); missing += kParts) {
        cut.check(missing);
    }
}

INSTANTIATE_TEST_SUITE_P(Parts, MachineCutsFull, ::testing::Range(std::size_t{0}, kParts));

TEST(MachineResultsFull, T10_a_line_of_40_MB_is_taken_in_bounded_memory) {
    // The fake makes it in the same process, with several copies of its own.
    EXPECT_LT(run_with_long_line(40'000'000), 1'200 * 1024);
}

}  // namespace
}  // namespace eco2::batch
