#include "store/grant_store.hpp"

#include "base/limits.hpp"
#include "unit/store/store_fixture.hpp"

#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Data/Session.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace eco2::store {
namespace {

using Poco::Data::Keywords::into;
using Poco::Data::Keywords::now;
using test::ThreadedExecutor;

class GrantStoreTest : public testing::Test {
protected:
    int rows(const std::string& sql) {
        Poco::Data::SQLite::Connector::registerConnector();
        Poco::Data::Session session("SQLite", path_);
        int value = -1;
        session << sql, into(value), now;
        return value;
    }

    TemporaryFolder folder_;
    std::string path_ = folder_.file("grants.db");
};

TEST_F(GrantStoreTest, eight_threads_with_duplicates_leave_one_row_per_user_and_code) {
    constexpr int kThreads = 8;
    constexpr int kUsers = 20;
    constexpr int kCodes = 5;
    Answers answers;
    std::atomic<int> wrong_thread = 0;
    ThreadedExecutor executor(kThreads);
    auto store = open_store(path_, executor);
    for (int thread = 0; thread < kThreads; ++thread) {
        executor.post_to(thread, [&, thread](TaskFate) {
            for (int i = 0; i < kUsers * kCodes; ++i) {
                auto done = answers.next();
                store->write(grant_of(i % kUsers, i / kUsers), [&, thread, done](Result<void> result) {
                    wrong_thread += executor.current_thread() == thread ? 0 : 1;
                    done(std::move(result));
                });
            }
        });
    }
    answers.wait_for(kThreads * kUsers * kCodes);
    EXPECT_EQ(answers.failures(), 0U);
    EXPECT_EQ(wrong_thread, 0);
    store->stop();
    EXPECT_EQ(rows("SELECT count(*) FROM grants"), kUsers * kCodes);
    EXPECT_EQ(rows("SELECT count(*) FROM outbox"), 0);
    const auto counters = store->counters();
    EXPECT_EQ(counters.written, static_cast<std::uint64_t>(kUsers * kCodes));
    EXPECT_EQ(counters.known, static_cast<std::uint64_t>((kThreads - 1) * kUsers * kCodes));
    EXPECT_EQ(counters.settled, counters.written);
    EXPECT_EQ(counters.failed, 0U);
}

TEST_F(GrantStoreTest, many_writes_at_once_cost_few_commits) {
    constexpr int kWrites = 1'000;
    Answers answers;
    ThreadedExecutor executor(2);
    auto store = open_store(path_, executor);
    for (int i = 0; i < kWrites; ++i) {
        store->write(grant_of(i, 1), answers.next());
    }
    answers.wait_for(kWrites);
    const auto counters = store->counters();
    EXPECT_EQ(counters.written, static_cast<std::uint64_t>(kWrites));
    EXPECT_LE(counters.commits, 50U);
    EXPECT_GE(counters.commits, kWrites / limits::kGrantBatchMax);
}

TEST_F(GrantStoreTest, an_answer_comes_only_when_the_row_is_in_the_file) {
    ThreadedExecutor executor(1);
    auto store = open_store(path_, executor);
    for (int i = 0; i < 20; ++i) {
        std::promise<Result<void>> answered;
        store->write(grant_of(1, i), [&](Result<void> result) { answered.set_value(std::move(result)); });
        ASSERT_TRUE(answered.get_future().get());
        EXPECT_EQ(store->grants_of("user-1").value().size(), static_cast<std::size_t>(i) + 1);
    }
}

TEST_F(GrantStoreTest, done_never_runs_from_inside_write) {
    ThreadedExecutor executor(1);
    Answers answers;
    std::atomic<int> from_inside = 0;
    auto store = open_store(path_, executor);
    for (int round = 0; round < 2; ++round) {  // new, then known
        executor.post_to(0, [&](TaskFate) {
            auto is_inside = std::make_shared<std::atomic<bool>>(true);
            store->write(grant_of(1, 1), [&, is_inside, done = answers.next()](Result<void> result) {
                from_inside += *is_inside ? 1 : 0;
                done(std::move(result));
            });
            *is_inside = false;
        });
        answers.wait_for(static_cast<std::size_t>(round) + 1);
    }
    EXPECT_EQ(from_inside, 0);
    EXPECT_EQ(store->counters().known, 1U);
}

TEST_F(GrantStoreTest, a_known_grant_costs_no_commit) {
    ThreadedExecutor executor(1);
    Answers answers;
    auto store = open_store(path_, executor);
    store->write(grant_of(1, 1), answers.next());
    answers.wait_for(1);
    for (int i = 0; i < 50; ++i) {
        store->write(grant_of(1, 1), answers.next());
    }
    answers.wait_for(51);
    EXPECT_EQ(answers.failures(), 0U);
    EXPECT_EQ(store->counters().commits, 1U);
    EXPECT_EQ(store->counters().known, 50U);
}

TEST_F(GrantStoreTest, a_forgotten_grant_is_not_granted_twice) {
    ThreadedExecutor executor(1);
    Answers answers;
    GrantStore::Options options;
    options.known_max = 4;
    options.commit_window = std::chrono::milliseconds(0);
    auto store = open_store(path_, executor, options);
    std::size_t asked = 0;
    for (int round = 0; round < 3; ++round) {
        for (int code = 0; code < 20; ++code) {
            store->write(grant_of(1, code), answers.next());
            answers.wait_for(++asked);
        }
    }
    EXPECT_EQ(answers.failures(), 0U);
    store->stop();
    EXPECT_EQ(rows("SELECT count(*) FROM grants"), 20);
}

TEST_F(GrantStoreTest, fifty_rows_are_settled_without_waiting_for_the_interval) {
    ThreadedExecutor executor(1);
    Answers answers;
    GrantStore::Options options;
    options.settle_interval = std::chrono::hours(1);
    auto store = open_store(path_, executor, options);
    for (std::size_t i = 0; i < limits::kGrantSettleRows; ++i) {
        store->write(grant_of(static_cast<int>(i), 1), answers.next());
    }
    answers.wait_for(limits::kGrantSettleRows);
    store->write(grant_of(1'000, 1), answers.next());  // its commit comes after the settling
    answers.wait_for(limits::kGrantSettleRows + 1);
    EXPECT_GE(store->counters().settled, limits::kGrantSettleRows);
}

TEST_F(GrantStoreTest, few_rows_are_settled_after_the_interval) {
    ThreadedExecutor executor(1);
    Answers answers;
    GrantStore::Options options;
    options.settle_interval = std::chrono::milliseconds(5);
    auto store = open_store(path_, executor, options);
    store->write(grant_of(1, 1), answers.next());
    answers.wait_for(1);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (store->counters().settled == 0 && std::chrono::steady_clock::now() < end) {
        std::this_thread::yield();
    }
    EXPECT_EQ(store->counters().settled, 1U);
}

TEST_F(GrantStoreTest, what_a_crash_left_in_the_outbox_is_settled_at_the_start) {
    {
        GrantFile file{GrantFile::Options(path_)};
        ASSERT_TRUE(file.prepare());
        const auto grant = grant_of(1, 1);
        const Grant* pointers[] = {&grant};
        ASSERT_TRUE(file.append(pointers, 1));
    }
    ThreadedExecutor executor(1);
    auto store = open_store(path_, executor);
    store->stop();
    EXPECT_EQ(rows("SELECT count(*) FROM outbox"), 0);
    EXPECT_EQ(rows("SELECT count(*) FROM grants"), 1);
}

TEST_F(GrantStoreTest, stop_writes_and_settles_what_is_queued_and_answers_all) {
    constexpr int kWrites = 700;
    Answers answers;
    ThreadedExecutor executor(2);
    GrantStore::Options options;
    options.commit_window = std::chrono::hours(1);  // only stop ends the wait
    options.batch_max = 200;
    auto store = open_store(path_, executor, options);
    for (int i = 0; i < kWrites; ++i) {
        store->write(grant_of(i, 1), answers.next());
    }
    store->stop();
    EXPECT_EQ(rows("SELECT count(*) FROM grants"), kWrites);
    EXPECT_EQ(rows("SELECT count(*) FROM outbox"), 0);
    answers.wait_for(kWrites);
    EXPECT_EQ(answers.failures(), 0U);

    store->write(grant_of(kWrites, 1), answers.next());
    const auto last = answers.wait_for(kWrites + 1).back();
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().code, Errc::draining);
    store->stop();
}

TEST_F(GrantStoreTest, a_full_queue_refuses_at_once_and_keeps_what_it_took) {
    Answers answers;
    ThreadedExecutor executor(1);
    GrantStore::Options options;
    options.commit_window = std::chrono::hours(1);
    options.queue_max = 3;
    auto store = open_store(path_, executor, options);
    for (int i = 0; i < 4; ++i) {
        store->write(grant_of(i, 1), answers.next());
    }
    const auto first = answers.wait_for(1).front();
    ASSERT_FALSE(first);
    EXPECT_EQ(first.error().code, Errc::overloaded);
    EXPECT_EQ(store->queue_depth(), 3U);
    store->stop();
    answers.wait_for(4);
    EXPECT_EQ(answers.failures(), 1U);
    EXPECT_EQ(rows("SELECT count(*) FROM grants"), 3);
}

TEST_F(GrantStoreTest, a_field_over_the_limit_is_refused) {
    Answers answers;
    ThreadedExecutor executor(1);
    auto store = open_store(path_, executor);
    auto grant = grant_of(1, 1);
    grant.name = std::string(limits::kGrantFieldBytesMax, 'n');
    store->write(grant, answers.next());
    EXPECT_TRUE(answers.wait_for(1).back());
    grant.code += std::string(limits::kGrantFieldBytesMax, 'c');
    store->write(grant, answers.next());
    const auto last = answers.wait_for(2).back();
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().code, Errc::limit_exceeded);
}

TEST_F(GrantStoreTest, a_full_disk_fails_the_commit_with_its_reason_and_later_writes_work_again) {
    Answers answers;
    ThreadedExecutor executor(1);
    GrantStore::Options options;
    options.pages_max = 12;
    options.commit_window = std::chrono::milliseconds(0);
    auto store = open_store(path_, executor, options);
    std::size_t asked = 0;
    while (answers.failures() == 0 && asked < 10'000) {
        for (int i = 0; i < 50; ++i) {
            store->write(grant_of(static_cast<int>(asked++), 1), answers.next());
        }
        answers.wait_for(asked);
    }
    ASSERT_NE(answers.failures(), 0U);
    const auto failed = answers.wait_for(asked).back();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Errc::store_failed);
    EXPECT_NE(failed.error().detail.find("full"), std::string::npos) << failed.error().detail;
    EXPECT_EQ(store->counters().failed, answers.failures());
    {
        Poco::Data::Session session("SQLite", path_);
        session << "DELETE FROM outbox", now;
        session << "DELETE FROM grants", now;
    }
    store->write(grant_of(static_cast<int>(asked), 1), answers.next());
    EXPECT_TRUE(answers.wait_for(asked + 1).back());
    EXPECT_EQ(store->grants_of("user-" + std::to_string(asked)).value().size(), 1U);
}

TEST_F(GrantStoreTest, a_locked_file_fails_the_commit_and_later_writes_work_again) {
    Answers answers;
    ThreadedExecutor executor(1);
    GrantStore::Options options;
    options.busy_timeout = std::chrono::milliseconds(10);
    auto store = open_store(path_, executor, options);
    store->write(grant_of(1, 0), answers.next());
    answers.wait_for(1);
    {
        Poco::Data::Session session("SQLite", path_);
        session << "BEGIN EXCLUSIVE", now;
        store->write(grant_of(1, 1), answers.next());
        const auto locked = answers.wait_for(2).back();
        ASSERT_FALSE(locked);
        EXPECT_NE(locked.error().detail.find("locked"), std::string::npos) << locked.error().detail;
        session << "ROLLBACK", now;
    }
    store->write(grant_of(1, 1), answers.next());
    EXPECT_TRUE(answers.wait_for(3).back());
}

TEST_F(GrantStoreTest, forgetting_a_user_comes_after_all_that_was_asked_before) {
    constexpr int kGrants = 20;
    Answers answers;
    Answers forgotten;
    ThreadedExecutor executor(1);
    GrantStore::Options options;
    options.batch_max = 2;
    auto store = open_store(path_, executor, options);
    for (int code = 0; code < kGrants; ++code) {
        store->write(grant_of(1, code), answers.next());
    }
    store->forget_user("user-1", [tell = forgotten.next()](const Result<std::size_t>& rows) {
        tell(rows && *rows == kGrants ? Result<void>() : fail(Errc::internal));
    });
    EXPECT_TRUE(forgotten.wait_for(1).back());
    EXPECT_EQ(answers.wait_for(kGrants).size(), kGrants + 0U);
    EXPECT_TRUE(store->grants_of("user-1").value().empty());
}

TEST_F(GrantStoreTest, a_forgotten_grant_can_be_earned_again) {
    Answers answers;
    ThreadedExecutor executor(1);
    GrantStore::Options options;
    auto store = open_store(path_, executor, options);
    const auto write = [&](std::size_t count) {
        store->write(grant_of(1, 0), answers.next());
        EXPECT_TRUE(answers.wait_for(count).back());
        return store->counters().written;
    };
    EXPECT_EQ(write(1), 1U);
    EXPECT_EQ(write(2), 1U) << "known";
    store->forget_user("user-1", [tell = answers.next()](const auto&) { tell({}); });
    answers.wait_for(3);
    EXPECT_EQ(write(4), 2U) << "forgotten";
}

TEST_F(GrantStoreTest, open_refuses_a_file_that_prepare_refuses) {
    ThreadedExecutor executor(1);
    open_store(path_, executor)->stop();
    {
        Poco::Data::Session session("SQLite", path_);
        session << "UPDATE schema_version SET version = 2", now;
    }
    const auto store = GrantStore::open(path_, executor, null_log(), system_clock());
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Errc::store_failed);
}

}  // namespace
}  // namespace eco2::store
