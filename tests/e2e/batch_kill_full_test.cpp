#include "batch/jobs/fail_point.hpp"
#include "e2e/batch_kill.hpp"

#include <set>

namespace eco2::test {
namespace {

constexpr int kTimesMax = 6;  // of one point: a job passes most of them once or twice a stage
const std::set<std::string> kCancelOnly = {"cancel.asked", "cancel.sent"};

TEST_F(BatchKill, at_every_point_each_time_that_it_is_passed_is_made_good_by_the_next_run) {
    // Three batches a stage.
    set_batch("requests_max", "10");
    begin();
    for (const auto& point : batch::fail_points()) {
        if (kCancelOnly.contains(point)) {
            continue;
        }
        const bool is_of_reconciling = point == "reconcile.after";
        const std::string faults =
            is_of_reconciling ? R"({"on":"create","fault":"lost_reply"},{"on":"upload","fault":"lost_reply"})" : "";
        int times = 0;
        while (times < kTimesMax && kill_at(point + ":" + std::to_string(times + 1), faults)) {
            ++times;
        }
        EXPECT_GT(times, 0) << point << " is not passed";
        if (HasFailure()) {
            return;
        }
    }
}

}  // namespace
}  // namespace eco2::test
