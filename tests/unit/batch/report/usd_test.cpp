#include "batch/report/usd.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace eco2::batch {
namespace {

TEST(Usd, is_exact_to_the_last_picodollar) {
    EXPECT_EQ(usd_text(0), "0");
    EXPECT_EQ(usd_text(1), "0.000000000001");
    EXPECT_EQ(usd_text(123'456'789), "0.000123456789");
    EXPECT_EQ(usd_text(2'500'000'000'000), "2.5");
    EXPECT_EQ(usd_text(1'000'000'000'000), "1");
    EXPECT_EQ(usd_text(100'000'000'000'000), "100");
    EXPECT_EQ(usd_text(-30'000'000'000), "-0.03");
    EXPECT_EQ(usd_text(std::numeric_limits<std::int64_t>::max()), "9223372.036854775807");
    EXPECT_EQ(usd_text(std::numeric_limits<std::int64_t>::min()), "-9223372.036854775808");
}

}  // namespace
}  // namespace eco2::batch
