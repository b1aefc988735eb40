#include "eco2/wire/duration.hpp"
#include "eco2/wire/http_date.hpp"
#include "eco2/wire/rate_limits.hpp"
#include "eco2/wire/retry_hint.hpp"
#include "eco2/wire/rfc3339.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <string_view>

namespace {

using namespace std::string_view_literals;
using eco2::wire::parse_duration_ms;
using eco2::wire::parse_http_date;
using eco2::wire::parse_retry_after_ms;
using eco2::wire::RateLimits;

struct HeaderMap {
    std::map<std::string, std::string, std::less<>> values;
    std::string_view find(std::string_view name) const {
        const auto found = values.find(name);
        return found == values.end() ? std::string_view{} : std::string_view(found->second);
    }
};

TEST(Duration, reads_what_go_prints) {
    EXPECT_EQ(parse_duration_ms("6m0s"), 360'000);
    EXPECT_EQ(parse_duration_ms("120ms"), 120);
    EXPECT_EQ(parse_duration_ms("1s"), 1'000);
    EXPECT_EQ(parse_duration_ms("1h2m3.5s"), 3'723'500);
    EXPECT_EQ(parse_duration_ms("34.074824224s"), 34'075);
    EXPECT_EQ(parse_duration_ms("0"), 0);
    EXPECT_EQ(parse_duration_ms("0s"), 0);
    EXPECT_EQ(parse_duration_ms(".5s"), 500);
    EXPECT_EQ(parse_duration_ms("1us"), 1);
    EXPECT_EQ(parse_duration_ms("999\xC2\xB5s"), 1);
    EXPECT_EQ(parse_duration_ms("1500\xCE\xBCs"), 2);
    EXPECT_EQ(parse_duration_ms("2000000ns"), 2);
    EXPECT_EQ(parse_duration_ms("0.3s"), 300);
}

TEST(Duration, anything_else_is_refused) {
    for (const auto bad : {""sv,
                           "1"sv,
                           "s"sv,
                           "1x"sv,
                           "-1s"sv,
                           "+1s"sv,
                           "1s "sv,
                           " 1s"sv,
                           "1.2.3s"sv,
                           "1s2"sv,
                           "."sv,
                           ".s"sv,
                           "1e3s"sv,
                           "nan"sv,
                           "99999999999999999999h"sv,
                           "1 s"sv}) {
        EXPECT_EQ(parse_duration_ms(bad), std::nullopt) << bad;
    }
    EXPECT_EQ(parse_duration_ms(std::string(400, '9') + "s"), std::nullopt);
}

TEST(Duration, every_cut_of_a_good_one_is_read_or_refused_and_never_longer) {
    const std::string_view whole = "1h2m3.5s";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto cut = parse_duration_ms(whole.substr(0, size));
        EXPECT_LE(cut.value_or(0), 3'723'500);
    }
}

TEST(HttpDate, reads_the_form_of_the_standard) {
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777);
    EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
    EXPECT_EQ(parse_http_date("Thu, 29 Feb 2024 23:59:60 GMT"), 1'709'251'200);
}

TEST(HttpDate, the_obsolete_forms_are_read) {
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), 784'111'777);
    EXPECT_EQ(parse_http_date("Thursday, 01-Jan-26 00:00:00 GMT"), 1'767'225'600);
    EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), 784'111'777);
    EXPECT_EQ(parse_http_date("Sun Nov 16 08:49:37 1994"), 784'975'777);
    for (const std::string good : {"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
        for (std::size_t index = 0; index < good.size(); ++index) {
            std::string bad = good;
            bad[index] = '#';
            EXPECT_EQ(parse_http_date(bad), std::nullopt) << bad;
            EXPECT_EQ(parse_http_date(good.substr(0, index)), std::nullopt);
        }
    }
}

TEST(Rfc3339, is_read_with_fraction_and_offset) {
    using eco2::wire::parse_rfc3339;
    EXPECT_EQ(parse_rfc3339("2026-01-01T00:00:00Z"), 1'767'225'600);
    EXPECT_EQ(parse_rfc3339("2026-01-01T00:00:00.001Z"), 1'767'225'601);
    EXPECT_EQ(parse_rfc3339("2026-01-01T00:00:00.000Z"), 1'767'225'600);
    EXPECT_EQ(parse_rfc3339("2026-01-01T09:00:00+09:00"), 1'767'225'600);
    EXPECT_EQ(parse_rfc3339("2025-12-31T16:30:00-07:30"), 1'767'225'600);
    const std::string good = "2026-01-01T00:00:00Z";
    for (std::size_t index = 0; index < good.size(); ++index) {
        std::string bad = good;
        bad[index] = '#';
        EXPECT_EQ(parse_rfc3339(bad), std::nullopt) << bad;
        EXPECT_EQ(parse_rfc3339(good.substr(0, index)), std::nullopt);
    }
    for (const auto* bad :
         {"2026-02-30T00:00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00.1"}) {
        EXPECT_EQ(parse_rfc3339(bad), std::nullopt) << bad;
    }
}

TEST(HttpDate, every_changed_byte_is_refused_or_still_a_date) {
    const std::string good = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (std::size_t index = 0; index < good.size(); ++index) {
        std::string bad = good;
        bad[index] = '#';
        EXPECT_EQ(parse_http_date(bad), std::nullopt) << bad;
        EXPECT_EQ(parse_http_date(good.substr(0, index)), std::nullopt);
    }
    EXPECT_EQ(parse_http_date("Sun, 31 Feb 2024 00:00:00 GMT"), std::nullopt);
    EXPECT_EQ(parse_http_date("Sun, 06 ovD 1994 08:49:37 GMT"), std::nullopt);
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 24:00:00 GMT"), std::nullopt);
}

TEST(RetryHint, seconds_fractions_and_dates_are_read) {
    constexpr std::int64_t now_ns = 784'111'777ll * 1'000'000'000;
    EXPECT_EQ(parse_retry_after_ms("20", now_ns), 20'000);
    EXPECT_EQ(parse_retry_after_ms("0", now_ns), 0);
    EXPECT_EQ(parse_retry_after_ms("1.5", now_ns), 1'500);
    EXPECT_EQ(parse_retry_after_ms("Sun, 06 Nov 1994 08:49:47 GMT", now_ns), 10'000);
    EXPECT_EQ(parse_retry_after_ms("Sun, 06 Nov 1994 08:49:27 GMT", now_ns), 0);
    for (const auto bad : {""sv, "soon"sv, "-1"sv, "1s"sv, "1,2"sv}) {
        EXPECT_EQ(parse_retry_after_ms(bad, now_ns), std::nullopt) << bad;
    }
}

TEST(RetryHint, the_exact_header_wins_and_an_unreadable_one_counts_as_absent) {
    const HeaderMap both{{{"retry-after-ms", "250"}, {"retry-after", "9"}, {"x-should-retry", "false"}}};
    EXPECT_EQ(eco2::wire::read_retry_hint(both, 0).after_ms, 250);
    EXPECT_EQ(eco2::wire::read_retry_hint(both, 0).should_retry, false);
    const HeaderMap broken{{{"retry-after-ms", "x"}, {"retry-after", "9"}, {"x-should-retry", "maybe"}}};
    EXPECT_EQ(eco2::wire::read_retry_hint(broken, 0).after_ms, 9'000);
    EXPECT_EQ(eco2::wire::read_retry_hint(broken, 0).should_retry, std::nullopt);
    EXPECT_EQ(eco2::wire::read_retry_hint(HeaderMap{}, 0).after_ms, -1);
}

TEST(RateLimits, reads_all_six_and_leaves_out_what_is_garbage) {
    const HeaderMap good{{{"x-ratelimit-limit-requests", "500"},
                          {"x-ratelimit-remaining-requests", "0"},
                          {"x-ratelimit-reset-requests", "120ms"},
                          {"x-ratelimit-limit-tokens", "30000"},
                          {"x-ratelimit-remaining-tokens", "29000"},
                          {"x-ratelimit-reset-tokens", "6m0s"}}};
    EXPECT_EQ(eco2::wire::read_rate_limits(good), (RateLimits{500, 0, 120, 30'000, 29'000, 360'000}));
    const HeaderMap bad{{{"x-ratelimit-limit-requests", "-5"},
                         {"x-ratelimit-remaining-requests", "5x"},
                         {"x-ratelimit-limit-tokens", "99999999999999999999"},
                         {"x-ratelimit-reset-tokens", "later"}}};
    EXPECT_EQ(eco2::wire::read_rate_limits(bad), RateLimits{});
}

TEST(Hints, random_bytes_are_survived) {
    std::mt19937 random(7);
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        for (std::size_t index = 0; index < random() % 32; ++index) {
            text += "0123456789.msuh, :GMTJanSun-\xC2\xB5\xFF"[random() % 31];
        }
        const auto duration = parse_duration_ms(text);
        EXPECT_TRUE(!duration || *duration >= 0);
        const auto after = parse_retry_after_ms(text, 0);
        EXPECT_TRUE(!after || *after >= 0);
    }
}

}  // namespace
