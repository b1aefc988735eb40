#include "batch/money/price_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace eco2::batch {
namespace {

using testing::HasSubstr;

PriceList list() {
    PriceTable table{"v7",
                     {{"gpt-mini*", "", 0.25, 0.025, 2.0},
                      {"odd", "", 0.000'001, -1, 0.000'003},
                      {"gpt-*", "azure", 2, -1, 16},
                      {"gpt-*", "", 1.25, 0.125, 10}}};
    table.review_by = "2027-03-31";
    return PriceList(table);
}

Usage usage(std::int64_t in, std::int64_t out, std::int64_t cached = -1) {
    return {in, out, cached, -1, false};
}

TEST(PriceList, a_batch_costs_the_factor_of_the_live_price) {
    const auto live = list().find("openai", "gpt-mini-2026", 1);
    const auto batch = list().find("openai", "gpt-mini-2026", 0.5);
    ASSERT_TRUE(live && batch);
    EXPECT_EQ(live->cost(usage(1'000'000, 1'000'000)), 2'250'000'000'000);
    EXPECT_EQ(batch->cost(usage(1'000'000, 1'000'000)), 1'125'000'000'000);
    EXPECT_EQ(batch->cost(usage(1'000, 0, 400)), 600 * 125'000 + 400 * 12'500);
    EXPECT_EQ(list().find("azure", "gpt-5", 0.5)->cost(usage(1'000, 0, 400)), 1'000 * 1'000'000) << "no price for a cache";
}

TEST(PriceList, a_token_price_is_rounded_once_so_that_sums_do_not_depend_on_their_order) {
    const auto prices = list().find("x", "odd", 0.5);
    ASSERT_TRUE(prices);
    EXPECT_EQ(prices->input, 1) << "half a picousd, rounded";
    EXPECT_EQ(prices->output, 2);
    const auto twenty = list().find("x", "gpt-5", 0.8);
    EXPECT_EQ(twenty->input, 1'000'000);
    std::int64_t sum = 0;
    std::int64_t in = 0;
    std::int64_t out = 0;
    std::mt19937 random(7);
    for (int i = 0; i < 1'000; ++i) {
        const auto one = usage(static_cast<std::int64_t>(random() % 5'000), static_cast<std::int64_t>(random() % 500));
        sum += prices->cost(one);
        in += one.input_tokens;
        out += one.output_tokens;
    }
    EXPECT_EQ(sum, prices->cost(usage(in, out)));
}

TEST(PriceList, usage_that_is_not_told_or_makes_no_sense_costs_nothing_and_overflows_nothing) {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    const auto prices = *list().find("openai", "gpt-5", 0.5);
    EXPECT_EQ(prices.cost(usage(-1, -1)), 0);
    EXPECT_EQ(prices.cost(usage(100, 0, 400)), prices.cost(usage(100, 0, 100))) << "more cached than there is";
    EXPECT_EQ(prices.cost(usage(kMost, kMost, 1)), kAmountMax);
}

TEST(PriceList, the_worst_is_a_long_prompt_and_the_longest_answer) {
    RequestTokens tokens;
    tokens.prompt = {100, 200, 300};
    tokens.output = {10, 20, 1'000};
    const auto prices = *list().find("openai", "gpt-5", 0.5);
    EXPECT_EQ(prices.worst(tokens), 300 * 625'000 + 1'000 * 5'000'000LL);
    EXPECT_EQ(prices.cost(tokens.prompt, tokens.output).expected, 200 * 625'000 + 20 * 5'000'000);
    const TokenPrices dear_cache{1, 9, 1};
    EXPECT_EQ(dear_cache.worst(tokens), 300 * 9 + 1'000);
}

TEST(PriceList, jobs_are_refused_behind_the_day_of_review_unless_they_may) {
    EXPECT_TRUE(list().check_review("2027-03-31", false));
    const auto refused = list().check_review("2027-04-01", false);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::config_invalid);
    EXPECT_THAT(refused.error().detail, HasSubstr("reviewed by 2027-03-31"));
    EXPECT_THAT(refused.error().detail, HasSubstr("prices.review_by"));
    EXPECT_TRUE(list().check_review("2027-04-01", true));
    EXPECT_TRUE(PriceList(PriceTable{}).check_review("2099-01-01", false)) << "no day was set";
}

TEST(PriceList, a_model_without_a_price_has_none) {
    EXPECT_FALSE(list().find("openai", "claude", 0.5));
    EXPECT_TRUE(list().check_known("openai", "gpt-5"));
    const auto refused = list().check_known("openai", "claude");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("no price is known for model \"claude\" of \"openai\""));
}

TEST(UsdText, is_rounded_up_to_four_decimals_and_six_below_a_cent) {
    EXPECT_EQ(rounded_usd(0), "0.0000");
    EXPECT_EQ(rounded_usd(1), "0.000001");
    EXPECT_EQ(rounded_usd(9'999'000'000), "0.009999");
    EXPECT_EQ(rounded_usd(10'000'000'000), "0.0100");
    EXPECT_EQ(rounded_usd(10'000'000'001), "0.0101");
    EXPECT_EQ(rounded_usd(12'345'678'900'000), "12.3457");
    EXPECT_EQ(rounded_usd(999'999'999'999'999), "1000.0000");
    EXPECT_EQ(rounded_usd(-2'500'000'000'000), "-2.5000");
    EXPECT_EQ(rounded_usd(std::numeric_limits<std::int64_t>::min()).front(), '-');
}

}  // namespace
}  // namespace eco2::batch
