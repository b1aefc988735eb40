#include "observe/redactor.hpp"

#include <gtest/gtest.h>

#include <string>

namespace eco2::observe {
namespace {

TEST(Redactor, registered_values_are_hidden_wherever_they_stand) {
    Redactor redactor;
    redactor.add("hunter2-hunter2");
    EXPECT_EQ(redactor.redact("hunter2-hunter2"), "[redacted]");
    EXPECT_EQ(redactor.redact("a=hunter2-hunter2&b=hunter2-hunter2!"), "a=[redacted]&b=[redacted]!");
    EXPECT_EQ(redactor.redact("hunter2"), "hunter2");
}

TEST(Redactor, a_secret_that_contains_another_goes_whole) {
    Redactor redactor;
    redactor.add("abcdef");
    redactor.add("abcdef-tail");
    EXPECT_EQ(redactor.redact("x abcdef-tail y abcdef"), "x [redacted] y [redacted]");
}

TEST(Redactor, spellings_in_json_and_in_urls_are_hidden) {
    Redactor redactor;
    redactor.add("pass\"word/1");
    EXPECT_EQ(redactor.redact(R"({"p":"pass\"word/1"})"), R"({"p":"[redacted]"})");
    EXPECT_EQ(redactor.redact("?p=pass%22word%2F1"), "?p=[redacted]");
}

TEST(Redactor, short_values_are_not_looked_for) {
    Redactor redactor;
    redactor.add("abc");
    redactor.add("");
    EXPECT_EQ(redactor.redact("abc and more"), "abc and more");
}

TEST(Redactor, bearer_tokens_are_hidden_in_any_case) {
    const Redactor redactor;
    EXPECT_EQ(redactor.redact("authorization: Bearer abc.DEF-123_~+/="), "authorization: Bearer [redacted]");
    EXPECT_EQ(redactor.redact("BEARER  0123456789, next"), "BEARER  [redacted], next");
    EXPECT_EQ(redactor.redact("the bearer of news"), "the bearer of news");
}

TEST(Redactor, keys_are_known_by_their_shape_and_words_are_left_alone) {
    const Redactor redactor;
    EXPECT_EQ(redactor.redact("key sk-proj-0123456789abcdefXYZ."), "key [redacted].");
    EXPECT_EQ(redactor.redact("\"sk-0123456789abcdef\""), "\"[redacted]\"");
    EXPECT_EQ(redactor.redact("AIzaSyA0123456789abcdef"), "[redacted]");
    EXPECT_EQ(redactor.redact("task-0123456789abcdef0123"), "task-0123456789abcdef0123");
    EXPECT_EQ(redactor.redact("sk-short"), "sk-short");
}

TEST(Redactor, user_info_in_a_url_is_hidden) {
    const Redactor redactor;
    EXPECT_EQ(redactor.redact("proxy http://user:pa55@proxy.example:3128/"), "proxy http://[redacted]@proxy.example:3128/");
    EXPECT_EQ(redactor.redact("http://host:80/a@b"), "http://host:80/a@b");
}

TEST(Redactor, a_text_cut_at_every_byte_never_shows_a_whole_secret) {
    Redactor redactor;
    redactor.add("topsecretvalue");
    const std::string text = "Bearer topsecretvalue sk-0123456789abcdef0123 ://a:b@c topsecretvalue";
    for (std::size_t i = 0; i <= text.size(); ++i) {
        const auto out = redactor.redact(std::string_view(text).substr(i));
        EXPECT_EQ(out.find("topsecretvalue"), std::string::npos) << i;
        const auto head = redactor.redact(std::string_view(text).substr(0, i));
        EXPECT_EQ(head.find("topsecretvalue"), std::string::npos) << i;
    }
}

}  // namespace
}  // namespace eco2::observe
