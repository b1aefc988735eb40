#include "batch/money/estimate.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace eco2::batch {
namespace {

using std::chrono::hours;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;
using testing::Lt;
using testing::Not;

constexpr const char* kToday = "2026-12-01";

PriceList prices() {
    PriceTable table{"v1", {{"gpt-5-mini*", "", 0.25, 0.025, 2.0}, {"gpt-4o*", "", 2.5, 1.25, 10}}};
    table.review_by = "2027-03-31";
    return PriceList(table);
}

Estimator::StageDefinition stage(std::string name, std::string model = "gpt-5-mini") {
    return {std::move(name), "openai", std::move(model), {}, {}};
}

RequestTokens tokens(std::int64_t prompt, std::int64_t output) {
    RequestTokens out;
    out.prompt = {prompt / 2, prompt, prompt * 2};
    out.output = {output / 2, output, output * 4};
    return out;
}

std::vector<std::string> codes(const Estimate& estimate) {
    std::vector<std::string> out;
    for (const auto& warning : estimate.warnings) {
        out.push_back(warning.code);
    }
    return out;
}

std::string text_of(const Estimate& estimate, const std::string& code) {
    for (const auto& warning : estimate.warnings) {
        if (warning.code == code) {
            return warning.text;
        }
    }
    return "no such warning";
}

TEST(Estimator, adds_up_requests_bytes_tokens_and_money) {
    Estimator estimator(prices(), kToday);
    estimator.begin_stage(stage("vision"));
    for (int i = 0; i < 1'000; ++i) {
        ASSERT_TRUE(estimator.add("vision", tokens(2'000, 100), 999));
    }
    estimator.add_equal("vision", 50);
    const auto found = estimator.estimate();
    ASSERT_EQ(found.stages.size(), 1U);
    const auto& vision = found.stages[0];
    EXPECT_EQ(vision.items, 1'050);
    EXPECT_EQ(vision.requests, 1'000);
    EXPECT_EQ(vision.shards, 1);
    EXPECT_EQ(vision.bytes, 1'000'000);
    EXPECT_EQ(vision.input_tokens, (Range{1'000'000, 2'000'000, 4'000'000}));
    EXPECT_EQ(vision.output_tokens, (Range{50'000, 100'000, 400'000}));
    EXPECT_EQ(vision.money.expected, 2'000'000 * 125'000LL + 100'000 * 1'000'000LL) << "0.35 USD";
    EXPECT_EQ(vision.synchronous.expected, 2 * vision.money.expected);
    EXPECT_EQ(vision.worst, vision.money.high) << "both are a long prompt with the longest answer";
    EXPECT_EQ(vision.typical, hours(3));
    EXPECT_EQ(vision.at_most, hours(24));
    EXPECT_EQ(found.total.money, vision.money);
    EXPECT_EQ(found.price_version, "v1");
    EXPECT_THAT(codes(found), ElementsAre("retention", "results_kept"));
    EXPECT_THAT(text_of(found, "results_kept"), HasSubstr("30 days"));
}

TEST(Estimator, shards_end_by_requests_bytes_and_tokens) {
    auto definition = stage("vision");
    definition.capabilities.requests_max = 10;
    definition.capabilities.file_bytes_max = 1'000;
    definition.capabilities.enqueued_tokens_max = 4'000;
    Estimator estimator(prices(), kToday);
    estimator.begin_stage(definition);
    for (int i = 0; i < 25; ++i) {
        ASSERT_TRUE(estimator.add("vision", tokens(10, 1), 9));
    }
    EXPECT_EQ(estimator.estimate().total.shards, 3) << "25 requests, ten a shard";
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(estimator.add("vision", tokens(10, 1), 499));
    }
    EXPECT_EQ(estimator.estimate().total.shards, 5) << "of 500 bytes one fits behind five small ones, then two";
    ASSERT_TRUE(estimator.add("vision", tokens(2'000, 1), 1));
    EXPECT_EQ(estimator.estimate().total.shards, 6) << "4,000 tokens at worst fill a shard";
    const auto refused = estimator.add("vision", tokens(10, 1), 1'000);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::limit_exceeded);
    EXPECT_EQ(estimator.estimate().total.requests, 30) << "what does not fit is not counted";
}

TEST(Estimator, a_stage_that_depends_on_answers_is_worked_out_from_the_one_before) {
    Estimator estimator(prices(), kToday);
    estimator.begin_stage(stage("vision"));
    estimator.begin_stage(stage("answer", "gpt-4o"));
    for (int i = 0; i < 1'000; ++i) {
        ASSERT_TRUE(estimator.add("vision", tokens(2'000, 100), 999));
    }
    estimator.expect("answer", {"vision", 0.9, 0.5, tokens(800, 300), 1'999});
    const auto found = estimator.estimate();
    const auto& answer = found.stages.at(1);
    EXPECT_TRUE(answer.is_expected);
    EXPECT_EQ(answer.items, 900);
    EXPECT_EQ(answer.requests, 450);
    EXPECT_EQ(answer.shards, 1);
    EXPECT_EQ(answer.bytes, 450 * 2'000);
    EXPECT_EQ(answer.money.expected, 450 * (800 * 1'250'000LL + 300 * 5'000'000LL));
    EXPECT_EQ(answer.worst, 450 * (1'600 * 1'250'000LL + 1'200 * 5'000'000LL));
    EXPECT_EQ(found.total.items, 1'000);
    EXPECT_EQ(found.total.requests, 1'450);
    EXPECT_EQ(found.total.money.expected, found.stages[0].money.expected + answer.money.expected);
    EXPECT_EQ(found.total.typical, hours(6)) << "one after the other";
    EXPECT_EQ(estimator.estimate().total.requests, 1'450) << "asking twice changes nothing";
}

TEST(Estimator, a_stage_that_nothing_reaches_costs_nothing_and_warns_of_nothing) {
    Estimator estimator(prices(), kToday);
    estimator.begin_stage(stage("vision"));
    estimator.begin_stage(stage("answer", "unknown"));
    estimator.expect("answer", {"vision", 1, 1, tokens(800, 300), 100});
    const auto found = estimator.estimate();
    EXPECT_EQ(found.total.requests, 0);
    EXPECT_EQ(found.total.shards, 0);
    EXPECT_EQ(found.total.at_most, hours(0));
    EXPECT_TRUE(found.warnings.empty());
    EXPECT_EQ(to_text(Estimator(prices(), kToday).estimate()).empty(), false) << "nor does a job without stages break";
}

TEST(Estimator, a_limit_of_tokens_under_way_makes_rounds) {
    auto definition = stage("vision");
    definition.capabilities.enqueued_tokens_max = 100'000;
    definition.typical_batch = hours(2);
    Estimator estimator(prices(), kToday);
    estimator.begin_stage(definition);
    for (int i = 0; i < 500; ++i) {
        ASSERT_TRUE(estimator.add("vision", tokens(1'000, 100), 999));
    }
    const auto found = estimator.estimate();
    EXPECT_EQ(found.total.shards, 10) << "bounded by the upper estimate";
    EXPECT_EQ(found.total.rounds, 5) << "by the expected one";
    EXPECT_EQ(found.total.typical, hours(10));
    EXPECT_EQ(found.total.at_most, hours(120));
    EXPECT_THAT(text_of(found, "rounds"), HasSubstr("5 rounds"));
}

TEST(Estimator, what_an_operator_has_to_know_is_told) {
    auto definition = stage("vision", "gpt-unknown");
    definition.capabilities.expiry = BatchCapabilities::Expiry::lost;
    definition.capabilities.requests_min = 100;
    Estimator estimator(prices(), "2027-04-01");
    estimator.begin_stage(definition);
    auto one = tokens(1'000, 100);
    one.image_count = 2;
    one.image_urls = 1;
    one.sizes_assumed = 1;
    one.is_image_rule_assumed = true;
    one.is_output_assumed = true;
    one.is_incomplete = true;
    ASSERT_TRUE(estimator.add("vision", one, 100));
    const auto found = estimator.estimate();
    EXPECT_THAT(codes(found),
                ElementsAre("prices_past_review",
                            "price_unknown",
                            "retention",
                            "results_kept",
                            "expiry",
                            "image_urls",
                            "image_sizes",
                            "image_rule",
                            "output_limit",
                            "unknown_parts",
                            "requests_min"));
    EXPECT_FALSE(found.total.is_priced);
    EXPECT_EQ(found.total.money, Range{});
    EXPECT_THAT(text_of(found, "image_urls"), HasSubstr("24 hours"));

    definition.capabilities.is_zero_retention = true;
    definition.capabilities.takes_image_urls = false;
    definition.capabilities.takes_image_bytes = false;
    Estimator other(prices(), kToday);
    other.begin_stage(definition);
    ASSERT_TRUE(other.add("vision", one, 100));
    EXPECT_THAT(codes(other.estimate()), AllOf(Not(Contains("retention")), Contains("image_bytes")));
    EXPECT_THAT(text_of(other.estimate(), "image_urls"), HasSubstr("does not take"));
}

TEST(Estimator, a_pilot_of_twenty_brings_the_estimate_within_a_tenth_of_what_is_used) {
    const auto seed = std::random_device{}();
    std::mt19937 random(seed);
    // photos of very different sizes, of which the guess is a third too high, and answers of 60 to 140 tokens
    std::uniform_int_distribution<std::int64_t> sizes(500, 4'000);
    std::uniform_real_distribution<double> share(0.72, 0.78);
    std::uniform_int_distribution<std::int64_t> answers(60, 140);
    Estimator estimator(prices(), kToday);
    estimator.begin_stage(stage("vision"));
    std::vector<Estimator::PilotUsage> pilot;
    Usage actual{0, 0, -1, -1, false};
    for (int i = 0; i < 2'000; ++i) {
        const auto guess = tokens(sizes(random), 400);
        ASSERT_TRUE(estimator.add("vision", guess, 999));
        const auto input = std::llround(static_cast<double>(guess.prompt.expected) * share(random));
        const Usage used{input, answers(random), -1, -1, false};
        actual.input_tokens += used.input_tokens;
        actual.output_tokens += used.output_tokens;
        if (i < 20) {
            pilot.push_back({guess.prompt, used});
        }
    }
    const auto before = estimator.estimate();
    ASSERT_TRUE(estimator.calibrate("vision", pilot));
    const auto after = estimator.estimate();
    const auto spent = prices().find("openai", "gpt-5-mini", 0.5)->cost(actual);
    EXPECT_GT(before.total.money.expected, spent + spent / 10) << "the guess was not good enough";
    EXPECT_THAT(after.total.money.expected, AllOf(Gt(spent - spent / 10), Lt(spent + spent / 10))) << "seed " << seed;
    EXPECT_LT(after.total.money.low, after.total.money.expected);
    EXPECT_GT(after.total.money.high, after.total.money.expected);
    EXPECT_LT(after.total.money.high - after.total.money.low, before.total.money.high - before.total.money.low);
    EXPECT_EQ(after.total.worst, before.total.worst) << "what is reserved stays";
    EXPECT_TRUE(after.stages[0].is_calibrated);
}

TEST(Estimator, a_pilots_range_is_two_standard_errors_from_its_average) {
    Estimator estimator(prices(), kToday);
    estimator.begin_stage(stage("vision"));
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(estimator.add("vision", tokens(1'000, 100), 999));
    }
    std::vector<Estimator::PilotUsage> pilot;
    for (const std::int64_t output : {80, 90, 100, 110, 120}) {
        pilot.push_back({tokens(1'000, 100).prompt, Usage{1'100, output, -1, -1, false}});
    }
    ASSERT_TRUE(estimator.calibrate("vision", pilot));
    const auto found = estimator.estimate().total;
    EXPECT_EQ(found.input_tokens, Range::exactly(110'000)) << "all alike: no doubt";
    const double error = std::sqrt(1'000.0 / 4 / 5);
    EXPECT_EQ(found.output_tokens.expected, 10'000);
    EXPECT_EQ(found.output_tokens.low, std::llround(100 * (100 - 2 * error)));
    EXPECT_EQ(found.output_tokens.high, std::llround(100 * (100 + 2 * error)));
}

TEST(Estimator, too_few_usages_or_ones_that_were_not_told_calibrate_nothing) {
    Estimator estimator(prices(), kToday);
    estimator.begin_stage(stage("vision"));
    ASSERT_TRUE(estimator.add("vision", tokens(1'000, 100), 999));
    std::vector<Estimator::PilotUsage> pilot(4, {tokens(1'000, 100).prompt, Usage{500, 50, -1, -1, false}});
    pilot.resize(20);
    EXPECT_FALSE(estimator.calibrate("vision", pilot));
    EXPECT_FALSE(estimator.calibrate("vision", {}));
    EXPECT_EQ(estimator.estimate().total.input_tokens.expected, 1'000);
    EXPECT_FALSE(estimator.estimate().total.is_calibrated);
}

TEST(Estimator, a_million_requests_without_sense_do_not_overflow) {
    Estimator estimator(prices(), kToday);
    estimator.begin_stage(stage("vision"));
    estimator.begin_stage(stage("answer"));
    RequestTokens huge;
    huge.prompt = Range::exactly(kAmountMax);
    huge.output = Range::exactly(kAmountMax);
    ASSERT_TRUE(estimator.add("vision", huge, 10));
    ASSERT_TRUE(estimator.add("vision", huge, 10));
    estimator.add_equal("vision", 1'000'000'000'000);
    estimator.expect("answer", {"vision", 5, 1, huge, 1'000'000'000});
    const auto found = estimator.estimate();
    EXPECT_LE(found.total.money.high, kAmountMax);
    EXPECT_LE(found.total.worst, kAmountMax);
    EXPECT_GE(found.total.shards, 1);
}

TEST(EstimateText, is_a_table_with_aligned_columns_and_notes) {
    Estimator estimator(prices(), kToday);
    estimator.begin_stage(stage("vision"));
    estimator.begin_stage(stage("answer", "gpt-4o"));
    for (int i = 0; i < 1'000; ++i) {
        ASSERT_TRUE(estimator.add("vision", tokens(2'000, 100), 99'999));
    }
    estimator.expect("answer", {"vision", 1, 1, tokens(800, 300), 1'999});
    const auto text = to_text(estimator.estimate());
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at);
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    EXPECT_EQ(lines[0], "                             vision     answer      total");
    EXPECT_EQ(lines[1], "model                    gpt-5-mini     gpt-4o           ");
    EXPECT_EQ(lines[2], "items                         1,000      1,000      1,000");
    EXPECT_THAT(lines, Contains("input tokens, expected    2,000,000    800,000  2,800,000"));
    EXPECT_THAT(lines, Contains("files                      100.0 MB     2.0 MB   102.0 MB"));
    EXPECT_THAT(lines, Contains("USD, expected                0.3500     2.5000     2.8500"));
    EXPECT_THAT(lines, Contains("USD live, expected           0.7000     5.0000     5.7000"));
    EXPECT_THAT(lines, Contains("time, at most                  24 h       24 h       48 h"));
    EXPECT_THAT(lines, Contains("prices of version v1"));
    EXPECT_THAT(text, HasSubstr("note: vision: batches of \"openai\" are outside zero data retention"));
}

TEST(EstimateJson, has_the_same_in_picousd_and_as_text) {
    Estimator estimator(prices(), kToday);
    estimator.begin_stage(stage("vision"));
    ASSERT_TRUE(estimator.add("vision", tokens(2'000, 100), 999));
    const auto found = boost::json::parse(to_json(estimator.estimate()));
    const auto& vision = found.at("stages").at(0);
    EXPECT_EQ(vision.at("name"), "vision");
    EXPECT_EQ(vision.at("batch_picousd").at("expected"), 350'000'000);
    EXPECT_EQ(vision.at("batch_usd").at("expected"), "0.000350");
    EXPECT_EQ(vision.at("synchronous_picousd").at("expected"), 700'000'000);
    EXPECT_EQ(vision.at("at_most_s"), 86'400);
    EXPECT_EQ(found.at("total").at("requests"), 1);
    EXPECT_EQ(found.at("price_version"), "v1");
    EXPECT_EQ(found.at("warnings").at(0).at("code"), "retention");
}

}  // namespace
}  // namespace eco2::batch
