#include "routing/accounting.hpp"

#include <gtest/gtest.h>

namespace eco2::routing {
namespace {

TEST(GlobTest, a_star_stands_for_anything_also_for_nothing) {
    EXPECT_TRUE(glob_matches("*", ""));
    EXPECT_TRUE(glob_matches("*", "gpt-5"));
    EXPECT_TRUE(glob_matches("gpt-*", "gpt-"));
    EXPECT_TRUE(glob_matches("gpt-*-mini", "gpt-5-mini-mini"));
    EXPECT_TRUE(glob_matches("*a*b*", "xxaxbab"));
    EXPECT_TRUE(glob_matches("a**", "a"));
    EXPECT_FALSE(glob_matches("gpt-*-mini", "gpt-5-mini-x"));
    EXPECT_FALSE(glob_matches("gpt-*", "o4"));
}

TEST(GlobTest, all_else_stands_for_itself) {
    EXPECT_TRUE(glob_matches("", ""));
    EXPECT_TRUE(glob_matches("gpt-5.1", "gpt-5.1"));
    EXPECT_FALSE(glob_matches("gpt-5.1", "gpt-5x1"));
    EXPECT_FALSE(glob_matches("", "a"));
    EXPECT_FALSE(glob_matches("ab", "a"));
}

}  // namespace
}  // namespace eco2::routing
