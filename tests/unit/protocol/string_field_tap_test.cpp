#include "protocol/string_field_tap.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>

namespace eco2 {
namespace {

const std::string kDocument =
    R"( {"n":{"user_answer":"inner"},"list":["user_answer",{"user_answer":"x"}],"user_answer":"라벨을 \"떼고\"\n헹궈요 \uD83D\uDE00 ok","user_answer2":"no","z":1.5e3} )";
const std::string kText = "라벨을 \"떼고\"\n헹궈요 😀 ok";

std::string feed_all(StringFieldTap& tap, std::string_view text, std::size_t piece) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        std::string part;
        tap.feed(text.substr(at, piece), part);
        EXPECT_TRUE(is_valid_utf8(part)) << "piece " << piece << " at " << at;
        out += part;
    }
    return out;
}

TEST(StringFieldTap, gives_the_same_text_whatever_the_pieces) {
    for (std::size_t piece = 1; piece <= kDocument.size(); ++piece) {
        StringFieldTap tap("user_answer");
        EXPECT_EQ(feed_all(tap, kDocument, piece), kText) << "piece " << piece;
    }
}

TEST(StringFieldTap, gives_text_before_the_object_is_whole) {
    StringFieldTap tap("user_answer");
    std::string out;
    tap.feed(R"({"user_answer":"half of)", out);
    EXPECT_EQ(out, "half of");
    tap.feed(R"( it)", out);
    EXPECT_EQ(out, "half of it");
}

TEST(StringFieldTap, ignores_a_field_that_is_no_string_and_one_below_the_top) {
    StringFieldTap tap("a");
    EXPECT_EQ(feed_all(tap, R"({"a":12,"b":{"a":"x"},"c":"y"})", 3), "");
}

TEST(StringFieldTap, a_number_does_not_leak_into_the_next_string) {
    StringFieldTap tap("a");
    EXPECT_EQ(feed_all(tap, R"({"a":null,"b":"y"})", 1), "");
}

TEST(StringFieldTap, falls_silent_on_text_that_is_not_json) {
    StringFieldTap tap("a");
    EXPECT_EQ(feed_all(tap, R"(Sure! {"a":"x"})", 2), "");
    StringFieldTap cut("a");
    EXPECT_EQ(feed_all(cut, R"({"a":"x"} and more {"a":"y"})", 4), "x");
}

TEST(StringFieldTap, survives_nesting_deeper_than_the_limit) {
    StringFieldTap tap("a");
    EXPECT_EQ(feed_all(tap, std::string(10'000, '['), 7), "");
}

}  // namespace
}  // namespace eco2
