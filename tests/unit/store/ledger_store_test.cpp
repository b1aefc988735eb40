#include "store/ledger_store.hpp"

#include "base/limits.hpp"
#include "store/sqlite_file.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace eco2::store {
namespace {

using namespace std::chrono_literals;
using Poco::Data::Keywords::now;

class WallClock final : public Clock {
public:
    Monotonic now() const noexcept override { return std::chrono::steady_clock::now(); }
    std::int64_t wall_ns() const noexcept override { return wall_ns_; }
    void set(std::int64_t seconds) { wall_ns_ = seconds * 1'000'000'000; }

private:
    std::atomic<std::int64_t> wall_ns_{1'767'225'600LL * 1'000'000'000};  // 2026-01-01
};

class LedgerStoreTest : public testing::Test {
protected:
    LedgerStoreTest() : path_(folder_.file("ledger.db")) {}

    std::unique_ptr<LedgerStore> open(LedgerStore::Options options = quick()) {
        auto store = LedgerStore::open(path_, null_log(), clock_, options);
        EXPECT_TRUE(store) << store.error().detail;
        return store ? std::move(*store) : nullptr;
    }

    static LedgerStore::Options quick() {
        LedgerStore::Options options;
        options.commit_window = 1ms;
        options.busy_timeout = 50ms;
        return options;
    }

    /// Nothing is written before stop().
    static LedgerStore::Options slow() {
        LedgerStore::Options options;
        options.commit_window = 1h;
        return options;
    }

    static LedgerKey key(std::string caller, std::string model = "gpt") {
        LedgerKey made;
        made.caller = std::move(caller);
        made.provider = "openai";
        made.model = std::move(model);
        return made;
    }

    LedgerRows rows() {
        LedgerFile::Options options(path_);
        options.is_read_only = true;
        auto found = LedgerFile(options).rows();
        EXPECT_TRUE(found) << found.error().detail;
        return found ? *found : LedgerRows{};
    }

    static LedgerSums total(const LedgerRows& rows) {
        LedgerSums sums;
        for (const auto& [where, one] : rows) {
            sums += one;
        }
        return sums;
    }

    test::TemporaryFolder folder_;
    std::string path_;
    WallClock clock_;
};

TEST_F(LedgerStoreTest, what_was_spent_counts_at_once_and_across_restarts) {
    {
        const auto store = open(slow());
        store->record(key("alice"), {1, 0, 1, 1, 0, 100});
        store->record(key("alice", "other"), {1, 0, 1, 1, 0, 11});
        store->record(key(""), {1, 0, 1, 1, 0, 7});
        EXPECT_EQ(store->spent("alice"), 111);
        EXPECT_EQ(store->spent("bob"), 0);
        EXPECT_EQ(store->spent(""), 0);
        EXPECT_TRUE(rows().empty()) << "the window is open";
    }
    const auto store = open();
    EXPECT_EQ(store->spent("alice"), 111);
    store->record(key("alice"), {1, 0, 1, 1, 0, 1});
    EXPECT_EQ(store->spent("alice"), 112);
    ASSERT_TRUE(store->stop());
    EXPECT_EQ(total(rows()).cost_picousd, 119);
}

TEST_F(LedgerStoreTest, days_are_utc_and_the_clocks) {
    const auto store = open(slow());
    store->record(key("alice"), {1, 0, 0, 0, 0, 1});
    clock_.set(1'767'225'600 + 24 * 3'600 - 1);
    store->record(key("alice"), {1, 0, 0, 0, 0, 1});
    clock_.set(1'767'225'600 + 24 * 3'600);
    store->record(key("alice"), {1, 0, 0, 0, 0, 1});
    ASSERT_TRUE(store->stop());
    const auto found = rows();
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found.begin()->first.day, "2026-01-01");
    EXPECT_EQ(found.begin()->second.attempts, 2);
    EXPECT_EQ(found.rbegin()->first.day, "2026-01-02");
}

TEST_F(LedgerStoreTest, the_sum_of_all_records_is_the_sum_of_all_rows_whatever_threads_do) {
    constexpr int kThreads = 4;
    constexpr int kEach = 2'000;
    const auto store = open();
    std::vector<LedgerSums> sums(kThreads);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            std::mt19937 numbers(static_cast<unsigned>(t));
            const auto random = [&] { return static_cast<std::int64_t>(numbers()); };
            for (int i = 0; i < kEach; ++i) {
                auto where = key("caller " + std::to_string(random() % 5), "model " + std::to_string(random() % 3));
                where.is_estimated = random() % 2 == 0;
                where.outcome = static_cast<LedgerOutcome>(random() % 3);
                const LedgerSums one{1, random() % 2, random() % 100, random() % 100, random() % 10, random() % 1'000'000};
                sums[static_cast<std::size_t>(t)] += one;
                store->record(std::move(where), one);
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    ASSERT_TRUE(store->stop());
    LedgerSums all;
    for (const auto& one : sums) {
        all += one;
    }
    EXPECT_EQ(total(rows()), all) << "seeds 0 to 3";
    std::int64_t spent = 0;
    for (int caller = 0; caller < 5; ++caller) {
        spent += store->spent("caller " + std::to_string(caller));
    }
    EXPECT_EQ(spent, all.cost_picousd);
    EXPECT_EQ(store->counters().written, static_cast<std::uint64_t>(kThreads * kEach));
    EXPECT_EQ(store->rows_pending(), 0U);
    EXPECT_LE(rows().size(), 5U * 3 * 2 * 3);
}

TEST_F(LedgerStoreTest, a_disk_that_fails_loses_nothing_and_grows_no_further_than_its_limit) {
    auto options = quick();
    options.rows_pending_max = 10;
    const auto store = open(options);
    LedgerSums all;
    {
        SqliteConnection holder({path_, 1s});
        holder.begin();
        for (int i = 0; i < 500; ++i) {
            const LedgerSums one{1, 0, i, i, 0, i};
            all += one;
            store->record(key("caller " + std::to_string(i % 50), "model " + std::to_string(i)), one);
            EXPECT_LE(store->rows_pending(), 2 * options.rows_pending_max + 1);
            if (i % 100 == 0) {
                const auto failed = store->counters().failed;
                while (store->counters().failed == failed) {
                    std::this_thread::sleep_for(1ms);
                }
            }
        }
        EXPECT_EQ(store->counters().written, 0U);
        holder.commit();
    }
    ASSERT_TRUE(store->stop());
    EXPECT_EQ(total(rows()), all);
    EXPECT_EQ(store->counters().written, 500U);
    std::int64_t spent = 0;
    for (int caller = 0; caller < 50; ++caller) {
        spent += store->spent("caller " + std::to_string(caller));
    }
    EXPECT_EQ(spent, all.cost_picousd) << "caps stay exact however coarse the rows";
}

TEST_F(LedgerStoreTest, a_stop_that_cannot_write_says_so_and_does_not_hang) {
    const auto store = open(quick());
    SqliteConnection holder({path_, 1s});
    holder.begin();
    store->record(key("alice"), {1, 0, 0, 0, 0, 1});
    const auto stopped = store->stop();
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, Errc::store_failed);
    EXPECT_FALSE(store->stop()) << "once more changes nothing";
}

TEST_F(LedgerStoreTest, a_long_name_from_an_upstream_is_cut) {
    const auto store = open();
    store->record(key("alice", std::string(100'000, 'm')), {1, 0, 0, 0, 0, 1});
    ASSERT_TRUE(store->stop());
    EXPECT_LE(rows().begin()->first.model.size(), limits::kLedgerFieldBytesMax + 8);
}

TEST_F(LedgerStoreTest, a_killed_process_leaves_a_whole_file_with_all_that_it_had_committed) {
    constexpr int kRounds = 10;
    std::int64_t committed_before = 0;
    for (int round = 0; round < kRounds; ++round) {
        int pipe_ends[2];
        ASSERT_EQ(::pipe(pipe_ends), 0);
        const auto child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            auto store = LedgerStore::open(path_, null_log(), clock_, quick());
            if (!store) {
                ::_exit(1);
            }
            for (;;) {
                (*store)->record(key("alice"), {1, 0, 1, 1, 0, 3});
                const auto written = (*store)->counters().written;
                if (::write(pipe_ends[1], &written, sizeof written) != sizeof written) {
                    ::_exit(1);
                }
            }
        }
        ::close(pipe_ends[1]);
        std::uint64_t written = 0;
        std::uint64_t told = 0;
        while (written < 20U + static_cast<unsigned>(round) * 7 && ::read(pipe_ends[0], &told, sizeof told) == sizeof told) {
            written = told;
        }
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        ::close(pipe_ends[0]);
        ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
        const auto store = open();
        const auto spent = store->spent("alice");
        EXPECT_GE(spent, committed_before + 3 * static_cast<std::int64_t>(written)) << "round " << round;
        EXPECT_EQ(total(rows()).cost_picousd, spent);
        EXPECT_EQ(total(rows()).attempts * 3, spent) << "a row is whole or not there";
        committed_before = spent;
    }
}

}  // namespace
}  // namespace eco2::store
