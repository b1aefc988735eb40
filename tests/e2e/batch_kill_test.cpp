#include "e2e/batch_kill.hpp"

#include <signal.h>

namespace eco2::test {
namespace {

constexpr const char* kLostCreate = R"({"on":"create","fault":"lost_reply"})";

// The points at which most is at stake; all of them, many times each, are the full label's.
TEST_F(BatchKill, at_a_paid_step_is_made_good_by_the_next_run) {
    begin();
    for (const auto* point : {"submit.intent", "submit.sent", "ingest.middle:2"}) {
        EXPECT_TRUE(kill_at(point)) << point << " is not passed";
    }
}

TEST_F(BatchKill, at_a_step_of_files_is_made_good_by_the_next_run) {
    begin();
    for (const auto* point : {"plan.items", "build.middle", "upload.sent", "download.middle", "export.renamed"}) {
        EXPECT_TRUE(kill_at(point)) << point << " is not passed";
    }
}

TEST_F(BatchKill, after_a_lost_reply_and_again_after_its_batch_was_found) {
    begin();
    EXPECT_TRUE(kill_at("reconcile.after", kLostCreate));
}

}  // namespace
}  // namespace eco2::test
