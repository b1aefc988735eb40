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

TEST_F(BatchKill, and_without_the_file_that_was_to_be_sent_writes_it_again) {
    begin();
    reset_fake();
    forget();
    EXPECT_EQ(run_job({{"ECO2_FAIL_POINT", "build.after"}}).exit_code, -SIGKILL);
    EXPECT_EQ(std::filesystem::remove_all(data_dir / "batch"), 3U) << "the folders, and the one file in them";
    EXPECT_EQ(run_job().exit_code, 0);
    EXPECT_EQ(results(), undisturbed_);
    expect_all_is_in_order(executed_);
}

/// A job whose batch takes an hour, and is not to take it.
class BatchCancel : public BatchKill {
protected:
    void SetUp() override {
        write_items(kItems);
        start_batch_fake(R"("in_progress_ms":3600000)");
    }
    std::string submit(const Arguments& more = {}) {
        auto arguments = job_arguments();
        arguments[1] = "submit";
        arguments.insert(arguments.end(), more.begin(), more.end());
        const auto left = run(arguments);
        EXPECT_EQ(left.exit_code, 0) << left;
        const auto begin = left.out.find(R"("job":")") + 7;
        return left.out.substr(begin, left.out.find('"', begin) - begin);
    }
    Ended die_at(const std::string& point, const Arguments& arguments) {
        environment["ECO2_FAIL_POINT"] = point;
        auto died = batch(arguments);
        environment.erase("ECO2_FAIL_POINT");
        EXPECT_EQ(died.exit_code, -SIGKILL) << died;
        return died;
    }
    void expect_called_back(const std::string& job, std::string_view state) {
        const auto ended = batch({"watch", job});
        EXPECT_EQ(ended.exit_code, 1) << ended;
        EXPECT_TRUE(ended.shows("\"state\":\"" + std::string(state) + "\"")) << ended;
        EXPECT_GE(asked("batch.cancel"), 1);
        EXPECT_EQ(get_fake("/v1/batches").at("data").at(0).at("status"), "cancelled");
        expect_all_is_in_order(bill().at("total").at("executed").to_number<std::int64_t>());
    }
};

TEST_F(BatchCancel, that_is_killed_halfway_is_carried_on) {
    for (const auto* point : {"cancel.asked", "cancel.sent"}) {
        SCOPED_TRACE(point);
        reset_fake();
        forget();
        const auto job = submit();
        die_at(point, {"cancel", job});
        expect_called_back(job, "cancelled");
    }
}

TEST_F(BatchCancel, by_a_deadline_that_is_killed_halfway_is_carried_on) {
    const auto job = submit({"--deadline", "1s"});
    die_at("cancel.asked", {"watch", job});
    expect_called_back(job, "done");
}

}  // namespace
}  // namespace eco2::test
