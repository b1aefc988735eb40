#include "unit/routing/board_fixture.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace eco2::routing {
namespace {

using BoardWaitingTest = BoardTest;

TEST_F(BoardWaitingTest, a_newcomer_does_not_take_the_room_that_others_wait_for) {
    definition_.accounts = {{"alone", {2, 0}, {}}};
    ask("alone").reset();
    clock_.advance(1s);
    ask("alone").reset();
    auto first = board().queue("alone", "m", "a", 10);
    auto second = board().queue("alone", "m", "a", 10);
    auto third = board().queue("alone", "m", "a", 10);
    const auto wait_of = [&](const TargetBoard::Place* place) {
        auto wanted = want("alone");
        wanted.place = place;
        EXPECT_EQ(ask(wanted), nullptr);
        return wait();
    };
    EXPECT_EQ(wait_of(first.get()), 59'750ms);
    EXPECT_EQ(wait_of(second.get()), 60'750ms);
    EXPECT_EQ(wait_of(third.get()), 59'750ms + 60'750ms) << "a window later";
    clock_.advance(59'750ms);
    EXPECT_EQ(ask("alone"), nullptr) << "the room is the first one's";
    auto wanted = want("alone");
    wanted.place = second.get();
    EXPECT_EQ(ask(wanted), nullptr);
    wanted.place = first.get();
    EXPECT_NE(ask(wanted), nullptr);
    clock_.advance(1s);
    EXPECT_EQ(ask("alone"), nullptr);
    second.reset();
    third.reset();
    EXPECT_NE(ask("alone"), nullptr) << "nobody waits any more";
}

TEST_F(BoardWaitingTest, a_queue_has_a_most_and_forgets_who_leaves) {
    auto first = board().queue("alone", "m", "a", 2);
    auto second = board().queue("alone", "m", "b", 2);
    EXPECT_EQ(board().queue("alone", "m", "c", 2), nullptr);
    EXPECT_EQ(board().queue("alone", "m", "c", 0), nullptr);
    first.reset();
    EXPECT_NE(board().queue("alone", "m", "c", 2), nullptr);
    auto wanted = want("alone");
    wanted.place = second.get();
    EXPECT_NE(ask(wanted), nullptr);
    EXPECT_EQ(board().status().back().waiting, 0U) << "whose turn came waits no more";
}

TEST_F(BoardWaitingTest, callers_with_ten_to_one_demand_get_equal_shares) {
    definition_.accounts = {{"alone", {16, 0}, {}}};
    struct Waiter {
        std::string caller;
        std::unique_ptr<TargetBoard::Place> place;
        Clock::Monotonic ask_at;
    };
    std::vector<Waiter> waiters(110);
    for (std::size_t i = 0; i < waiters.size(); ++i) {
        waiters[i] = {i < 100 ? "many" : "few", nullptr, clock_.now()};
    }
    for (int i = 0; i < 16; ++i) {
        ask("alone");  // what the first to come take, before anybody waits
    }
    int of_many = 0;
    int of_few = 0;
    const auto end = clock_.now() + 5min;
    while (clock_.now() < end) {
        for (auto& waiter : waiters) {
            if (waiter.ask_at > clock_.now()) {
                continue;
            }
            auto wanted = want("alone");
            wanted.place = waiter.place.get();
            if (const auto pass = ask(wanted)) {
                pass->settle({Outcome::Kind::answered, nullptr, false, 1, 1ms});
                (waiter.caller == "many" ? of_many : of_few) += 1;
                waiter.place.reset();
                waiter.ask_at = clock_.now();
                continue;
            }
            if (waiter.place == nullptr) {
                waiter.place = board().queue("alone", "m", waiter.caller, 1'000);
            } else {
                waiter.ask_at = std::min(denial_.ready_at, clock_.now() + 1s);
            }
        }
        clock_.advance(125ms);
    }
    EXPECT_GE(of_many + of_few, 4 * 16);
    EXPECT_NEAR(static_cast<double>(of_few) / of_many, 1, 0.2);
}

}  // namespace
}  // namespace eco2::routing
