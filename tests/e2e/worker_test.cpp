#include "e2e/process.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

namespace eco2::test {
namespace {

using std::chrono::seconds;

template <class Condition>
bool within(std::chrono::milliseconds time, Condition condition) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

/// Gone, or a zombie that whoever inherited it has not buried.
bool is_over(int pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    return !std::getline(in, line) || line.substr(line.rfind(')') + 1).starts_with(" Z");
}

class WorkersParent : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(within(seconds(20), [&] {
            std::ifstream in(file_);
            return static_cast<bool>(in >> child_);
        })) << parent_.err();
        ASSERT_FALSE(is_over(child_));
    }
    void TearDown() override {
        if (child_ > 0 && !is_over(child_)) {
            ::kill(child_, SIGKILL);
        }
    }

    TemporaryFolder folder_;
    std::filesystem::path file_ = folder_.path() / "child";
    Process parent_{{ECO2_TEST_WORKER_PARENT, {"parent", file_}, {}}, folder_.path(), "parent"};
    int child_ = 0;
};

TEST_F(WorkersParent, takes_the_worker_with_it_when_it_is_killed) {
    parent_.signal(SIGKILL);
    EXPECT_EQ(parent_.exit_code_within(seconds(2)), -SIGKILL);
    EXPECT_TRUE(within(seconds(2), [&] { return is_over(child_); })) << "an orphan";
}

TEST_F(WorkersParent, takes_a_worker_with_it_that_is_frozen_as_soon_as_it_thaws) {
    ::kill(child_, SIGSTOP);
    parent_.signal(SIGKILL);
    EXPECT_EQ(parent_.exit_code_within(seconds(2)), -SIGKILL);
    ::kill(child_, SIGCONT);
    EXPECT_TRUE(within(seconds(2), [&] { return is_over(child_); })) << "an orphan";
}

TEST_F(WorkersParent, is_not_needed_by_a_worker_whose_input_nobody_holds_open) {
    Process alone({ECO2_TEST_WORKER_PARENT, {"child", folder_.path() / "alone"}, {}}, folder_.path(), "alone");
    EXPECT_EQ(alone.exit_code_within(seconds(2)), 1) << "it watches /dev/null, which ends at once";
}

}  // namespace
}  // namespace eco2::test
