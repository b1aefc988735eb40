#include "batch/jobs/fail_point.hpp"
#include "e2e/batch_disk.hpp"

#include <sys/mount.h>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

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

/// Fills the file system of `file` to the last byte.
void fill(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string bytes(4'096, 'x');
    for (std::size_t piece = bytes.size(); piece > 0;) {
        if (::write(fd, bytes.data(), piece) <= 0) {
            piece /= 2;
        }
    }
    EXPECT_EQ(errno, ENOSPC);
    ::close(fd);
}

TEST_F(BatchDisk, that_is_a_small_one_and_really_full_holds_a_job_up_until_there_is_room) {
    begin();
    reset_fake();
    forget();
    std::filesystem::create_directories(data_dir);
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", data_dir.c_str(), "tmpfs", 0, "size=4m") != 0) {
        GTEST_SKIP() << "a file system of one's own needs CAP_SYS_ADMIN: " << std::strerror(errno);
    }
    fake(R"({"batch":{"in_progress_ms":1500}})");
    const auto job = start_job();
    ASSERT_TRUE(job->out_has(R"("running":1)")) << job->out() << job->err();
    fill(data_dir / "ballast");
    EXPECT_TRUE(job->out_has("full") || job->out_has("No space left on device")) << job->out() << job->err();
    EXPECT_TRUE(job->is_running());
    std::filesystem::remove(data_dir / "ballast");
    EXPECT_EQ(job->exit_code_within(std::chrono::seconds(30)), 0) << job->out() << job->err();
    EXPECT_EQ(results(), undisturbed_);
    expect_all_is_in_order(executed_);
    ::umount2(data_dir.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace eco2::test
