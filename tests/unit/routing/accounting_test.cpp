#include "routing/accounting.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

namespace eco2::routing {
namespace {

PriceTable table() {
    return {"v7",
            {{"gpt-mini*", "", 0.25, 0.025, 2.0},
             {"gpt-*", "azure", 2, -1, 16},
             {"gpt-*", "", 1.25, 0.125, 10},
             {"free*", "", 0, 0, 0}}};
}

AttemptRecord record(std::string provider, std::string answered, std::int64_t in, std::int64_t out, std::int64_t cached = 0) {
    AttemptRecord made;
    made.provider = std::move(provider);
    made.answered = std::move(answered);
    made.input_tokens = in;
    made.output_tokens = out;
    made.cached_input_tokens = cached;
    return made;
}

AttemptRecord priced(AttemptRecord made) {
    PriceBook(table()).price(made);
    return made;
}

TEST(PriceBook, costs_are_whole_numbers_of_picousd) {
    const auto made = priced(record("openai", "gpt-mini-2026", 1'000'000, 1'000'000));
    EXPECT_EQ(made.cost_picousd, 2'250'000'000'000) << "0.25 and 2 USD";
    EXPECT_TRUE(made.is_priced);
    EXPECT_EQ(made.price_version, "v7");
    EXPECT_EQ(priced(record("openai", "gpt-mini", 1, 0)).cost_picousd, 250'000);
}

TEST(PriceBook, the_cached_part_of_a_prompt_has_its_own_price_or_that_of_the_prompt) {
    EXPECT_EQ(priced(record("openai", "gpt-x", 1'000, 0, 400)).cost_picousd, 600 * 1'250'000 + 400 * 125'000);
    EXPECT_EQ(priced(record("azure", "gpt-x", 1'000, 0, 400)).cost_picousd, 1'000 * 2'000'000);
    EXPECT_EQ(priced(record("openai", "gpt-x", 100, 0, 400)).cost_picousd, 100 * 125'000) << "more cached than there is";
}

TEST(PriceBook, the_first_price_that_fits_holds_and_the_model_that_answered_counts) {
    EXPECT_EQ(priced(record("azure", "gpt-mini", 1, 0)).cost_picousd, 250'000);
    EXPECT_EQ(priced(record("azure", "gpt-5", 1, 0)).cost_picousd, 2'000'000);
    auto asked = record("openai", "", 1, 0);
    asked.model = "gpt-mini";
    EXPECT_EQ(priced(asked).cost_picousd, 250'000) << "where nobody told, the model that was asked for";
    asked.answered = "gpt-9";
    EXPECT_EQ(priced(asked).cost_picousd, 1'250'000);
}

TEST(PriceBook, what_fits_no_price_is_not_known_rather_than_free) {
    const auto unknown = priced(record("openai", "claude", 5, 5));
    EXPECT_FALSE(unknown.is_priced);
    EXPECT_EQ(unknown.cost_picousd, 0);
    EXPECT_EQ(unknown.price_version, "v7");
    EXPECT_TRUE(priced(record("openai", "free-1", 5, 5)).is_priced);
    auto again = priced(record("openai", "gpt-x", 5, 5));
    again.answered = "claude";
    EXPECT_EQ(priced(again).cost_picousd, 0) << "nothing stays of an earlier price";
}

TEST(PriceBook, numbers_that_make_no_sense_neither_turn_a_cost_negative_nor_overflow) {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(priced(record("openai", "gpt-x", -1, -1, -1)).cost_picousd, 0);
    EXPECT_GT(priced(record("openai", "gpt-x", kMost, kMost, kMost)).cost_picousd, 0);
    EXPECT_GT(PriceBook(table()).worst_picousd("openai", "gpt-x", kMost, kMost), 0);
}

TEST(PriceBook, no_attempt_costs_more_than_its_worst_case) {
    const PriceBook book(table());
    std::mt19937 random(7);
    for (int i = 0; i < 1'000; ++i) {
        const auto in = static_cast<std::int64_t>(random() % 100'000);
        const auto out = static_cast<std::int64_t>(random() % 10'000);
        auto made = record(i % 2 == 0 ? "azure" : "openai",
                           i % 3 == 0 ? "gpt-mini" : "gpt-5",
                           in,
                           out,
                           static_cast<std::int64_t>(random() % 120'000));
        book.price(made);
        EXPECT_LE(made.cost_picousd, book.worst_picousd(made.provider, made.answered, in, out)) << "seed 7, step " << i;
    }
    EXPECT_EQ(book.worst_picousd("openai", "claude", 5, 5), 0);
}

GenerateRequest prompt(std::string text) {
    GenerateRequest request;
    Part part;
    part.text = std::make_shared<const std::string>(std::move(text));
    request.messages.push_back({Role::user, {part}});
    return request;
}

std::string repeated(std::string_view text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) {
        out += text;
    }
    return out;
}

TEST(EstimateTokens, text_is_a_quarter_of_its_ascii_and_seven_tenths_of_its_other_characters) {
    EXPECT_EQ(estimate_text_tokens(""), 0);
    EXPECT_EQ(estimate_text_tokens("a"), 1) << "no piece of an answer has no token";
    EXPECT_EQ(estimate_text_tokens(std::string(400, 'a')), 100);
    EXPECT_EQ(estimate_text_tokens(repeated("한", 100)), 70);
    EXPECT_EQ(estimate_text_tokens(repeated("한", 100) + std::string(400, 'a')), 170);
    EXPECT_EQ(estimate_text_tokens("\xEA\xB0"), 1) << "cut inside a character";
}

TEST(EstimateTokens, a_prompt_is_never_estimated_below_its_text_and_at_most_a_tenth_above) {
    for (const auto& text : {repeated("How do I sort this bottle? ", 80), repeated("이 물건은 어떻게 버리나요? ", 80)}) {
        const auto plain = estimate_text_tokens(text);
        const auto estimated = estimate_prompt_tokens(prompt(text));
        EXPECT_GE(estimated, plain);
        EXPECT_LE(estimated, plain + plain / 10 + 10);
    }
}

TEST(EstimateTokens, everything_that_is_sent_counts) {
    const auto empty = estimate_prompt_tokens(prompt(""));
    EXPECT_GT(empty, 0) << "a message has a frame";
    auto request = prompt("");
    request.schema_json = std::make_shared<const std::string>(std::string(4'000, 'x'));
    EXPECT_EQ(estimate_prompt_tokens(request), empty + 1'100);
    request = prompt("");
    request.tools_json = request.schema_json = std::make_shared<const std::string>(std::string(400, 'x'));
    EXPECT_EQ(estimate_prompt_tokens(request), empty + 220);
    request = prompt("");
    request.messages.push_back(request.messages.front());
    EXPECT_GT(estimate_prompt_tokens(request), empty);
}

TEST(EstimateTokens, an_image_counts_by_its_detail_and_not_by_its_bytes) {
    const auto with_image = [](ImageDetail detail, std::size_t bytes) {
        auto request = prompt("");
        Part part;
        part.kind = bytes != 0 ? Part::Kind::image_bytes : Part::Kind::image_url;
        part.bytes = std::make_shared<const std::string>(bytes, 'x');
        part.text = std::make_shared<const std::string>("https://images.example.com/a.jpg");
        part.detail = detail;
        request.messages.front().parts.push_back(part);
        return estimate_prompt_tokens(request) - estimate_prompt_tokens(prompt(""));
    };
    EXPECT_EQ(with_image(ImageDetail::low, 100'000), 94);  // 85 and a tenth
    EXPECT_EQ(with_image(ImageDetail::high, 100'000), 842);
    EXPECT_EQ(with_image(ImageDetail::automatic, 0), 842);
}

TEST(GlobMatches, literals_and_stars) {
    EXPECT_TRUE(glob_matches("gpt-4o", "gpt-4o"));
    EXPECT_FALSE(glob_matches("gpt-4o", "gpt-4o-mini"));
    EXPECT_FALSE(glob_matches("gpt-4o", "GPT-4o"));
    EXPECT_TRUE(glob_matches("*", ""));
    EXPECT_TRUE(glob_matches("", ""));
    EXPECT_FALSE(glob_matches("", "a"));
    EXPECT_TRUE(glob_matches("gpt-*", "gpt-"));
    EXPECT_TRUE(glob_matches("*mini", "gpt-5-mini"));
    EXPECT_TRUE(glob_matches("*mini", "mini-mini"));
    EXPECT_FALSE(glob_matches("*mini", "gpt-5-mini-2"));
    EXPECT_TRUE(glob_matches("a*b*c", "a-b-b-c"));
    EXPECT_FALSE(glob_matches("a*b*c", "a-c-b"));
    EXPECT_TRUE(glob_matches("**", "x"));
    EXPECT_TRUE(glob_matches("a*?", "ab?")) << "no other sign means anything";
    EXPECT_FALSE(glob_matches("a?", "ab"));
}

TEST(GlobMatches, agrees_with_the_definition_on_all_small_inputs) {
    struct Naive {
        static bool matches(std::string_view glob, std::string_view text) {
            if (glob.empty()) {
                return text.empty();
            }
            if (glob[0] == '*') {
                return matches(glob.substr(1), text) || (!text.empty() && matches(glob, text.substr(1)));
            }
            return !text.empty() && text[0] == glob[0] && matches(glob.substr(1), text.substr(1));
        }
    };
    const auto word = [](unsigned number, std::string_view letters, std::size_t size) {
        std::string out;
        for (std::size_t i = 0; i < size; ++i) {
            out += letters[number % letters.size()];
            number /= static_cast<unsigned>(letters.size());
        }
        return out;
    };
    for (unsigned g = 0; g < 3 * 3 * 3 * 3 * 3; ++g) {
        for (unsigned t = 0; t < 64; ++t) {
            const auto glob = word(g, "ab*", 5);
            const auto text = word(t, "ab", 6);
            EXPECT_EQ(glob_matches(glob, text), Naive::matches(glob, text)) << glob << " " << text;
        }
    }
}

TEST(GlobMatches, many_stars_take_no_exponential_time) {
    EXPECT_FALSE(glob_matches(repeated("*a", 200) + "b", std::string(5'000, 'a')));
}

}  // namespace
}  // namespace eco2::routing
