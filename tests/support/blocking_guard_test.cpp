// Proves that eco2_blocking_guard.so tells what it should, and nothing else. Runs with the guard preloaded.

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

class BlockingGuard : public testing::Test {
protected:
    void SetUp() override {
        const char* preloaded = std::getenv("LD_PRELOAD");
        if (preloaded == nullptr || std::string(preloaded).find("eco2_blocking_guard") == std::string::npos) {
            GTEST_SKIP() << "needs LD_PRELOAD=eco2_blocking_guard.so, as ctest sets it";
        }
        std::string name = (std::filesystem::temp_directory_path() / "eco2-guard-XXXXXX").string();
        fd_ = ::mkstemp(name.data());
        path_ = name;
        finds_ = name + ".finds";
        ::setenv("ECO2_BLOCKING_GUARD_FILE", finds_.c_str(), 1);
    }

    void TearDown() override {
        if (fd_ >= 0) {
            ::close(fd_);
            std::filesystem::remove(path_);
            std::filesystem::remove(finds_);
        }
    }

    // The calls that the guard told while `call` ran on a thread of that name.
    std::vector<std::string> told(const std::string& thread_name, const std::function<void()>& call) {
        std::filesystem::remove(finds_);
        std::thread thread([&] {
            ::pthread_setname_np(::pthread_self(), thread_name.c_str());
            call();
        });
        thread.join();
        std::vector<std::string> calls;
        std::ifstream file(finds_);
        for (std::string line; std::getline(file, line);) {
            if (line.starts_with("blocked: ")) {
                EXPECT_TRUE(line.ends_with(" thread=" + thread_name)) << line;
                calls.push_back(line.substr(9, line.find(" thread=") - 9));
            }
        }
        return calls;
    }

    int fd_ = -1;
    std::string path_;
    std::string finds_;
};

using Calls = std::vector<std::string>;
constexpr timespec kNanosecond{0, 1};

struct Call {
    const char* name;
    std::function<void(int fd)> make;
};

struct flock whole_file() {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

std::vector<Call> blocking_calls() {
    return {
        {"nanosleep", [](int) { ::nanosleep(&kNanosecond, nullptr); }},
        {"clock_nanosleep", [](int) { ::clock_nanosleep(CLOCK_MONOTONIC, 0, &kNanosecond, nullptr); }},
        {"usleep", [](int) { ::usleep(1); }},
        {"sleep", [](int) { ::sleep(0); }},
        {"fsync", [](int fd) { ::fsync(fd); }},
        {"fdatasync", [](int fd) { ::fdatasync(fd); }},
        {"getaddrinfo",
         [](int) {
             addrinfo* found = nullptr;
             if (::getaddrinfo("localhost", nullptr, nullptr, &found) == 0) {
                 ::freeaddrinfo(found);
             }
         }},
        {"poll", [](int) { ::poll(nullptr, 0, 1); }},
        {"ppoll", [](int) { ::ppoll(nullptr, 0, &kNanosecond, nullptr); }},
        {"select",
         [](int) {
             timeval time{0, 1};
             ::select(0, nullptr, nullptr, nullptr, &time);
         }},
        {"pselect", [](int) { ::pselect(0, nullptr, nullptr, nullptr, &kNanosecond, nullptr); }},
        {"flock", [](int fd) { ::flock(fd, LOCK_EX); }},
        {"lockf", [](int fd) { EXPECT_EQ(::lockf(fd, F_LOCK, 0), 0); }},
        {"fcntl",
         [](int fd) {
             auto lock = whole_file();
             EXPECT_EQ(::fcntl(fd, F_SETLKW, &lock), 0);
         }},
        {"pthread_join", [](int) { std::thread([] {}).join(); }},
        {"waitpid", [](int) { ::waitpid(-1, nullptr, 0); }},
        {"wait4", [](int) { ::wait4(-1, nullptr, 0, nullptr); }},
        {"waitid", [](int) { ::waitid(P_ALL, 0, nullptr, WEXITED); }},
    };
}

TEST_F(BlockingGuard, tells_every_watched_call_once_on_an_io_thread) {
    for (const auto& call : blocking_calls()) {
        EXPECT_EQ(told("eco2-io-0", [&] { call.make(fd_); }), Calls{call.name});
    }
}

TEST_F(BlockingGuard, tells_nothing_on_other_threads) {
    for (const auto* thread : {"eco2-grants", "eco2-photo", "other", "eco2"}) {
        for (const auto& call : blocking_calls()) {
            EXPECT_EQ(told(thread, [&] { call.make(fd_); }), Calls{}) << thread << ' ' << call.name;
        }
    }
}

TEST_F(BlockingGuard, calls_that_do_not_wait_are_allowed) {
    const auto calls = told("eco2-io-1", [&] {
        constexpr timespec none{0, 0};
        timeval zero{0, 0};
        ::poll(nullptr, 0, 0);
        ::ppoll(nullptr, 0, &none, nullptr);
        ::select(0, nullptr, nullptr, nullptr, &zero);
        ::pselect(0, nullptr, nullptr, nullptr, &none, nullptr);
        ::flock(fd_, LOCK_EX | LOCK_NB);
        ::flock(fd_, LOCK_UN);
        auto lock = whole_file();
        ::fcntl(fd_, F_SETLK, &lock);
        ::waitpid(-1, nullptr, WNOHANG);
        addrinfo hints{};
        hints.ai_flags = AI_NUMERICHOST;
        addrinfo* found = nullptr;
        if (::getaddrinfo("127.0.0.1", "80", &hints, &found) == 0) {
            ::freeaddrinfo(found);
        }
        const int loop = ::epoll_create1(EPOLL_CLOEXEC);
        epoll_event event{};
        ::epoll_wait(loop, &event, 1, 1);
        ::close(loop);
    });
    EXPECT_EQ(calls, Calls{});
}

TEST_F(BlockingGuard, sees_through_the_standard_library) {
    const auto calls = told("eco2-io-0", [] { std::this_thread::sleep_for(std::chrono::nanoseconds(1)); });
    ASSERT_EQ(calls.size(), 1U);
    EXPECT_NE(calls[0].find("nanosleep"), std::string::npos);
}

TEST_F(BlockingGuard, follows_a_thread_that_is_renamed) {
    const auto calls = told("eco2-io-7", [] {
        ::usleep(1);
        ::pthread_setname_np(::pthread_self(), "pool");
        ::usleep(1);
        ::pthread_setname_np(::pthread_self(), "eco2-io-7");
        ::usleep(1);
    });
    EXPECT_EQ(calls, (Calls{"usleep", "usleep"}));
}

TEST_F(BlockingGuard, leaves_results_and_errno_as_they_are) {
    told("eco2-io-0", [&] {
        errno = 0;
        EXPECT_EQ(::fsync(-1), -1);
        EXPECT_EQ(errno, EBADF);
        EXPECT_EQ(::fcntl(fd_, F_SETFD, FD_CLOEXEC), 0);
        EXPECT_EQ(::fcntl(fd_, F_GETFD), FD_CLOEXEC);
    });
}

TEST_F(BlockingGuard, writes_the_stack_below_each_find) {
    told("eco2-io-0", [] {
        volatile int result = ::usleep(1);  // used afterwards: a tail call would leave no frame of ours
        (void)result;
    });
    std::ifstream file(finds_);
    int lines = 0;
    bool names_this_program = false;
    for (std::string line; std::getline(file, line); ++lines) {
        names_this_program = names_this_program || line.find("blocking_guard_test") != std::string::npos;
    }
    EXPECT_GT(lines, 3);
    EXPECT_TRUE(names_this_program);
}

TEST_F(BlockingGuard, aborts_where_it_is_told_to) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::setenv("ECO2_BLOCKING_GUARD_ABORT", "1", 1);
        ::pthread_setname_np(::pthread_self(), "eco2-io-0");
        ::usleep(1);
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGABRT);
    EXPECT_TRUE(std::filesystem::exists(finds_));
}

}  // namespace
