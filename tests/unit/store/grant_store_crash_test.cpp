#include "unit/store/store_fixture.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <random>
#include <thread>

namespace eco2::store {
namespace {

using test::ThreadedExecutor;

constexpr int kCodes = 3;

// Runs in a child: writes one grant after another for ever and tells each acknowledged number through the pipe.
[[noreturn]] void write_and_tell(const std::string& path, int pipe_end, int acknowledgements_max) {
    GrantStore::Options options;
    options.commit_window = std::chrono::milliseconds(0);
    options.settle_rows = 3;
    options.settle_interval = std::chrono::milliseconds(1);
    ThreadedExecutor executor(2);
    auto store = GrantStore::open(path, executor, null_log(), system_clock(), options);
    if (!store) {
        ::_exit(2);
    }
    std::atomic<int> told = 0;
    for (int number = 0;; ++number) {
        while (number - told > 4) {
            std::this_thread::yield();
        }
        (*store)->write(grant_of(number / kCodes, number % kCodes), [&, number](Result<void> result) {
            if (!result || ::write(pipe_end, &number, sizeof number) != sizeof number) {
                ::_exit(3);
            }
            if (++told == acknowledgements_max) {
                ::_exit(0);
            }
        });
    }
}

struct Crash {
    std::vector<int> acknowledged;
    int status = 0;
};

enum class KillTime { never, after_start, after_first_answer };

// Kills the child `delay` after the given moment, or lets it end itself after a number of acknowledgements.
Crash run_child(const std::string& path, KillTime when, std::chrono::microseconds delay, int acknowledgements_max) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        write_and_tell(path, ends[1], acknowledgements_max);
    }
    ::close(ends[1]);
    std::thread killer;
    const auto start_killer = [&] {
        killer = std::thread([=] {
            std::this_thread::sleep_for(delay);
            ::kill(child, SIGKILL);
        });
    };
    if (when == KillTime::after_start) {
        start_killer();
    }
    Crash crash;
    int number = 0;
    while (::read(ends[0], &number, sizeof number) == sizeof number) {
        crash.acknowledged.push_back(number);
        if (when == KillTime::after_first_answer && crash.acknowledged.size() == 1) {
            start_killer();
        }
    }
    ::close(ends[0]);
    if (killer.joinable()) {
        killer.join();
    }
    EXPECT_EQ(::waitpid(child, &crash.status, 0), child);
    return crash;
}

void expect_all_durable(const std::string& path, const std::vector<int>& acknowledged) {
    {
        GrantFile file{GrantFile::Options(path)};
        const auto prepared = file.prepare();
        ASSERT_TRUE(prepared) << prepared.error().text();
        for (const int number : acknowledged) {
            const auto wanted = grant_of(number / kCodes, number % kCodes);
            const auto grants = file.grants_of(wanted.user_id).value();
            const auto same =
                std::count_if(grants.begin(), grants.end(), [&](const Grant& grant) { return grant.code == wanted.code; });
            ASSERT_EQ(same, 1) << "grant " << number << " was acknowledged";
        }
    }
    ThreadedExecutor executor(1);
    auto store = open_store(path, executor);
    ASSERT_NE(store, nullptr);
    store->stop();
    GrantFile file{GrantFile::Options(path)};
    EXPECT_EQ(file.settle(1).value(), 0U) << "a start settles what a crash left";
}

TEST(GrantStoreCrash, a_process_that_ends_right_after_the_nth_answer_has_kept_its_word) {
    for (int acknowledgements = 1; acknowledgements <= 8; ++acknowledgements) {
        SCOPED_TRACE(acknowledgements);
        TemporaryFolder folder;
        const auto crash = run_child(folder.file("grants.db"), KillTime::never, {}, acknowledgements);
        EXPECT_TRUE(WIFEXITED(crash.status) && WEXITSTATUS(crash.status) == 0) << crash.status;
        EXPECT_GE(crash.acknowledged.size(), static_cast<std::size_t>(acknowledgements));
        expect_all_durable(folder.file("grants.db"), crash.acknowledged);
    }
}

TEST(GrantStoreCrash, a_process_killed_at_any_moment_has_kept_its_word) {
    const auto seed = std::random_device{}();
    std::printf("seed %u\n", seed);
    std::mt19937 random(seed);
    std::size_t acknowledged = 0;
    TemporaryFolder folder;
    for (int round = 0; round < 20; ++round) {
        SCOPED_TRACE(round);
        const auto path = folder.file("grants-" + std::to_string(round / 4) + ".db");  // some files are killed four times
        const auto when = round % 4 == 0 ? KillTime::after_start : KillTime::after_first_answer;
        const std::chrono::microseconds delay(random() % 30'000);
        const auto crash = run_child(path, when, delay, 1'000'000);
        EXPECT_TRUE(WIFSIGNALED(crash.status)) << crash.status;
        acknowledged += crash.acknowledged.size();
        expect_all_durable(path, crash.acknowledged);
    }
    EXPECT_GT(acknowledged, 0U);
}

}  // namespace
}  // namespace eco2::store
