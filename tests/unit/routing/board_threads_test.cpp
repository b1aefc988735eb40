#include "routing/target_board.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>

namespace eco2::routing {
namespace {

using namespace std::chrono_literals;
using Outcome = TargetBoard::Pass::Outcome;

TEST(BoardThreadsTest, four_threads_never_take_more_than_there_is_and_give_all_back) {
    constexpr std::int64_t kRequests = 3'000;
    RoutingDefinition definition;
    definition.providers = {{"limited", {{"k1", "shared", {}}, {"k2", "shared", {}}}}, {"free", {}}};
    definition.accounts = {{"shared", {kRequests, 0}, {}}};
    TargetBoard board(definition, system_clock(), 1);
    std::atomic<std::int64_t> of_limited{0};
    std::atomic<std::int64_t> of_free{0};

    const auto work = [&](unsigned seed) {
        std::mt19937 random(seed);
        for (int i = 0; i < 4'000; ++i) {
            const bool is_free = random() % 4 == 0;
            const auto place = random() % 8 == 0 ? board.queue("limited", "m", "caller", 100) : nullptr;
            TargetBoard::Want want;
            want.provider = is_free ? "free" : "limited";
            want.model = is_free && random() % 2 == 0 ? "n" : "m";
            want.place = is_free ? nullptr : place.get();
            auto answer = board.ask(want);
            if (auto* pass = std::get_if<0>(&answer)) {
                (is_free ? of_free : of_limited) += 1;
                (*pass)->note_limits({});
                if (random() % 4 != 0) {
                    (*pass)->settle({Outcome::Kind::answered, nullptr, false, 1, 1ms});
                }
            }
            if (random() % 64 == 0) {
                board.status();
                board.health("limited", "m");
                board.take_retry();
            }
        }
    };
    std::array<std::thread, 4> threads;
    for (unsigned i = 0; i < threads.size(); ++i) {
        threads.at(i) = std::thread(work, i + 1);
    }
    TargetBoard next(definition, system_clock(), 1);
    next.inherit(board);
    for (auto& thread : threads) {
        thread.join();
    }

    EXPECT_GT(of_free, 3'000);
    EXPECT_LE(of_limited, kRequests);
    for (const auto& row : board.status()) {
        EXPECT_EQ(row.waiting, 0U);
        if (row.account == "shared") {
            EXPECT_EQ(row.requests_left, kRequests - of_limited);
        }
    }
    EXPECT_EQ(board.health("limited", "m").in_flight, 0);
    EXPECT_EQ(board.health("free", "m").in_flight, 0);
    EXPECT_EQ(board.health("free", "n").in_flight, 0);
}

}  // namespace
}  // namespace eco2::routing
