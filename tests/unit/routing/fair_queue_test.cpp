#include "routing/fair_queue.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace eco2::routing {
namespace {

class FairQueueTest : public testing::Test {
protected:
    FairQueue::Entry& join(const std::string& caller, std::int64_t tokens = 0) {
        auto& entry = *entries_.emplace_back(std::make_unique<FairQueue::Entry>());
        entry.caller = caller;
        entry.tokens = tokens;
        queue_.join(entry);
        return entry;
    }
    std::string serve_first() {
        for (auto& entry : entries_) {
            if (queue_.has(*entry) && queue_.ahead_of(entry.get()).requests == 0) {
                queue_.serve(*entry);
                return entry->caller;
            }
        }
        return "nobody";
    }
    std::string serve_all() {
        std::string order;
        while (queue_.size() > 0) {
            order += serve_first();
        }
        return order;
    }

    FairQueue queue_;
    std::vector<std::unique_ptr<FairQueue::Entry>> entries_;
};

TEST_F(FairQueueTest, callers_take_turns_however_many_requests_each_has) {
    for (int i = 0; i < 5; ++i) {
        join("a");
    }
    join("b");
    join("b");
    join("c");
    EXPECT_EQ(serve_all(), "abcabaaa");
    EXPECT_EQ(queue_.callers(), 0U);
}

TEST_F(FairQueueTest, one_callers_requests_come_in_their_order) {
    auto& first = join("a");
    auto& second = join("a");
    auto& third = join("a");
    EXPECT_EQ(queue_.ahead_of(&first).requests, 0);
    EXPECT_EQ(queue_.ahead_of(&second).requests, 1);
    EXPECT_EQ(queue_.ahead_of(&third).requests, 2);
    queue_.leave(second);
    EXPECT_EQ(queue_.ahead_of(&third).requests, 1);
    EXPECT_EQ(queue_.ahead_of(nullptr).requests, 2);
    EXPECT_EQ(queue_.ahead_of(&second).requests, 2) << "who has left is a newcomer";
}

TEST_F(FairQueueTest, a_caller_that_comes_back_after_each_turn_alternates_with_one_that_has_many) {
    for (int i = 0; i < 50; ++i) {
        join("a");
    }
    join("b");
    std::string order;
    for (int i = 0; i < 20; ++i) {
        order += serve_first();
        if (order.back() == 'b') {
            join("b");
        }
    }
    EXPECT_EQ(order, "abababababababababab");
}

TEST_F(FairQueueTest, ever_new_callers_keep_nobody_from_a_second_turn) {
    join("a");
    join("a");
    int served_of_a = 0;
    for (int i = 0; i < 20; ++i) {
        join("new" + std::to_string(i));
        served_of_a += serve_first() == "a" ? 1 : 0;
    }
    EXPECT_EQ(served_of_a, 2);
}

TEST_F(FairQueueTest, who_gives_up_has_had_no_turn) {
    auto& gone = join("a");
    queue_.leave(gone);
    queue_.leave(gone);
    join("b");
    join("a");
    EXPECT_EQ(serve_all(), "ba");
}

TEST_F(FairQueueTest, tokens_ahead_are_the_average_for_each) {
    auto& first = join("a", 300);
    join("a", 100);
    auto& third = join("a");
    EXPECT_EQ(queue_.ahead_of(&first).tokens, 0);
    queue_.want(third, 200);
    EXPECT_EQ(queue_.ahead_of(&third).tokens, 400);
    EXPECT_EQ(queue_.ahead_of(nullptr).tokens, 600);
    queue_.leave(first);
    EXPECT_EQ(queue_.ahead_of(nullptr).tokens, 300);
}

}  // namespace
}  // namespace eco2::routing
