#include "routing/rate_window.hpp"

#include "unit/routing/virtual_time.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace eco2::routing {
namespace {

using namespace std::chrono_literals;

TEST(RateWindowTest, a_request_counts_for_a_minute_and_the_slack) {
    for (const auto offset : {0ms, 1ms, 249ms}) {
        RateWindow window;
        window.add(at(offset), 7);
        const auto sure = at(offset) + 60s + RateWindow::kArrivalSlack;
        EXPECT_EQ(window.used(sure).requests, 1) << offset.count();
        EXPECT_EQ(window.used(sure).tokens, 7);
        EXPECT_EQ(window.used(sure + RateWindow::kSlot).requests, 0) << offset.count();
    }
}

TEST(RateWindowTest, an_empty_one_has_used_nothing) {
    const RateWindow window;
    EXPECT_EQ(window.used(at(0s)).requests, 0);
}

TEST(RateWindowTest, a_correction_goes_to_its_slot_and_to_no_later_one) {
    RateWindow window;
    const auto first = window.add(at(0s), 100);
    window.add(at(30s), 10);
    window.correct(first, -60);
    EXPECT_EQ(window.used(at(30s)).tokens, 50);
    EXPECT_EQ(window.used(at(61s)).tokens, 10);
    window.add(at(62s), 1);
    window.correct(first, -40);
    EXPECT_EQ(window.used(at(62s)).tokens, 11) << "what no longer counts cannot be corrected";
    EXPECT_EQ(window.used(at(62s)).requests, 2);
}

TEST(RateWindowTest, a_long_pause_leaves_nothing) {
    RateWindow window;
    window.add(at(0s), 5);
    window.add(at(1h), 3);
    EXPECT_EQ(window.used(at(1h)).requests, 1);
    EXPECT_EQ(window.used(at(1h)).tokens, 3);
}

TEST(RateWindowTest, it_counts_as_a_list_of_all_requests_does) {
    const unsigned seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    RateWindow window;
    std::deque<std::pair<std::int64_t, std::int64_t>> all;  // slot, tokens
    auto now = at(0s);
    for (int step = 0; step < 3'000; ++step) {
        now += std::chrono::milliseconds(random() % 400) + (random() % 100 == 0 ? 40s : 0s);
        const auto tokens = static_cast<std::int64_t>(random() % 1'000);
        all.emplace_back(window.add(now, tokens), tokens);
        auto& corrected = all[random() % all.size()];
        const auto by = static_cast<std::int64_t>(random() % 50);
        corrected.second += by;
        window.correct(corrected.first, by);
        const auto when = now + std::chrono::milliseconds(random() % 70'000);
        RateWindow::Amount expected;
        for (const auto& [slot, amount] : all) {
            if (slot > RateWindow::slot_of(when) - RateWindow::kSlots) {
                expected.requests += 1;
                expected.tokens += amount;
            }
        }
        ASSERT_EQ(window.used(when).requests, expected.requests) << step;
        ASSERT_EQ(window.used(when).tokens, expected.tokens) << step;
    }
}

}  // namespace
}  // namespace eco2::routing
