#include "batch/jobs/fail_point.hpp"
#include "e2e/batch_disk.hpp"

namespace eco2::test {
namespace {

constexpr int kCallsMax = 2'000;

TEST_F(BatchDisk, that_fails_at_any_call_costs_nothing_but_a_second_run) {
    begin(8);
    // There are several hundred writes, page after page of the same transactions.
    for (const auto& [call, step] :
         {std::pair{"create", 1}, {"rename", 1}, {"sync", 1}, {"truncate", 1}, {"write", 7}, {"short", 7}}) {
        int number = 1;
        while (number < kCallsMax && fail_at(std::string(call) + ":" + std::to_string(number))) {
            number += step;
            if (HasFailure()) {
                return;
            }
        }
        EXPECT_GT(number, 1) << call;
    }
}

TEST_F(BatchDisk, that_loses_power_at_any_point_keeps_what_was_told_to_somebody) {
    begin(8);
    for (const bool keeps_names : {false, true}) {
        for (const auto& point : batch::fail_points()) {
            (void)cut_power_at(point, keeps_names);
            (void)cut_power_at(point + ":2", keeps_names);
            if (HasFailure()) {
                return;
            }
        }
    }
}

TEST_F(BatchDisk, that_loses_power_before_any_sync_keeps_what_was_told_to_somebody) {
    begin(8);
    for (const bool keeps_names : {false, true}) {
        for (int number = 1; number < kCallsMax && cut_power_at_sync(number, keeps_names); ++number) {
            if (HasFailure()) {
                return;
            }
        }
    }
}

}  // namespace
}  // namespace eco2::test
