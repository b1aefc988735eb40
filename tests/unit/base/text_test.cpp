#include "base/text.hpp"

#include "base/hash.hpp"
#include "base/ids.hpp"

#include <gtest/gtest.h>

namespace eco2 {
namespace {

TEST(Text, trim_takes_white_space_from_both_ends_only) {
    EXPECT_EQ(trim(" \t a b\n"), "a b");
    EXPECT_EQ(trim(" \n "), "");
    EXPECT_EQ(trim(""), "");
}

TEST(Text, utf8_is_judged_as_the_rfc_says) {
    for (const std::string_view good : {"", "a", "가", "\xC2\x80", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF", "😀"}) {
        EXPECT_TRUE(is_valid_utf8(good));
    }
    for (const std::string_view bad : {"\x80",
                                       "\xC0\x80",
                                       "\xC1\xBF",
                                       "\xE0\x80\x80",
                                       "\xED\xA0\x80",
                                       "\xF0\x80\x80\x80",
                                       "\xF4\x90\x80\x80",
                                       "\xF5\x80\x80\x80",
                                       "\xE1\x80",
                                       "\xFF",
                                       "a\xC3"}) {
        EXPECT_FALSE(is_valid_utf8(bad)) << json_quote(bad);
    }
}

TEST(Text, shorten_never_cuts_a_character) {
    const std::string text = "가나다";
    for (std::size_t size = 0; size <= text.size(); ++size) {
        EXPECT_TRUE(is_valid_utf8(shorten(text, size))) << size;
    }
    EXPECT_EQ(shorten(text, 9), text);
    EXPECT_EQ(shorten(text, 8), "가나…");
}

TEST(Text, json_quote_escapes_what_json_forbids) {
    EXPECT_EQ(json_quote("a\"b\\c\n\t\r\x01가"), "\"a\\\"b\\\\c\\n\\t\\r\\u0001가\"");
}

TEST(Text, base64_round_trips_every_length) {
    std::string bytes;
    for (int i = 0; i < 300; ++i) {
        EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
        bytes += static_cast<char>(i);
    }
    EXPECT_EQ(base64_encode("foob"), "Zm9vYg==");
}

TEST(Text, base64_refuses_what_is_not) {
    for (const std::string_view bad : {"Zg", "Zg=", "Z===", "====", "Zm9v Zg==", "Zm9*", "Zg==Zg=="}) {
        EXPECT_FALSE(base64_decode(bad)) << bad;
    }
}

TEST(Text, uuids_are_recognised_and_made) {
    EXPECT_TRUE(is_uuid(new_uuid()));
    EXPECT_NE(new_uuid(), new_uuid());
    EXPECT_EQ(new_uuid()[14], '4');
    EXPECT_FALSE(is_uuid("00000000-0000-0000-0000-00000000000"));
    EXPECT_FALSE(is_uuid("00000000-0000-0000-0000-00000000000g"));
    EXPECT_FALSE(is_uuid("000000000000-0000-0000-0000000000000"));
}

TEST(Text, a_traceparent_is_exactly_one) {
    const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    EXPECT_TRUE(is_traceparent(good));
    for (std::size_t i = 0; i < good.size(); ++i) {
        auto bad = good;
        bad[i] = 'x';
        EXPECT_FALSE(is_traceparent(bad)) << i;
        EXPECT_FALSE(is_traceparent(good.substr(0, i))) << i;
    }
    EXPECT_FALSE(is_traceparent(good + "0"));
}

TEST(Hash, sha256_of_a_known_text) {
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hash, sha256_in_pieces_is_that_of_the_whole_and_may_be_asked_in_between) {
    Sha256 hash;
    EXPECT_EQ(hash.hex(), sha256_hex(""));
    hash.update("a");
    EXPECT_EQ(hash.hex(), sha256_hex("a"));
    hash.update("bc");
    EXPECT_EQ(hash.hex(), sha256_hex("abc"));
    EXPECT_EQ(hash.digest()[0], 0xBA);
    hash.reset();
    EXPECT_EQ(hash.hex(), sha256_hex(""));
}

}  // namespace
}  // namespace eco2
