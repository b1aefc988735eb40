#include "pipeline/stage_gate.hpp"

#include "support/manual_executor.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace eco2::test {
namespace {

class StageGateTest : public ::testing::Test {
protected:
    std::unique_ptr<StageGate::Pass> enter(StageGate& gate, char name) {
        return gate.enter([this, name] { admitted_ += name; });
    }

    ManualClock clock_;
    ManualExecutor executor_{clock_};
    std::string admitted_;
};

TEST_F(StageGateTest, lets_in_as_many_as_it_may_and_the_rest_in_order) {
    StageGate gate(executor_, 1, 2);
    auto a = enter(gate, 'a');
    auto b = enter(gate, 'b');
    auto c = enter(gate, 'c');
    EXPECT_TRUE(a->was_let_in());
    EXPECT_FALSE(b->was_let_in());
    EXPECT_EQ(enter(gate, 'd'), nullptr);
    a.reset();
    EXPECT_EQ(admitted_, "") << "never from inside";
    executor_.run();
    EXPECT_EQ(admitted_, "b");
    b.reset();
    executor_.run();
    EXPECT_EQ(admitted_, "bc");
    c.reset();
    EXPECT_EQ(gate.running(), 0U);
}

TEST_F(StageGateTest, one_that_leaves_the_queue_is_passed_over) {
    StageGate gate(executor_, 1, 2);
    auto a = enter(gate, 'a');
    auto b = enter(gate, 'b');
    auto c = enter(gate, 'c');
    b.reset();
    EXPECT_EQ(gate.waiting(), 1U);
    a.reset();
    executor_.run();
    EXPECT_EQ(admitted_, "c");
}

TEST_F(StageGateTest, one_that_leaves_between_its_turn_and_its_call_passes_the_place_on) {
    StageGate gate(executor_, 1, 2);
    auto a = enter(gate, 'a');
    auto b = enter(gate, 'b');
    auto c = enter(gate, 'c');
    a.reset();
    b.reset();
    executor_.run();
    EXPECT_EQ(admitted_, "c");
    c.reset();
    EXPECT_EQ(gate.running(), 0U);
}

TEST_F(StageGateTest, one_that_is_let_in_before_its_owner_looks_is_told_once) {
    StageGate gate(executor_, 1, 1);
    auto a = enter(gate, 'a');
    auto b = enter(gate, 'b');
    a.reset();  // as another thread may do before b's owner has looked at b
    EXPECT_FALSE(b->was_let_in()) << "its owner would start twice, now and when admitted";
    executor_.run();
    EXPECT_EQ(admitted_, "b");
}

}  // namespace
}  // namespace eco2::test
