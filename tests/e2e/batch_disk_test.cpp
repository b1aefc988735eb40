#include "e2e/batch_disk.hpp"

#include <signal.h>

#include <thread>

namespace eco2::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kStandsStill = 700ms;

class BatchDiskFull : public BatchDisk {
protected:
    /// The job stands still, says that the disk is full, and ends well once there is room.
    void expect_goes_on_once_there_is_room(Process& job, std::string_view reason) {
        EXPECT_TRUE(job.out_has(reason)) << job.out() << job.err();
        std::this_thread::sleep_for(kStandsStill);
        EXPECT_TRUE(job.is_running()) << job.out() << job.err();
        std::filesystem::remove(full_flag());
        const auto exit_code = job.exit_code_within(30s);
        EXPECT_EQ(exit_code, 0) << job.out() << job.err();
        EXPECT_EQ(results(), undisturbed_);
        expect_all_is_in_order(executed_);
    }
    void begin_again() {
        reset_fake();
        forget();
    }
    static constexpr const char* kSlowBatches = R"({"batch":{"in_progress_ms":1500}})";
};

TEST_F(BatchDiskFull, while_a_file_of_requests_is_written) {
    begin();
    begin_again();
    write(full_flag(), "");
    const auto job = start_job(watching("/batch/shards/"));
    expect_goes_on_once_there_is_room(*job, "No space left on device");
}

TEST_F(BatchDiskFull, while_the_database_is_written) {
    begin();
    begin_again();
    fake(kSlowBatches);
    const auto job = start_job(watching("/batch.db"));
    ASSERT_TRUE(job->out_has(R"("running":1)")) << job->out() << job->err();
    write(full_flag(), "");
    expect_goes_on_once_there_is_room(*job, "disk is full");
}

TEST_F(BatchDiskFull, while_results_are_fetched) {
    begin();
    begin_again();
    fake(kSlowBatches);
    const auto job = start_job(watching("/batch/shards/"));
    ASSERT_TRUE(job->out_has(R"("running":1)")) << job->out() << job->err();
    write(full_flag(), "");
    expect_goes_on_once_there_is_room(*job, "No space left on device");
}

TEST_F(BatchDiskFull, while_the_results_are_written) {
    begin();
    begin_again();
    write(full_flag(), "");
    const auto job = start_job(watching(output().string()));
    expect_goes_on_once_there_is_room(*job, "No space left on device");
}

TEST_F(BatchDiskFull, while_a_job_is_planned_ends_the_command_and_nothing_was_begun) {
    begin();
    begin_again();
    write(full_flag(), "");
    const auto refused = run_job(watching_all());
    EXPECT_EQ(refused.exit_code, 3) << refused;
    EXPECT_TRUE(refused.tells("disk is full")) << refused;
    std::filesystem::remove(full_flag());
    EXPECT_EQ(run_job().exit_code, 0);
    EXPECT_EQ(results(), undisturbed_);
    expect_all_is_in_order(executed_);
}

TEST_F(BatchDisk, that_fails_once_costs_nothing_but_a_second_run) {
    begin();
    for (const auto* fault : {"write:30", "sync:9", "sync:20", "rename:1", "short:40"}) {
        EXPECT_TRUE(fail_at(fault)) << fault;
    }
}

TEST_F(BatchDisk, that_loses_power_keeps_what_was_told_to_somebody) {
    begin();
    for (const auto* point : {"build.after", "submit.sent", "ingest.after", "export.after"}) {
        EXPECT_TRUE(cut_power_at(point, false)) << point;
    }
}

TEST_F(BatchDisk, that_loses_power_keeps_the_photos_of_a_job) {
    std::string lines;
    for (const auto* name : {"carrot_peel.jpg", "glass_bottle.jpg", "pet_bottle.jpg", "t_shirt.jpg"}) {
        lines += "{\"id\":\"" + std::string(name) + "\",\"image\":\"" + photo(name).string() + "\"}\n";
    }
    write(input(), lines);
    begin_with_input();
    for (const auto* point : {"walk.before", "build.after"}) {
        EXPECT_TRUE(cut_power_at(point, false)) << point;
    }
}

}  // namespace
}  // namespace eco2::test
