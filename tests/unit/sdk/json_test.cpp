#include "eco2/plugin/json.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace {

using eco2::plugin::append_json_escaped;
using eco2::plugin::JsonDocument;

std::string escaped(std::string_view text) {
    std::string out;
    append_json_escaped(out, text);
    return out;
}

TEST(JsonText, every_byte_at_every_place_of_a_word_comes_back_from_a_parser) {
    for (int byte = 0; byte < 0x80; ++byte) {
        for (std::size_t place = 0; place < 20; ++place) {
            std::string text(19, 'a');
            text.insert(place, 1, static_cast<char>(byte));
            JsonDocument<> document;
            ASSERT_TRUE(document.parse('"' + escaped(text) + '"')) << byte;
            EXPECT_EQ(*eco2::plugin::json_text(&document.value()), text) << byte;
        }
    }
}

TEST(JsonText, text_beyond_ascii_stays_as_it_is) {
    EXPECT_EQ(escaped("페트병 😀 \xFF\x80"), "페트병 😀 \xFF\x80");
    EXPECT_EQ(escaped("a\"b\\c\n\x01"), R"(a\"b\\c\n\u0001)");
}

TEST(JsonDocument, broken_text_is_refused_at_every_cut) {
    const std::string_view whole = R"({"a":[1,"x",null,{"b":true}]})";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        JsonDocument<> document;
        EXPECT_FALSE(document.parse(whole.substr(0, size))) << size;
    }
    JsonDocument<> document;
    EXPECT_TRUE(document.parse(whole));
    JsonDocument<> trailing;
    EXPECT_FALSE(trailing.parse("{} x"));
}

TEST(JsonDocument, depth_is_limited) {
    JsonDocument<> deep;
    EXPECT_FALSE(deep.parse(std::string(40, '[') + std::string(40, ']')));
    JsonDocument<> flat;
    EXPECT_TRUE(flat.parse(std::string(20, '[') + std::string(20, ']')));
}

TEST(JsonDocument, more_than_the_buffer_is_taken) {
    JsonDocument<64> document;
    ASSERT_TRUE(document.parse('"' + std::string(100'000, 'x') + '"'));
    EXPECT_EQ(eco2::plugin::json_text(&document.value())->size(), 100'000u);
}

TEST(JsonDocument, members_of_the_wrong_kind_are_absent) {
    JsonDocument<> document;
    ASSERT_TRUE(document.parse(R"({"text":"x","number":3})"));
    const auto* const value = &document.value();
    EXPECT_EQ(eco2::plugin::json_text(eco2::plugin::json_member(value, "number")), std::nullopt);
    EXPECT_EQ(eco2::plugin::json_integer(eco2::plugin::json_member(value, "text")), std::nullopt);
    EXPECT_EQ(eco2::plugin::json_member(eco2::plugin::json_member(value, "text"), "deeper"), nullptr);
    EXPECT_EQ(eco2::plugin::json_member(nullptr, "x"), nullptr);
    EXPECT_EQ(eco2::plugin::json_integer(eco2::plugin::json_member(value, "number")), 3);
}

}  // namespace
