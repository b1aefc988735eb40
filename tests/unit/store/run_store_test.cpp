#include "store/run_store.hpp"

#include "unit/store/store_fixture.hpp"

#include <Poco/Data/Session.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <future>
#include <map>
#include <random>
#include <thread>

namespace eco2::store {
namespace {

using Poco::Data::Keywords::now;
using test::ThreadedExecutor;

SubmittedRun run_of(const std::string& id, const std::string& key = {}) {
    SubmittedRun run;
    run.id = id;
    run.user_id = "user";
    run.pipeline = "scan";
    run.idempotency_key = key;
    run.input_json = "{}";
    run.events = {"id: 1\n\n"};
    run.created_ns = system_clock().wall_ns();
    return run;
}

RunStep step_of(const std::string& id, int number) {
    return {id, {"id: " + std::to_string(number) + "\n\n"}, {}, std::nullopt};
}

RunStep end_of(const std::string& id) {
    RunStep step{id, {}, {}, RunStep::End{}};
    step.end->result_json = "{}";
    step.end->ended_ns = system_clock().wall_ns();
    step.end->log = "id: 1\n\n";
    return step;
}

/// Waits for one answer.
template <class Value, class Call>
Result<Value> wait_for(Call&& call) {
    auto promise = std::make_shared<std::promise<Result<Value>>>();
    auto answer = promise->get_future();
    call([promise](Result<Value> result) { promise->set_value(std::move(result)); });
    if (answer.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
        return fail(Errc::internal, "no answer");
    }
    return answer.get();
}

class RunStoreTest : public testing::Test {
protected:
    std::unique_ptr<RunStore> open(RunStore::Options options = RunStore::Options()) {
        return RunStore::open(path_, executor_, null_log(), system_clock(), options).value();
    }
    static Result<RunStoreDoor::Submitted> submit(RunStore& store, SubmittedRun run) {
        return wait_for<RunStoreDoor::Submitted>([&](auto done) { store.submit(std::move(run), std::move(done)); });
    }
    static Result<StoredRun> load(RunStore& store, const std::string& id) {
        return wait_for<StoredRun>([&](auto done) { store.load(id, std::move(done)); });
    }

    TemporaryFolder folder_;
    const std::string path_ = folder_.file("runs.db");
    ThreadedExecutor executor_{4};
};

TEST_F(RunStoreTest, many_threads_share_few_commits_and_each_run_keeps_its_order) {
    constexpr int kRuns = 40;
    constexpr int kSteps = 25;
    auto store = open();
    std::atomic<int> open_runs = kRuns;
    std::atomic<int> wrong_thread = 0;
    for (int i = 0; i < kRuns; ++i) {
        executor_.post_to(i % 4, [&, i](TaskFate) {
            const auto id = "run-" + std::to_string(i);
            store->submit(run_of(id), [&, i](const auto&) { wrong_thread += executor_.current_thread() == i % 4 ? 0 : 1; });
            for (int n = 0; n < kSteps; ++n) {
                store->append(step_of(id, n + 2), [](const auto& written) { EXPECT_TRUE(written); });
            }
            store->append(step_of(id, kSteps + 2), [&](const auto& written) {
                EXPECT_TRUE(written);
                --open_runs;
            });
        });
    }
    while (open_runs > 0) {
        std::this_thread::yield();
    }
    EXPECT_EQ(wrong_thread, 0);
    for (int i = 0; i < kRuns; ++i) {
        const auto run = load(*store, "run-" + std::to_string(i)).value();
        ASSERT_EQ(run.events.size(), kSteps + 2U);
        for (std::size_t n = 0; n < run.events.size(); ++n) {
            EXPECT_EQ(run.events[n], "id: " + std::to_string(n + 1) + "\n\n");
        }
    }
    const auto counters = store->counters();
    EXPECT_EQ(counters.submitted, static_cast<std::uint64_t>(kRuns));
    EXPECT_EQ(counters.operations, static_cast<std::uint64_t>(kRuns * (kSteps + 2)));
    EXPECT_LT(counters.commits, counters.operations / 4);
}

TEST_F(RunStoreTest, concurrent_submits_with_one_key_make_one_run) {
    auto store = open();
    std::atomic<int> open_submits = 64;
    std::atomic<int> made = 0;
    std::mutex mutex;
    std::map<std::string, int> ids;
    for (int i = 0; i < 64; ++i) {
        executor_.post_to(i % 4, [&, i](TaskFate) {
            store->submit(run_of("run-" + std::to_string(i), "key"), [&](const Result<RunStoreDoor::Submitted>& submitted) {
                made += submitted->is_known ? 0 : 1;
                const std::lock_guard lock(mutex);
                ++ids[submitted->run_id];
                --open_submits;
            });
        });
    }
    while (open_submits > 0) {
        std::this_thread::yield();
    }
    EXPECT_EQ(made, 1);
    EXPECT_EQ(ids.size(), 1U);
}

TEST_F(RunStoreTest, after_stop_it_refuses_and_what_was_queued_is_there) {
    auto store = open();
    std::atomic<int> answered = 0;
    for (int i = 0; i < 100; ++i) {
        store->submit(run_of("run-" + std::to_string(i)), [&](const auto& submitted) { answered += submitted ? 1 : 0; });
    }
    store->stop();
    EXPECT_EQ(submit(*store, run_of("late")).error().code, Errc::draining);
    while (answered < 100) {
        std::this_thread::yield();
    }
    store = open();
    EXPECT_TRUE(load(*store, "run-99"));
    EXPECT_EQ(load(*store, "late").error().code, Errc::not_found);
}

TEST_F(RunStoreTest, a_full_queue_is_told_at_once) {
    RunStore::Options options;
    options.queue_max = 2;
    options.commit_window = std::chrono::milliseconds(200);
    auto store = open(options);
    std::atomic<int> overloaded = 0;
    std::atomic<int> answered = 0;
    for (int i = 0; i < 10; ++i) {
        store->submit(run_of("run-" + std::to_string(i)), [&](const Result<RunStoreDoor::Submitted>& submitted) {
            overloaded += !submitted && submitted.error().code == Errc::overloaded ? 1 : 0;
            ++answered;
        });
    }
    while (answered < 10) {
        std::this_thread::yield();
    }
    EXPECT_EQ(overloaded, 8);
}

TEST_F(RunStoreTest, a_full_disk_fails_the_write_and_not_the_next) {
    RunStore::Options options;
    options.pages_max = 40;
    auto store = open(options);
    auto large = run_of("large");
    large.photo = std::make_shared<const std::string>(std::string(500'000, 'x'));
    EXPECT_EQ(submit(*store, std::move(large)).error().code, Errc::store_failed);
    EXPECT_TRUE(submit(*store, run_of("small")));
    EXPECT_GT(store->counters().failed, 0U);
}

TEST_F(RunStoreTest, what_is_over_is_deleted_by_itself) {
    RunStore::Options options;
    options.result_lifetime = std::chrono::seconds(0);
    auto store = open(options);
    EXPECT_TRUE(submit(*store, run_of("run")));
    EXPECT_TRUE(wait_for<void>([&](auto done) { store->append(end_of("run"), std::move(done)); }));
    for (int i = 0; i < 1'000 && store->counters().expired == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(store->counters().expired, 1U);
    EXPECT_EQ(load(*store, "run").error().code, Errc::not_found);
}

TEST_F(RunStoreTest, what_is_asked_while_runs_are_recovered_waits_for_the_last_of_them) {
    constexpr int kRuns = 300;
    {
        auto store = open();
        for (int i = 0; i < kRuns; ++i) {
            store->submit(run_of("run-" + std::to_string(i)), [](const auto& submitted) { EXPECT_TRUE(submitted); });
        }
    }
    RunStore::Options options;
    options.commit_window = std::chrono::milliseconds(0);
    auto store = open(options);
    std::atomic<bool> is_recovering = true;
    std::atomic<int> early = 0;
    std::atomic<int> answers = 0;
    int recovered = 0;
    ASSERT_TRUE(store->recover([&](const StoredRun& run) {
        ++recovered;
        executor_.post_to(recovered % 4, [&, id = run.summary.id](TaskFate) {
            store->append(step_of(id, 2), [&](const auto& written) {
                EXPECT_TRUE(written);
                early += is_recovering ? 1 : 0;
                ++answers;
            });
        });
        if (recovered == kRuns) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));  // a thread that does not wait would write now
            is_recovering = false;
        }
    }));
    EXPECT_EQ(recovered, kRuns);
    while (answers < kRuns) {
        std::this_thread::yield();
    }
    EXPECT_EQ(early, 0) << "the file has one user at a time";
    for (int i = 0; i < kRuns; ++i) {
        EXPECT_EQ(load(*store, "run-" + std::to_string(i))->events.size(), 2U);
    }
}

TEST_F(RunStoreTest, a_store_that_nobody_asks_deletes_what_is_over) {
    {
        auto store = open();
        EXPECT_TRUE(submit(*store, run_of("run")));
        EXPECT_TRUE(wait_for<void>([&](auto done) { store->append(end_of("run"), std::move(done)); }));
    }
    RunStore::Options options;
    options.result_lifetime = std::chrono::seconds(0);
    auto store = open(options);
    EXPECT_TRUE(store->recover([](const StoredRun&) {}));
    for (int i = 0; i < 500 && store->counters().expired == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(store->counters().expired, 1U);
}

TEST_F(RunStoreTest, a_locked_file_fails_the_write_and_not_the_next) {
    RunStore::Options options;
    options.busy_timeout = std::chrono::milliseconds(10);
    auto store = open(options);
    EXPECT_TRUE(submit(*store, run_of("run", "key")));
    const auto append = [&] { return wait_for<void>([&](auto done) { store->append(step_of("run", 2), std::move(done)); }); };
    {
        Poco::Data::Session session("SQLite", path_);
        session << "BEGIN EXCLUSIVE", now;
        EXPECT_EQ(append().error().code, Errc::store_failed);
        EXPECT_EQ(submit(*store, run_of("another", "key")).error().code, Errc::store_failed);
        session << "ROLLBACK", now;
    }
    EXPECT_TRUE(append());
    EXPECT_EQ(load(*store, "run")->events.size(), 2U) << "once";
    EXPECT_EQ(submit(*store, run_of("another", "key"))->run_id, "run");
}

constexpr int kEnd = 6;  // told of an end; a submit is told as 1, steps as 2 to 5

RunStep whole_end_of(const std::string& id) {
    auto step = end_of(id);
    step.end->log.clear();
    for (int number = 1; number < kEnd; ++number) {
        step.end->log += "id: " + std::to_string(number) + "\n\n";
    }
    return step;
}

/// In a child: submits runs, each twice with one key, adds steps, ends every other one, tells each answer through the pipe,
/// until it is killed.
[[noreturn]] void write_and_tell(const std::string& path, int pipe_end, int round) {
    ThreadedExecutor executor(2);
    RunStore::Options options;
    options.commit_window = std::chrono::milliseconds(0);
    auto store = RunStore::open(path, executor, null_log(), system_clock(), options);
    if (!store) {
        ::_exit(2);
    }
    for (int run = 0;; ++run) {
        const auto id = std::to_string(round) + "-" + std::to_string(run);
        std::atomic<bool> is_over = false;
        const auto tell = [&, run](int number) {
            const int told[2] = {run, number};
            if (::write(pipe_end, told, sizeof told) != sizeof told) {
                ::_exit(3);
            }
        };
        (*store)->submit(run_of(id, id), [&](const auto& submitted) { submitted ? tell(1) : ::_exit(4); });
        (*store)->submit(run_of(id + "-again", id),
                         [id](const auto& submitted) { submitted && submitted->run_id == id ? void() : ::_exit(6); });
        for (int number = 2; number < 6; ++number) {
            (*store)->append(step_of(id, number), [&, number](const auto& written) {
                written ? tell(number) : ::_exit(5);
                is_over = is_over || (number == 5 && run % 2 != 0);
            });
        }
        if (run % 2 == 0) {
            (*store)->append(whole_end_of(id), [&](const auto& written) {
                written ? tell(kEnd) : ::_exit(7);
                is_over = true;
            });
        }
        while (!is_over) {
            std::this_thread::yield();
        }
    }
}

TEST(RunStoreCrash, a_process_killed_at_any_moment_has_kept_its_word) {
    std::mt19937 random(std::random_device{}());
    TemporaryFolder folder;
    const auto path = folder.file("runs.db");
    std::size_t told = 0;
    for (int round = 0; round < 12; ++round) {
        int ends[2] = {-1, -1};
        ASSERT_EQ(::pipe(ends), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            ::close(ends[0]);
            write_and_tell(path, ends[1], round);
        }
        ::close(ends[1]);
        std::map<int, int> last;  // run -> the last event that was answered
        std::thread killer;
        int answer[2];
        while (::read(ends[0], answer, sizeof answer) == sizeof answer) {
            last[answer[0]] = answer[1];
            if (++told; !killer.joinable()) {
                const std::chrono::microseconds delay(random() % 40'000);
                killer = std::thread([=] {
                    std::this_thread::sleep_for(delay);
                    ::kill(child, SIGKILL);
                });
            }
        }
        ::close(ends[0]);
        killer.join();
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << status;
        RunFile file{RunFile::Options(path)};
        ASSERT_TRUE(file.prepare());
        for (const auto& [run, number] : last) {
            const auto id = std::to_string(round) + "-" + std::to_string(run);
            const auto stored = file.load(id);
            ASSERT_TRUE(stored) << run;
            ASSERT_GE(stored->events.size(), static_cast<std::size_t>(std::min(number, kEnd - 1)));
            ASSERT_TRUE(number < kEnd || stored->summary.state == RunState::done);
            ASSERT_EQ(stored->result_json.empty(), stored->summary.state == RunState::queued) << "an end is whole";
            ASSERT_EQ(file.load(id + "-again").error().code, Errc::not_found) << "one key, one run";
            RunOperation again{RunOperation::Submit{run_of(id + "-later", id)}};
            RunOperation* const operations[] = {&again};
            ASSERT_TRUE(file.apply(operations, system_clock().wall_ns()));
            ASSERT_EQ(std::get<RunOperation::Submit>(again.what).outcome->run_id, id) << "also over a crash";
            for (std::size_t n = 0; n < stored->events.size(); ++n) {
                ASSERT_EQ(stored->events[n], "id: " + std::to_string(n + 1) + "\n\n") << "no gap, nothing twice";
            }
        }
    }
    EXPECT_GT(told, 12U);
}

}  // namespace
}  // namespace eco2::store
