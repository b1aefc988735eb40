#include "app/stream_tokens.hpp"

#include "base/limits.hpp"
#include "support/manual_executor.hpp"

#include <gtest/gtest.h>

namespace eco2::app {
namespace {

TEST(StreamTokens, open_one_stream_once) {
    test::ManualClock clock;
    StreamTokens tokens(clock);
    const auto token = tokens.make("run", "user").value();
    EXPECT_EQ(token.size(), 64U);
    EXPECT_EQ(tokens.use(token, "other run").error().code, Errc::unauthorized);
    EXPECT_EQ(tokens.use(token, "run").value(), "user");
    EXPECT_EQ(tokens.use(token, "run").error().code, Errc::unauthorized);
    EXPECT_EQ(tokens.use("", "run").error().code, Errc::unauthorized);
    EXPECT_EQ(tokens.size(), 0U);
}

TEST(StreamTokens, do_not_last) {
    test::ManualClock clock;
    StreamTokens tokens(clock);
    const auto token = tokens.make("run", "user").value();
    clock.advance(limits::kStreamTokenLifetime);
    EXPECT_EQ(tokens.use(token, "run").error().code, Errc::unauthorized);
    EXPECT_TRUE(tokens.make("run", "user"));
    EXPECT_EQ(tokens.size(), 1U) << "the old one is gone";
}

TEST(StreamTokens, one_user_cannot_push_out_the_others) {
    test::ManualClock clock;
    StreamTokens tokens(clock);
    const auto mine = tokens.make("run", "me").value();
    for (std::size_t i = 0; i < limits::kStreamTokensPerUserMax; ++i) {
        EXPECT_TRUE(tokens.make("run", "greedy")) << i;
    }
    EXPECT_EQ(tokens.make("run", "greedy").error().code, Errc::quota_exceeded);
    EXPECT_TRUE(tokens.use(mine, "run"));
    clock.advance(limits::kStreamTokenLifetime);
    EXPECT_TRUE(tokens.make("run", "greedy"));
}

}  // namespace
}  // namespace eco2::app
