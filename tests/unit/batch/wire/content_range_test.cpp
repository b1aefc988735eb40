#include "batch/wire/content_range.hpp"

#include <gtest/gtest.h>

#include <string>

namespace eco2::batch {
namespace {

TEST(ContentRange, a_range_with_and_without_its_total_is_read) {
    const auto with = parse_content_range("bytes 5-9/10");
    ASSERT_TRUE(with);
    EXPECT_EQ(with->first, 5);
    EXPECT_EQ(with->last, 9);
    EXPECT_EQ(with->total, 10);
    const auto without = parse_content_range(" Bytes 0-0/* ");
    ASSERT_TRUE(without);
    EXPECT_EQ(without->first, 0);
    EXPECT_EQ(without->last, 0);
    EXPECT_EQ(without->total, -1);
}

TEST(ContentRange, the_size_alone_is_read) {
    const auto size = parse_content_range("bytes */200000000000");
    ASSERT_TRUE(size);
    EXPECT_EQ(size->first, -1);
    EXPECT_EQ(size->total, 200'000'000'000);
}

TEST(ContentRange, what_is_no_range_is_refused) {
    for (const char* value : {"",
                              "bytes",
                              "bytes ",
                              "bytes */*",
                              "bytes 5-9",
                              "bytes 9-5/10",
                              "bytes 5-10/10",
                              "bytes -5/10",
                              "bytes 5-/10",
                              "bytes 5-9/",
                              "bytes +5-9/10",
                              "bytes 5-9/10x",
                              "bytes 99999999999999999999-5/10",
                              "items 5-9/10",
                              "bytes=5-9/10"}) {
        EXPECT_FALSE(parse_content_range(value)) << value;
    }
}

TEST(ContentRange, cut_at_any_byte_before_the_total_it_is_refused) {
    const std::string whole = "bytes 15-19/120";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(parse_content_range(std::string_view(whole).substr(0, size))) << size;  // "/1", "/12" contradict 19
    }
}

}  // namespace
}  // namespace eco2::batch
