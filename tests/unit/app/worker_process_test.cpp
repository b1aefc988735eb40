#include "app/worker_process.hpp"

#include "app/commands.hpp"
#include "observe/metrics.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace eco2::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

class LinesLog : public Log {
public:
    bool enabled(LogLevel) const noexcept override { return true; }
    void write(LogLevel, std::string_view message, std::span<const LogField> fields) noexcept override {
        std::string line(message);
        for (const auto& field : fields) {
            line += " " + std::string(field.name) + "=" + std::string(field.value);
        }
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    std::vector<std::string> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

template <class Condition>
bool eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + seconds(20);
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) {
            return false;
        }
        std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
}

class Worker : public testing::Test {
protected:
    /// `script`: what the shell does; each start adds a line to `starts`.
    WorkerProcess::Options options(const std::string& script) {
        WorkerProcess::Options options;
        options.command = {"/bin/sh", "-c", "echo started >> " + starts_.string() + "\n" + script};
        options.is_wanted = [this] { return is_wanted_.load(); };
        options.pauses = {milliseconds(1), milliseconds(4), seconds(60)};
        options.look = milliseconds(2);
        options.log = &log_;
        options.up = metrics_.eco2_batch_worker_up;
        options.restarts_total = metrics_.eco2_batch_worker_restarts_total;
        return options;
    }

    std::string text(const std::string& name) const {
        std::ifstream in(folder_.path() / name);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::size_t starts() const {
        const auto lines = text("starts");
        return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
    }
    bool tells(const std::string& metric) { return metrics_.expose().find("\n" + metric + "\n") != std::string::npos; }

    test::TemporaryFolder folder_;
    std::filesystem::path starts_ = folder_.path() / "starts";
    std::atomic<bool> is_wanted_ = true;
    LinesLog log_;
    observe::Metrics metrics_{"test"};
};

TEST(RestartPause, is_doubled_up_to_a_minute_and_begins_anew_behind_a_minute_of_work) {
    RestartPause pause({});
    for (const int expected : {1, 2, 4, 8, 16, 32, 60, 60}) {
        EXPECT_EQ(pause.after(kFailed, milliseconds(100)), seconds(expected));
    }
    EXPECT_EQ(pause.after(-SIGSEGV, milliseconds(59'999)), seconds(60));
    EXPECT_EQ(pause.after(-SIGSEGV, seconds(60)), seconds(1));
    EXPECT_EQ(pause.after(kUsage, {}), seconds(2));
}

TEST(RestartPause, what_only_a_person_can_mend_waits_for_the_longest_and_changes_nothing) {
    RestartPause pause({});
    EXPECT_EQ(pause.after(kConfig, {}), seconds(60));
    EXPECT_EQ(pause.after(kOk, seconds(3'600)), seconds(60));
    EXPECT_EQ(pause.after(kFailed, {}), seconds(1));
    EXPECT_EQ(pause.after(kConfig, {}), seconds(60));
    EXPECT_EQ(pause.after(kFailed, {}), seconds(2));
}

TEST_F(Worker, that_fails_is_started_again_and_again) {
    WorkerProcess worker(options("exit 1"));
    EXPECT_TRUE(eventually([&] { return starts() >= 4; }));
    worker.stop();
    EXPECT_EQ(worker.pid(), 0);
    EXPECT_THAT(log_.lines(), Contains(AllOf(HasSubstr("batch process ended pid="), HasSubstr("exit=code 1"))));
    EXPECT_THAT(log_.lines(), Contains(HasSubstr("again_in_ms=4")));
    EXPECT_FALSE(tells("eco2_batch_worker_restarts_total 0"));
    EXPECT_TRUE(tells("eco2_batch_worker_up 0"));
}

TEST_F(Worker, that_is_killed_is_started_again) {
    WorkerProcess worker(options("exec sleep 100"));
    ASSERT_TRUE(eventually([&] { return starts() == 1 && worker.pid() != 0; }));
    EXPECT_TRUE(eventually([&] { return tells("eco2_batch_worker_up 1"); }));
    EXPECT_TRUE(tells("eco2_batch_worker_restarts_total 0"));
    ::kill(worker.pid(), SIGKILL);
    ASSERT_TRUE(eventually([&] { return starts() == 2; }));
    EXPECT_THAT(log_.lines(), Contains(HasSubstr("exit=signal 9")));
    EXPECT_TRUE(eventually([&] { return tells("eco2_batch_worker_restarts_total 1"); }));
}

TEST_F(Worker, that_refuses_its_configuration_is_not_started_again_at_once) {
    auto with_long_pause = options("exit 3");
    with_long_pause.pauses.most = seconds(100);
    WorkerProcess worker(std::move(with_long_pause));
    EXPECT_TRUE(eventually([&] { return log_.lines().size() >= 2; }));
    std::this_thread::sleep_for(milliseconds(100));
    EXPECT_EQ(starts(), 1U);
    EXPECT_THAT(log_.lines(), Contains(AllOf(HasSubstr("refuses its configuration"), HasSubstr("again_in_ms=100000"))));
}

TEST_F(Worker, that_is_not_there_is_told_and_tried_again) {
    auto with_no_program = options("");
    with_no_program.command = {folder_.path() / "nothing"};
    WorkerProcess worker(std::move(with_no_program));
    EXPECT_TRUE(eventually([&] { return log_.lines().size() >= 3; }));
    worker.stop();
    EXPECT_THAT(log_.lines()[0],
                AllOf(HasSubstr("cannot start the batch process"), HasSubstr("No such file"), HasSubstr("again_in_ms=1")));
    EXPECT_THAT(log_.lines()[2], HasSubstr("again_in_ms=4"));
}

TEST_F(Worker, runs_from_when_it_is_wanted_until_it_is_not) {
    is_wanted_ = false;
    WorkerProcess worker(options("exec sleep 100"));
    std::this_thread::sleep_for(milliseconds(50));
    EXPECT_EQ(starts(), 0U);
    is_wanted_ = true;
    EXPECT_TRUE(eventually([&] { return starts() == 1; }));
    is_wanted_ = false;
    EXPECT_TRUE(eventually([&] { return worker.pid() == 0; }));
    is_wanted_ = true;
    EXPECT_TRUE(eventually([&] { return starts() == 2; }));
    worker.stop();
    EXPECT_TRUE(tells("eco2_batch_worker_restarts_total 0")) << "it did not end by itself";
}

TEST_F(Worker, is_told_to_stop_and_may_take_its_time) {
    WorkerProcess worker(options("trap 'echo stopping >> " + (folder_.path() / "said").string() +
                                 "; exit 0' TERM\necho ready >> " + (folder_.path() / "said").string() +
                                 "\nwhile :; do sleep 0.01; done"));
    ASSERT_TRUE(eventually([&] { return text("said") == "ready\n"; }));
    worker.ask_to_stop();
    worker.stop();
    EXPECT_EQ(text("said"), "ready\nstopping\n");
    EXPECT_EQ(starts(), 1U);
    EXPECT_THAT(log_.lines().back(), AllOf(HasSubstr("batch process stopped"), HasSubstr("exit=code 0")));
}

TEST_F(Worker, that_does_not_listen_is_killed) {
    auto with_short_patience =
        options("trap '' TERM\necho ready >> " + (folder_.path() / "said").string() + "\nwhile :; do sleep 0.01; done");
    with_short_patience.stop_max = milliseconds(50);
    WorkerProcess worker(std::move(with_short_patience));
    ASSERT_TRUE(eventually([&] { return text("said") == "ready\n"; }));
    worker.stop();
    EXPECT_THAT(log_.lines(), Contains(HasSubstr("killed, since it did not stop")));
    EXPECT_THAT(log_.lines().back(), HasSubstr("exit=signal 9"));
}

TEST_F(Worker, that_was_stopped_by_a_debugger_goes_too) {
    auto with_short_patience = options("exec sleep 100");
    with_short_patience.stop_max = milliseconds(50);
    WorkerProcess worker(std::move(with_short_patience));
    ASSERT_TRUE(eventually([&] { return starts() == 1 && worker.pid() != 0; }));
    ::kill(worker.pid(), SIGSTOP);
    worker.stop();
    EXPECT_EQ(worker.pid(), 0);
}

TEST_F(Worker, gets_no_descriptor_but_the_three_and_an_empty_signal_mask) {
    const int pair = ::open("/dev/null", O_RDONLY);  // without FD_CLOEXEC, as Asio's sockets are
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const auto said = (folder_.path() / "said").string();
    {
        // The shell's own `ls` has one more: the folder that it reads.
        WorkerProcess worker(
            options("{ ls -1 /proc/self/fd | wc -l; grep -E 'SigBlk|SigIgn' /proc/self/status; readlink "
                    "/proc/$$/fd/0; echo end; } > " +
                    said + "\nexec sleep 100"));
        EXPECT_TRUE(eventually([&] { return text("said").find("end") != std::string::npos; }));
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::close(pair);
    const auto text_said = text("said");
    EXPECT_THAT(text_said, testing::StartsWith("4\n"));
    EXPECT_THAT(text_said, HasSubstr("SigBlk:\t0000000000000000"));
    EXPECT_THAT(text_said, HasSubstr("pipe:["));
}

TEST_F(Worker, can_be_stopped_twice_and_before_it_ever_ran) {
    is_wanted_ = false;
    WorkerProcess worker(options("exec sleep 100"));
    worker.stop();
    worker.stop();
    EXPECT_EQ(starts(), 0U);
}

}  // namespace
}  // namespace eco2::app
