#include "store/known_grants.hpp"

#include <gtest/gtest.h>

namespace eco2::store {
namespace {

TEST(KnownGrants, remembers_what_was_added_and_nothing_else) {
    KnownGrants known(10);
    EXPECT_FALSE(known.contains("a"));
    EXPECT_TRUE(known.add("a").empty());
    EXPECT_TRUE(known.contains("a"));
    EXPECT_FALSE(known.contains("b"));
}

TEST(KnownGrants, never_holds_more_than_its_limit_and_keeps_the_younger_half) {
    KnownGrants known(10);
    std::size_t forgotten = 0;
    for (int i = 0; i < 1'000; ++i) {
        forgotten += known.add(std::to_string(i)).size();
        ASSERT_LE(known.size(), 10U);
    }
    EXPECT_EQ(forgotten + known.size(), 1'000U);
    for (int i = 995; i < 1'000; ++i) {
        EXPECT_TRUE(known.contains(std::to_string(i))) << i;
    }
}

TEST(KnownGrants, keys_of_different_pairs_differ_wherever_the_border_lies) {
    const std::string nul("a\0b", 3);
    const std::vector<Grant> grants = {{"ab", "c", "", ""},
                                       {"a", "bc", "", ""},
                                       {"abc", "", "", ""},
                                       {"", "abc", "", ""},
                                       {nul, "c", "", ""},
                                       {"1:a", "b", "", ""}};
    for (std::size_t i = 0; i < grants.size(); ++i) {
        for (std::size_t j = i + 1; j < grants.size(); ++j) {
            EXPECT_NE(KnownGrants::key_of(grants[i]), KnownGrants::key_of(grants[j])) << i << ' ' << j;
        }
    }
}

}  // namespace
}  // namespace eco2::store
