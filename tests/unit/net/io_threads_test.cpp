#include "net/io_threads.hpp"

#include "base/io_thread.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <set>
#include <thread>
#include <vector>

namespace eco2::net {
namespace {

using namespace std::chrono_literals;

IoThreads::Options options(std::size_t io_threads, std::size_t blocking_threads = 1, std::size_t queue_max = 100) {
    IoThreads::Options options;
    options.io_threads = io_threads;
    options.blocking_threads = blocking_threads;
    options.blocking_queue_max = queue_max;
    return options;
}

TEST(IoThreads, a_task_runs_on_a_marked_io_thread_and_never_inside_the_call) {
    IoThreads threads(options(1));
    std::promise<bool> ran;
    threads.post([&](TaskFate fate) {
        EXPECT_EQ(fate, TaskFate::due);
        EXPECT_TRUE(on_io_thread());
        EXPECT_EQ(threads.current_thread(), 0);
        auto inside = std::make_shared<bool>(false);
        threads.post([inside, &ran](TaskFate) { ran.set_value(*inside); });
        *inside = true;
    });
    EXPECT_EQ(threads.current_thread(), -1);
    threads.start();
    EXPECT_TRUE(ran.get_future().get());
}

TEST(IoThreads, tasks_from_elsewhere_reach_every_thread_and_posts_stay_on_theirs) {
    IoThreads threads(options(3));
    threads.start();
    std::mutex mutex;
    std::set<int> seen;
    std::vector<std::promise<void>> done(6);
    for (auto& each : done) {
        threads.post([&](TaskFate) {
            const int here = threads.current_thread();
            threads.post([&, here](TaskFate) {
                EXPECT_EQ(threads.current_thread(), here);
                {
                    const std::lock_guard lock(mutex);
                    seen.insert(here);
                }
                each.set_value();
            });
        });
    }
    for (auto& each : done) {
        each.get_future().wait();
    }
    EXPECT_EQ(seen, (std::set<int>{0, 1, 2}));
}

TEST(IoThreads, post_to_runs_on_the_named_thread) {
    IoThreads threads(options(2));
    threads.start();
    for (int index : {1, 0}) {
        std::promise<int> where;
        threads.post_to(index, [&](TaskFate) { where.set_value(threads.current_thread()); });
        EXPECT_EQ(where.get_future().get(), index);
    }
}

TEST(IoThreads, a_timer_fires_when_due_and_a_destroyed_one_is_dropped_once) {
    IoThreads threads(options(2));
    threads.start();
    std::promise<TaskFate> kept, cancelled;
    const auto begin = std::chrono::steady_clock::now();
    const auto timer = threads.post_after(20ms, [&](TaskFate fate) { kept.set_value(fate); });
    threads.post_after(1h, [&](TaskFate fate) { cancelled.set_value(fate); }).reset();
    EXPECT_EQ(cancelled.get_future().get(), TaskFate::dropped);
    EXPECT_EQ(kept.get_future().get(), TaskFate::due);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
}

TEST(IoThreads, a_timer_destroyed_on_its_own_thread_is_dropped_but_not_from_inside) {
    IoThreads threads(options(1));
    threads.start();
    std::promise<bool> was_inside;
    threads.post([&](TaskFate) {
        auto inside = std::make_shared<bool>(true);
        auto timer = threads.post_after(0ns, [&, inside](TaskFate fate) {
            EXPECT_EQ(fate, TaskFate::dropped);
            was_inside.set_value(*inside);
        });
        timer.reset();
        *inside = false;
    });
    EXPECT_FALSE(was_inside.get_future().get());
}

TEST(IoThreads, destroying_a_timer_from_inside_its_own_task_is_harmless) {
    IoThreads threads(options(1));
    threads.start();
    std::promise<void> done;
    threads.post([&](TaskFate) {
        auto holder = std::make_shared<std::unique_ptr<Timer>>();
        *holder = threads.post_after(1ms, [&, holder](TaskFate) {
            holder->reset();
            done.set_value();
        });
    });
    done.get_future().wait();
}

TEST(IoThreads, blocking_work_runs_elsewhere_and_its_end_comes_back) {
    IoThreads threads(options(2));
    threads.start();
    std::promise<std::pair<int, int>> where;
    threads.post_to(1, [&](TaskFate) {
        const bool accepted = threads.run_blocking([&](TaskFate) { EXPECT_FALSE(on_io_thread()); },
                                                   [&](TaskFate fate) {
                                                       EXPECT_EQ(fate, TaskFate::due);
                                                       where.set_value({threads.current_thread(), 0});
                                                   });
        EXPECT_TRUE(accepted);
    });
    EXPECT_EQ(where.get_future().get().first, 1);
}

TEST(IoThreads, a_full_blocking_queue_refuses_and_runs_nothing) {
    IoThreads threads(options(1, 1, 2));
    std::atomic<int> ran = 0;
    const auto count = [&](TaskFate) { ++ran; };
    EXPECT_TRUE(threads.run_blocking(count, count));
    EXPECT_TRUE(threads.run_blocking(count, count));
    EXPECT_EQ(threads.blocking_queue_depth(), 2u);
    EXPECT_FALSE(threads.run_blocking(count, count));
    threads.start();
    threads.stop();
    EXPECT_EQ(ran, 4);
}

TEST(IoThreads, stop_runs_every_accepted_task_exactly_once) {
    std::atomic<int> ran = 0;
    std::atomic<int> dropped = 0;
    const auto count = [&](TaskFate fate) {
        ++ran;
        dropped += fate == TaskFate::dropped ? 1 : 0;
    };
    std::vector<std::unique_ptr<Timer>> timers;
    int accepted = 0;
    {
        IoThreads threads(options(2, 1));
        threads.start();
        std::promise<void> gate;
        auto opened = gate.get_future().share();
        accepted += threads.run_blocking(
                        [&, opened](TaskFate fate) {
                            opened.wait();
                            count(fate);
                        },
                        count)
                        ? 2
                        : 0;
        for (int i = 0; i < 20; ++i) {
            threads.post(count);
            timers.push_back(threads.post_after(1h, count));
            // Dropped work may post once more, also to a thread whose loop has ended.
            timers.push_back(threads.post_after(1h, [&](TaskFate fate) {
                count(fate);
                threads.post_to(1 - std::max(0, threads.current_thread()), count);
            }));
            accepted += 4;
            accepted += threads.run_blocking(count, count) ? 2 : 0;
        }
        std::thread opener([&] {
            std::this_thread::sleep_for(20ms);
            gate.set_value();
        });
        threads.stop();
        opener.join();
        EXPECT_FALSE(threads.run_blocking(count, count));
        EXPECT_FALSE(threads.is_running());
        timers.clear();
    }
    EXPECT_EQ(ran, accepted);
    EXPECT_GE(dropped, 60);
}

TEST(IoThreads, what_is_posted_and_never_started_is_dropped_at_the_end) {
    int dropped = 0;
    {
        IoThreads threads(options(1));
        threads.post([&](TaskFate fate) { dropped += fate == TaskFate::dropped ? 1 : 0; });
        auto timer = threads.post_after(1h, [&](TaskFate fate) { dropped += fate == TaskFate::dropped ? 1 : 0; });
    }
    EXPECT_EQ(dropped, 2);
}

TEST(IoThreads, the_lag_probe_sees_a_blocked_loop) {
    std::promise<void> seen;
    std::atomic<bool> is_told = false;
    auto chosen = options(1);
    chosen.on_lag = [&](std::chrono::nanoseconds lag) {
        if (lag >= 80ms && !is_told.exchange(true)) {
            seen.set_value();
        }
    };
    IoThreads threads(std::move(chosen));
    threads.start();
    threads.post([](TaskFate) { std::this_thread::sleep_for(150ms); });
    EXPECT_EQ(seen.get_future().wait_for(5s), std::future_status::ready);
}

TEST(IoThreads, hammered_from_many_threads_it_loses_nothing) {
    IoThreads threads(options(2, 2, 100'000));
    threads.start();
    std::atomic<int> ran = 0;
    std::atomic<int> accepted = 0;
    std::vector<std::thread> callers;
    for (int t = 0; t < 4; ++t) {
        callers.emplace_back([&] {
            for (int i = 0; i < 200; ++i) {
                threads.post([&](TaskFate) { ++ran; });
                auto timer = threads.post_after(std::chrono::microseconds(i), [&](TaskFate) { ++ran; });
                if (threads.run_blocking([&](TaskFate) { ++ran; }, [&](TaskFate) { ++ran; })) {
                    accepted += 2;
                }
                accepted += 2;
            }
        });
    }
    for (auto& each : callers) {
        each.join();
    }
    threads.stop();
    EXPECT_EQ(ran, accepted);
}

}  // namespace
}  // namespace eco2::net
