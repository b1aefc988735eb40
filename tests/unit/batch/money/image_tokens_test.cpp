#include "batch/money/image_tokens.hpp"

#include <gtest/gtest.h>

namespace eco2::batch {
namespace {

using Look = ImageLook;

struct Case {
    const char* model;
    int width;
    int height;
    Look look;
    std::int64_t tokens;
};

void expect_tokens(const Case& one) {
    const auto found = image_tokens(one.model, one.look, ImageSize{one.width, one.height});
    EXPECT_EQ(found.tokens.expected, one.tokens) << one.model << " " << one.width << "x" << one.height;
    EXPECT_LE(found.tokens.low, found.tokens.expected);
    EXPECT_GE(found.tokens.high, found.tokens.expected);
    EXPECT_FALSE(found.is_rule_assumed) << one.model;
    EXPECT_FALSE(found.is_size_assumed);
}

TEST(ImageTokens, are_those_of_the_guides_examples) {
    for (const auto& one : {Case{"gpt-4o", 1'024, 1'024, Look::high, 765},
                            Case{"gpt-4o", 2'048, 4'096, Look::high, 1'105},
                            Case{"gpt-4o", 4'096, 8'192, Look::low, 85},
                            Case{"gpt-4.1-mini", 1'024, 1'024, Look::high, 1'659},     // 1,024 patches x 1.62
                            Case{"gpt-4.1-mini", 1'800, 2'400, Look::high, 2'353}}) {  // 1,452 patches
        expect_tokens(one);
    }
}

TEST(ImageTokens, each_family_has_its_base_and_tile) {
    for (const auto& one : {Case{"gpt-4o-2024-11-20", 512, 512, Look::high, 85 + 170},
                            Case{"gpt-4.1-2025-04-14", 1'024, 1'024, Look::automatic, 765},
                            Case{"gpt-4o-mini", 1'024, 1'024, Look::high, 2'833 + 4 * 5'667},
                            Case{"gpt-4o-mini", 1'024, 1'024, Look::low, 2'833},
                            Case{"gpt-5", 1'024, 1'024, Look::high, 70 + 4 * 140},
                            Case{"gpt-5-chat-latest", 100, 100, Look::low, 70},
                            Case{"gpt-5.1", 1'024, 1'024, Look::high, 630},
                            Case{"o3", 1'024, 1'024, Look::high, 75 + 4 * 150},
                            Case{"o1-pro", 1'024, 1'024, Look::low, 75},
                            Case{"computer-use-preview", 1'024, 1'024, Look::high, 65 + 4 * 129},
                            Case{"openai/gpt-4o", 1'024, 1'024, Look::high, 765}}) {
        expect_tokens(one);
    }
}

TEST(ImageTokens, each_family_has_its_multiplier_of_patches) {
    for (const auto& one : {Case{"gpt-4.1-nano", 1'024, 1'024, Look::high, 2'520},
                            Case{"o4-mini", 1'024, 1'024, Look::high, 1'762},
                            Case{"gpt-5-mini", 1'024, 1'024, Look::high, 1'659},
                            Case{"gpt-5-nano-2025-08-07", 1'024, 1'024, Look::high, 2'520},
                            Case{"gpt-5.2", 1'024, 1'024, Look::automatic, 1'229},
                            Case{"gpt-5.4-mini", 1'024, 1'024, Look::high, 1'659},
                            Case{"gpt-5.4", 1'024, 1'024, Look::high, 1'229}}) {
        expect_tokens(one);
    }
}

// What users were billed (community.openai.com/t/1281361), and tables that others worked out by the same guide.
TEST(ImageTokens, are_those_that_were_billed) {
    for (const auto& one : {Case{"gpt-4.1", 2'049, 513, Look::high, 1'445},         // 2,048 by 512.75: two rows
                            Case{"gpt-4.1", 2'050, 513, Look::high, 765},           // 2,048 by 512.5, rounded to one
                            Case{"gpt-4.1-mini", 4'000, 1'474, Look::high, 2'489},  // 64 by 24 patches
                            Case{"gpt-5.5", 4'032, 3'024, Look::automatic, 11'868},
                            Case{"gpt-5.5", 256, 256, Look::automatic, 77},
                            Case{"gpt-6-astra", 4'032, 3'024, Look::automatic, 14'364},
                            Case{"gpt-6-astra", 4'032, 3'024, Look::high, 2'942},
                            Case{"gpt-6-astra", 3'840, 2'160, Look::high, 2'931},
                            Case{"gpt-6-astra", 2'560, 1'440, Look::high, 2'931},
                            Case{"gpt-6-astra", 640, 480, Look::low, 231},
                            Case{"gpt-6-astra", 1'280, 720, Look::low, 173},
                            Case{"gpt-6-astra", 1'280, 720, Look::high, 1'104},
                            Case{"gpt-5.6-sol", 3'200, 960, Look::original, 3'600},
                            Case{"gpt-5.6-sol", 3'200, 960, Look::high, 2'916}}) {
        expect_tokens(one);
    }
}

TEST(ImageTokens, patches_never_go_beyond_the_budget) {
    for (int width = 1; width < 9'000; width += 97) {
        for (const int height : {1, 31, 32, 33, 700, 1'536, 2'047, 2'048, 2'049, 8'999}) {
            const ImageSize size{width, height};
            EXPECT_LE(image_tokens("o4-mini", Look::high, size).tokens.high, 1'536 * 172 / 100 + 1) << width << "x" << height;
            EXPECT_LE(image_tokens("gpt-5.4", Look::high, size).tokens.high, 3'000) << width << "x" << height;
            EXPECT_LE(image_tokens("gpt-5.6", Look::original, size).tokens.high, 36'000) << width << "x" << height;
            EXPECT_LE(image_tokens("gpt-4o", Look::high, size).tokens.high, 85 + 8 * 170) << width << "x" << height;
            EXPECT_GT(image_tokens("o4-mini", Look::high, size).tokens.low, 0);
        }
    }
}

TEST(ImageTokens, sides_without_sense_do_no_harm) {
    EXPECT_LE(image_tokens("gpt-5.6", Look::original, ImageSize{2'147'483'647, 2'147'483'647}).tokens.high, 36'000);
    EXPECT_EQ(image_tokens("gpt-4o", Look::high, ImageSize{2'147'483'647, 1}).tokens.high, 85 + 4 * 170);
    EXPECT_TRUE(image_tokens("gpt-4o", Look::high, ImageSize{0, 5}).is_size_assumed);
    EXPECT_TRUE(image_tokens("gpt-4o", Look::high, ImageSize{5, -1}).is_size_assumed);
}

TEST(ImageTokens, whether_low_has_an_effect_on_patches_is_left_open) {
    const auto found = image_tokens("gpt-5.2", Look::low, ImageSize{1'024, 1'024});
    EXPECT_EQ(found.tokens, (Range{308, 308, 1'229}));
    EXPECT_EQ(image_tokens("gpt-4o", Look::low, std::nullopt).tokens, Range::exactly(85)) << "of tiles it is certain";
}

TEST(ImageTokens, multipliers_that_are_billed_lower_make_the_low_end) {
    EXPECT_EQ(image_tokens("gpt-5-mini", Look::high, ImageSize{1'024, 1'024}).tokens, (Range{1'229, 1'659, 1'659}));
    EXPECT_EQ(image_tokens("gpt-5-nano", Look::high, ImageSize{1'024, 1'024}).tokens, (Range{1'536, 2'520, 2'520}));
}

TEST(ImageTokens, an_unknown_size_is_a_square_of_1024_and_may_be_anything) {
    const auto tiles = image_tokens("gpt-4o", Look::automatic, std::nullopt);
    EXPECT_TRUE(tiles.is_size_assumed);
    EXPECT_EQ(tiles.tokens, (Range{255, 765, 85 + 8 * 170}));
    const auto patches = image_tokens("gpt-4.1-mini", Look::automatic, std::nullopt);
    EXPECT_EQ(patches.tokens, (Range{415, 1'659, 2'489}));
    EXPECT_EQ(image_tokens("gpt-5.6", Look::automatic, std::nullopt).tokens.high, 36'000);
}

TEST(ImageTokens, an_unknown_model_counts_by_the_dearest_rule_and_says_so) {
    const auto found = image_tokens("pixtral-large", Look::high, ImageSize{1'024, 1'024});
    EXPECT_TRUE(found.is_rule_assumed);
    EXPECT_EQ(found.tokens, (Range{581, 2'520, 2'520})) << "but for gpt-4o-mini's, which are inflated";
    EXPECT_TRUE(image_tokens("gpt-5.7", Look::high, std::nullopt).is_rule_assumed);
    EXPECT_TRUE(image_tokens("", Look::high, std::nullopt).is_rule_assumed);
}

TEST(ImageTokens, words_of_detail_are_read) {
    EXPECT_EQ(look_of("low"), Look::low);
    EXPECT_EQ(look_of("high"), Look::high);
    EXPECT_EQ(look_of("original"), Look::original);
    EXPECT_EQ(look_of("auto"), Look::automatic);
    EXPECT_EQ(look_of("?"), Look::automatic);
    EXPECT_EQ(look_of(ImageDetail::low), Look::low);
}

}  // namespace
}  // namespace eco2::batch
