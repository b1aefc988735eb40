#include "runtime/control_thread.hpp"

#include "base/limits.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace eco2::runtime {
namespace {

TEST(ControlThread, runs_tasks_one_after_another_in_order) {
    ControlThread thread([] { return false; });
    std::vector<int> order;
    std::promise<void> done;
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(thread.post([&, i](TaskFate) { order.push_back(i); }));
    }
    ASSERT_TRUE(thread.post([&](TaskFate) { done.set_value(); }));
    done.get_future().wait();
    EXPECT_EQ(order, std::vector<int>({0, 1, 2, 3, 4}));
}

TEST(ControlThread, tends_after_a_task_until_nothing_is_left) {
    std::atomic<int> left = 3;
    std::promise<void> done;
    ControlThread thread([&] {
        if (--left == 0) {
            done.set_value();
        }
        return left > 0;
    });
    ASSERT_TRUE(thread.post([](TaskFate) {}));
    done.get_future().wait();
    EXPECT_EQ(left, 0);
}

TEST(ControlThread, every_task_that_was_taken_runs_once_also_those_that_stop_drops) {
    ControlThread thread([] { return false; });
    std::promise<void> entered;
    std::promise<void> leave;
    ASSERT_TRUE(thread.post([&](TaskFate) {
        entered.set_value();
        leave.get_future().wait();
    }));
    entered.get_future().wait();
    std::atomic<std::size_t> ran = 0;
    std::size_t taken = 0;
    while (thread.post([&](TaskFate) { ++ran; })) {
        ++taken;
    }
    EXPECT_EQ(taken, limits::kControlQueueMax);
    std::thread stopper([&] { thread.stop(); });
    leave.set_value();
    stopper.join();
    EXPECT_EQ(ran, taken);
    EXPECT_FALSE(thread.post([](TaskFate) {}));
}

}  // namespace
}  // namespace eco2::runtime
