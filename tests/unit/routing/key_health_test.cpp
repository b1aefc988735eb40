#include "routing/key_health.hpp"

#include "unit/routing/virtual_time.hpp"

#include <gtest/gtest.h>

namespace eco2::routing {
namespace {

using namespace std::chrono_literals;

TEST(KeyHealthTest, a_refused_key_is_probed_after_a_rest_that_doubles_up_to_an_hour) {
    KeyHealth health;
    auto now = at(0s);
    for (const auto rest : {60s, 120s, 240s, 480s, 960s, 1'920s, 3'600s, 3'600s}) {
        health.refuse(now, now, 60s);
        EXPECT_FALSE(health.lets_in(now + rest - 1ns));
        now += rest;
        EXPECT_TRUE(health.lets_in(now));
        EXPECT_TRUE(health.begin());
        EXPECT_FALSE(health.lets_in(now)) << "one probe at a time";
        health.release_probe();
    }
    health.took(now);
    EXPECT_FALSE(health.is_at_fault());
    EXPECT_FALSE(health.begin());
    health.refuse(now, now, 60s);
    EXPECT_EQ(health.probe_at(), now + 60s);
}

TEST(KeyHealthTest, what_was_under_way_together_counts_once_and_heals_nothing) {
    KeyHealth health;
    health.refuse(at(2s), at(1s), 60s);
    health.refuse(at(3s), at(1s), 60s);
    EXPECT_EQ(health.probe_at(), at(62s));
    health.took(at(1s));
    EXPECT_TRUE(health.is_at_fault());
}

TEST(KeyHealthTest, a_successor_does_not_wait_for_its_predecessors_probe) {
    KeyHealth old;
    old.refuse(at(0s), at(0s), 60s);
    old.begin();
    KeyHealth health;
    health.inherit(old);
    EXPECT_FALSE(health.lets_in(at(59s)));
    EXPECT_TRUE(health.lets_in(at(60s)));
}

}  // namespace
}  // namespace eco2::routing
