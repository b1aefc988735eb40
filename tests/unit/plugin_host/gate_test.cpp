#include "plugin_host/gate.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace eco2::plugin_host {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(Gate, lets_nobody_in_after_close) {
    Gate gate;
    EXPECT_TRUE(gate.enter());
    gate.close();
    EXPECT_FALSE(gate.enter());
    EXPECT_EQ(gate.inside(), 1U);
    gate.leave();
    EXPECT_EQ(gate.inside(), 0U);
    EXPECT_TRUE(gate.is_closed());
}

TEST(Gate, wait_gives_up_at_the_deadline) {
    Gate gate;
    ASSERT_TRUE(gate.enter());
    gate.close();
    EXPECT_FALSE(gate.wait_until(steady_clock::now() + milliseconds(5)));
    gate.leave();
    EXPECT_TRUE(gate.wait_until(steady_clock::now()));
}

TEST(Gate, wait_sees_what_was_done_inside) {
    Gate gate;
    std::vector<int> written(8, 0);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < written.size(); ++i) {
        ASSERT_TRUE(gate.enter());
        threads.emplace_back([&gate, &written, i] {
            written[i] = 1;
            gate.leave();
        });
    }
    gate.close();
    ASSERT_TRUE(gate.wait_until(steady_clock::now() + std::chrono::seconds(20)));
    for (const int one : written) {
        EXPECT_EQ(one, 1);
    }
    for (auto& thread : threads) {
        thread.join();
    }
}

}  // namespace
}  // namespace eco2::plugin_host
