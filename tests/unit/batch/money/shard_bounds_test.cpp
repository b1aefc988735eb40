#include "batch/money/shard_bounds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace eco2::batch {
namespace {

using testing::HasSubstr;

BatchCapabilities limits(std::int64_t requests, std::int64_t bytes, std::int64_t tokens, std::int64_t line = 0) {
    BatchCapabilities out;
    out.requests_max = requests;
    out.file_bytes_max = bytes;
    out.enqueued_tokens_max = tokens;
    out.line_bytes_max = line;
    return out;
}

TEST(ShardBounds, the_first_limit_that_is_reached_ends_the_shard) {
    const auto line = ShardFill::of_line(9, 7);
    EXPECT_EQ(line, (ShardFill{1, 10, 7})) << "with its line end";
    EXPECT_TRUE(ShardBounds(limits(3, 0, 0)).fits({2, 0, 0}, line).value());
    EXPECT_FALSE(ShardBounds(limits(3, 0, 0)).fits({3, 0, 0}, line).value());
    EXPECT_TRUE(ShardBounds(limits(0, 30, 0)).fits({0, 20, 0}, line).value());
    EXPECT_FALSE(ShardBounds(limits(0, 30, 0)).fits({0, 21, 0}, line).value());
    EXPECT_TRUE(ShardBounds(limits(0, 0, 20)).fits({0, 0, 13}, line).value());
    EXPECT_FALSE(ShardBounds(limits(0, 0, 20)).fits({0, 0, 14}, line).value());
}

TEST(ShardBounds, without_limits_everything_fits) {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    const ShardBounds bounds(limits(0, 0, 0));
    EXPECT_TRUE(bounds.fits({1'000'000, 1'000'000'000'000, kMost / 2}, ShardFill::of_line(1'000, kMost / 2)).value());
    EXPECT_FALSE(bounds.fits({0, 0, kMost}, ShardFill::of_line(1, 1)).value()) << "nor does a sum overflow";
}

TEST(ShardBounds, a_line_that_no_shard_can_hold_is_refused_with_what_to_do) {
    const auto refused = [](const BatchCapabilities& capabilities, const ShardFill& line) {
        const auto fits = ShardBounds(capabilities).fits({}, line);
        return fits ? std::string("fits") : std::string(fits.error().name()) + ": " + fits.error().detail;
    };
    EXPECT_EQ(refused(limits(0, 0, 0, 100), ShardFill::of_line(100, 1)), "fits");
    EXPECT_EQ(
        refused(limits(0, 0, 0, 100), ShardFill::of_line(101, 1)),
        "LIMIT_EXCEEDED: a request's line has bytes: 101, the provider takes at most 100; send a smaller image, or its URL");
    EXPECT_EQ(refused(limits(0, 100, 0), ShardFill::of_line(99, 1)), "fits");
    EXPECT_THAT(refused(limits(0, 100, 0), ShardFill::of_line(100, 1)), HasSubstr("with its line end, bytes: 101"));
    EXPECT_EQ(refused(limits(0, 0, 10), ShardFill::of_line(5, 10)), "fits");
    EXPECT_THAT(refused(limits(0, 0, 10), ShardFill::of_line(5, 11)), HasSubstr("prompt may have tokens: 11"));
}

TEST(ShardBounds, so_many_lines_take_at_least_so_many_shards) {
    const ShardBounds bounds(limits(50'000, 196'000'000, 2'000'000));
    EXPECT_EQ(bounds.least_shards({}), 0);
    EXPECT_EQ(bounds.least_shards({1, 1, 1}), 1);
    EXPECT_EQ(bounds.least_shards({50'001, 1, 1}), 2);
    EXPECT_EQ(bounds.least_shards({10'000, 10'000LL * 133'600, 1}), 7) << "photos inline: bytes govern";
    EXPECT_EQ(bounds.least_shards({10'000, 1, 9'000'000}), 5);
}

}  // namespace
}  // namespace eco2::batch
