#include "batch/money/image_tokens.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace eco2::batch {
namespace {

constexpr ImageSize kAssumedSize{1'024, 1'024};
constexpr ImageSize kSmallSize{512, 512};

struct Rule {
    std::string_view match;
    // tiles
    std::int64_t base = 0;  // 0: patches
    std::int64_t tile = 0;
    // patches
    std::int64_t milli = 0;      // tokens a patch, in thousandths
    std::int64_t milli_low = 0;  // as some measured; 0: the same
    std::int64_t budget = 0;     // of "high"
    int side = 0;
    std::int64_t original_budget = 0;  // of "original"; 0: as "high"
    int original_side = 0;
    bool is_automatic_original = false;
    bool is_peculiar = false;  // its tokens are no measure for other models'
};

constexpr Rule tiles(std::string_view match, std::int64_t base, std::int64_t tile, bool is_peculiar = false) {
    Rule rule{.match = match, .base = base, .tile = tile};
    rule.is_peculiar = is_peculiar;
    return rule;
}

constexpr Rule patches(std::string_view match, std::int64_t milli, std::int64_t milli_low = 0) {
    return {.match = match, .milli = milli, .milli_low = milli_low, .budget = 1'536, .side = 2'048};
}

constexpr Rule large_patches(std::string_view match, int side, std::int64_t original_budget, int original_side, bool is_auto) {
    return {.match = match,
            .milli = 1'200,
            .budget = 2'500,
            .side = side,
            .original_budget = original_budget,
            .original_side = original_side,
            .is_automatic_original = is_auto};
}

// Images of more patches are refused: nobody pays for them.
constexpr std::int64_t kPatchesMax = 30'000;
constexpr int kSideMax = 65'535;

// The first that fits holds.
constexpr Rule kRules[] = {
    tiles("gpt-4o-mini*", 2'833, 5'667, true),  // so that an image costs as much as with gpt-4o
    tiles("gpt-4o*", 85, 170),
    tiles("chatgpt-4o*", 85, 170),
    tiles("gpt-4-turbo*", 85, 170),
    tiles("gpt-4-vision*", 85, 170),
    tiles("gpt-4.5*", 85, 170),
    patches("gpt-4.1-mini*", 1'620),
    patches("gpt-4.1-nano*", 2'460),
    tiles("gpt-4.1*", 85, 170),
    patches("o4-mini*", 1'720),
    tiles("o1*", 75, 150),
    tiles("o3*", 75, 150),
    tiles("computer-use-preview*", 65, 129),
    patches("gpt-5-mini*", 1'620, 1'200),
    patches("gpt-5-nano*", 2'460, 1'500),
    patches("gpt-5-codex-mini*", 1'200),
    patches("gpt-5.1-codex-mini*", 1'200),
    patches("gpt-5.2*", 1'200),
    patches("gpt-5.3*", 1'200),
    patches("gpt-5.4-mini*", 1'620, 1'200),
    patches("gpt-5.4-nano*", 2'460, 1'200),
    large_patches("gpt-5.4*", 2'048, 10'000, 6'000, false),
    large_patches("gpt-5.5*", 2'048, 10'000, 6'000, true),
    large_patches("gpt-5.6*", kSideMax, kPatchesMax, kSideMax, true),
    large_patches("gpt-6*", kSideMax, kPatchesMax, kSideMax, true),
    tiles("gpt-5.1*", 70, 140),
    tiles("gpt-5-*", 70, 140),
    tiles("gpt-5", 70, 140),
};

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) noexcept {
    return (a + b - 1) / b;
}

/// Down only.
ImageSize fitted(ImageSize size, double factor) noexcept {
    if (factor >= 1) {
        return size;
    }
    const auto scaled = [factor](int side) { return std::max(static_cast<int>(std::lround(side * factor)), 1); };
    return {scaled(size.width), scaled(size.height)};
}

ImageSize within(ImageSize size, int side) noexcept {
    return fitted(size, static_cast<double>(side) / std::max(size.width, size.height));
}

std::int64_t tile_tokens(const Rule& rule, ImageSize size) noexcept {
    constexpr int kFirstSide = 2'048;
    constexpr int kShortSide = 768;
    constexpr int kTile = 512;
    const auto first = within(size, kFirstSide);
    const auto last = fitted(first, static_cast<double>(kShortSide) / std::min(first.width, first.height));
    return rule.base + rule.tile * ceil_div(last.width, kTile) * ceil_div(last.height, kTile);
}

constexpr int kPatch = 32;

std::int64_t patches_of(ImageSize size) noexcept {
    return ceil_div(size.width, kPatch) * ceil_div(size.height, kPatch);
}

std::int64_t patches_within(ImageSize size, std::int64_t budget, int side) noexcept {
    size = within(size, side);
    if (patches_of(size) <= budget) {
        return patches_of(size);
    }
    const double area = static_cast<double>(size.width) * size.height;
    const double shrink = std::sqrt(static_cast<double>(kPatch) * kPatch * static_cast<double>(budget) / area);
    // one of the sides becomes a whole number of patches, so that rounding does not go beyond the budget
    const auto whole = [](double patches) { return patches < 1 ? 1 : std::floor(patches) / patches; };
    const double adjusted = shrink * std::min(whole(size.width * shrink / kPatch), whole(size.height * shrink / kPatch));
    return std::min(patches_of(fitted(size, adjusted)), budget);
}

std::int64_t patch_tokens(std::int64_t patches, std::int64_t milli) noexcept {
    return ceil_div(patches * milli, 1'000);
}

bool is_original(const Rule& rule, ImageLook look) noexcept {
    return rule.original_budget != 0 &&
           (look == ImageLook::original || (look == ImageLook::automatic && rule.is_automatic_original));
}

Range known(const Rule& rule, ImageLook look, ImageSize size) noexcept {
    constexpr int kLowSide = 512;
    if (rule.base != 0) {
        return Range::exactly(look == ImageLook::low ? rule.base : tile_tokens(rule, size));
    }
    const bool is_whole = is_original(rule, look);
    const auto patches =
        patches_within(size, is_whole ? rule.original_budget : rule.budget, is_whole ? rule.original_side : rule.side);
    const auto few = look == ImageLook::low ? std::min(patches, patches_of(within(size, kLowSide))) : patches;
    return {patch_tokens(few, rule.milli_low != 0 ? rule.milli_low : rule.milli),
            patch_tokens(few, rule.milli),
            patch_tokens(patches, rule.milli)};
}

Range unknown(const Rule& rule, ImageLook look) noexcept {
    constexpr std::int64_t kTilesMax = 8;  // 768 by 2,048
    const auto assumed = known(rule, look, kAssumedSize);
    const auto most = rule.base != 0 ? (look == ImageLook::low ? rule.base : rule.base + kTilesMax * rule.tile)
                                     : patch_tokens(is_original(rule, look) ? rule.original_budget : rule.budget, rule.milli);
    return {known(rule, look, kSmallSize).low, assumed.expected, std::max(most, assumed.high)};
}

Range tokens_by(const Rule& rule, ImageLook look, std::optional<ImageSize> size) noexcept {
    return size ? known(rule, look, *size) : unknown(rule, look);
}

}  // namespace

ImageLook look_of(ImageDetail detail) noexcept {
    switch (detail) {
        case ImageDetail::automatic: break;
        case ImageDetail::low: return ImageLook::low;
        case ImageDetail::high: return ImageLook::high;
    }
    return ImageLook::automatic;
}

ImageLook look_of(std::string_view word) noexcept {
    return word == "low"        ? ImageLook::low
           : word == "high"     ? ImageLook::high
           : word == "original" ? ImageLook::original
                                : ImageLook::automatic;
}

ImageTokens image_tokens(std::string_view model, ImageLook look, std::optional<ImageSize> size) {
    if (size && (size->width <= 0 || size->height <= 0)) {
        size = std::nullopt;
    }
    ImageTokens out;
    out.is_size_assumed = !size;
    const auto name = model.substr(model.rfind('/') + 1);  // "openai/gpt-4o", as resellers call it
    const auto* rule =
        std::find_if(std::begin(kRules), std::end(kRules), [name](const Rule& one) { return glob_matches(one.match, name); });
    if (rule != std::end(kRules)) {
        out.tokens = tokens_by(*rule, look, size);
        return out;
    }
    out.is_rule_assumed = true;
    out.tokens.low = kAmountMax;
    for (const auto& one : kRules) {
        if (!one.is_peculiar) {
            const auto tokens = tokens_by(one, look, size);
            out.tokens.low = std::min(out.tokens.low, tokens.low);
            out.tokens.expected = std::max(out.tokens.expected, tokens.expected);
            out.tokens.high = std::max(out.tokens.high, tokens.high);
        }
    }
    return out;
}

}  // namespace eco2::batch
