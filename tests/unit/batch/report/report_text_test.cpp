#include "batch/report/report_text.hpp"

#include "base/text.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace eco2::batch {
namespace {

using std::chrono::seconds;

TEST(ReportText, money_is_exact) {
    EXPECT_EQ(usd_text(0), "0.00");
    EXPECT_EQ(usd_text(1), "0.000000000001");
    EXPECT_EQ(usd_text(-1), "-0.000000000001");
    EXPECT_EQ(usd_text(10'000'000'000), "0.01");
    EXPECT_EQ(usd_text(12'500'000'000'000), "12.50");
    EXPECT_EQ(usd_text(12'345'678'901'234), "12.345678901234");
    EXPECT_EQ(usd_text(-3'000'000'000'000), "-3.00");
    EXPECT_EQ(usd_text(std::numeric_limits<std::int64_t>::max()), "9223372.036854775807");
    EXPECT_EQ(usd_text(std::numeric_limits<std::int64_t>::min()), "-9223372.036854775808");
}

TEST(ReportText, durations_have_their_two_largest_units) {
    EXPECT_EQ(duration_text(seconds(-5)), "0 s");
    EXPECT_EQ(duration_text(std::chrono::milliseconds(999)), "0 s");
    EXPECT_EQ(duration_text(seconds(59)), "59 s");
    EXPECT_EQ(duration_text(seconds(60)), "1 min");
    EXPECT_EQ(duration_text(seconds(753)), "12 min 33 s");
    EXPECT_EQ(duration_text(seconds(3'600)), "1 h");
    EXPECT_EQ(duration_text(seconds(3'659)), "1 h");
    EXPECT_EQ(duration_text(seconds(12'000)), "3 h 20 min");
    EXPECT_EQ(duration_text(seconds(86'400 * 2 + 3'600 * 4 + 59)), "2 d 4 h");
}

TEST(ReportText, text_is_cut_to_columns_between_characters) {
    EXPECT_EQ(fit("hello", 5), "hello");
    EXPECT_EQ(fit("hello!", 5), "he...");
    EXPECT_EQ(fit("hello", 2), "..");
    EXPECT_EQ(fit("hello", 0), "");
    EXPECT_EQ(columns_of("한국어"), 6U);
    EXPECT_EQ(fit("한국어", 6), "한국어");
    EXPECT_EQ(fit("한국어!", 6), "한...") << "half a character's width is left free";
    EXPECT_EQ(padded("한", 4), "한  ");
    EXPECT_EQ(padded("long", 2), "..");
}

TEST(ReportText, nothing_that_moves_a_cursor_gets_through) {
    EXPECT_EQ(fit("a\x1b[2Jb\r\nc\td\x7f", 80), "a [2Jb  c d ");
    EXPECT_EQ(fit("a\xC2\x9B"
                  "b",
                  80),
              "a b")
        << "the control sequence introducer of eight bits";
    EXPECT_EQ(fit("a\xE2\x80\xAE"
                  "b",
                  80),
              "a b")
        << "writing from right to left";
}

TEST(ReportText, any_bytes_are_shown_as_valid_text) {
    std::string all;
    for (int i = 0; i < 256; ++i) {
        all += static_cast<char>(i);
    }
    EXPECT_TRUE(is_valid_utf8(fit(all, 1'000)));
    const std::string whole = "é한😀x";
    for (std::size_t i = 0; i <= whole.size(); ++i) {
        EXPECT_TRUE(is_valid_utf8(fit(whole.substr(0, i), 80))) << i;
        EXPECT_TRUE(is_valid_utf8(fit(whole.substr(i), 80))) << i;
        EXPECT_LE(columns_of(fit(whole, i)), i);
        boost::system::error_code ec;
        boost::json::parse(json_text(whole.substr(i)), ec);
        EXPECT_FALSE(ec) << i;
    }
}

TEST(ReportText, an_object_keeps_its_order) {
    EXPECT_EQ(JsonObject().done(), "{}");
    EXPECT_EQ(JsonObject()
                  .text("b", "a\"\n")
                  .text_or_null("a", "")
                  .number("n", -1)
                  .usd("u", 1'500'000'000'000)
                  .milliseconds("ms", seconds(2))
                  .raw("list", json_array(std::vector<std::string>{"x", "y"}, json_text))
                  .done(),
              R"({"b":"a\"\n","a":null,"n":-1,"u":1.50,"ms":2000,"list":["x","y"]})");
}

}  // namespace
}  // namespace eco2::batch
