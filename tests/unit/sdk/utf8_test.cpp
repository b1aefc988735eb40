#include "eco2/wire/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using eco2::wire::is_utf8;
using eco2::wire::utf8_prefix;

TEST(Utf8, well_formed_text_passes) {
    EXPECT_TRUE(is_utf8(""));
    EXPECT_TRUE(is_utf8("plain"));
    EXPECT_TRUE(is_utf8("페트병 ♻ 😀"));
    EXPECT_TRUE(is_utf8("\xF4\x8F\xBF\xBF"));  // U+10FFFF
}

TEST(Utf8, every_cut_inside_a_character_is_refused) {
    for (const std::string text : {"é", "한", "😀"}) {
        for (std::size_t size = 1; size < text.size(); ++size) {
            EXPECT_FALSE(is_utf8(text.substr(0, size)));
        }
    }
}

TEST(Utf8, overlong_forms_surrogates_and_strays_are_refused) {
    for (const char* const bad : {"\xC0\x80",
                                  "\xC1\xBF",
                                  "\xE0\x9F\xBF",
                                  "\xF0\x8F\xBF\xBF",
                                  "\xED\xA0\x80",
                                  "\xF4\x90\x80\x80",
                                  "\xF5\x80\x80\x80",
                                  "\x80",
                                  "\xFF",
                                  "a\xC3(",
                                  "\xE2\x28\xA1"}) {
        EXPECT_FALSE(is_utf8(bad)) << bad;
    }
}

TEST(Utf8, a_prefix_never_cuts_a_character) {
    const std::string text = "a한😀b";
    for (std::size_t size = 0; size <= text.size() + 1; ++size) {
        const auto prefix = utf8_prefix(text, size);
        EXPECT_LE(prefix.size(), size);
        EXPECT_TRUE(is_utf8(prefix)) << size;
    }
    EXPECT_EQ(utf8_prefix(text, 4), "a한");
    EXPECT_EQ(utf8_prefix(text, 7), "a한");
}

}  // namespace
