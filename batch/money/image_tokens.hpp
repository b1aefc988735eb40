#pragma once

#include "batch/money/image_size.hpp"
#include "batch/money/range.hpp"
#include "model/calls.hpp"

#include <optional>
#include <string_view>

namespace eco2::batch {

/// As a request says it: `ImageDetail` and what only a client's own chat request can say.
enum class ImageLook { automatic, low, high, original };
ImageLook look_of(ImageDetail detail) noexcept;
ImageLook look_of(std::string_view word) noexcept;  ///< "low"; a word that is not known reads as automatic

struct ImageTokens {
    /// low to high: what the rule leaves open (whether "low" has an effect, multipliers that are measured lower than they are
    /// published); all that an image can cost there where its size is not known.
    Range tokens;
    bool is_size_assumed = false;  // 1,024 by 1,024
    bool is_rule_assumed = false;  // the model is not in the table: the dearest rule of it
};

/// What an image costs in prompt tokens.
///
/// Two rules are published. Tiles (gpt-4o, gpt-4.1, gpt-5, o1, o3): fitted into 2,048 by 2,048, then to a short side of 768, a
/// base and so much for each square of 512; "low" costs the base. Patches (the small models, and all from gpt-5.2 on): squares
/// of 32, scaled down to the model's budget of patches and its longest side, times a multiplier; "low" is fitted into 512 by
/// 512.
///
/// Source: OpenAI, "Images and vision", section "Calculating costs", developers.openai.com/api/docs/guides/images-vision, as of
///         September 2026 (older models' rows as of their times). Rounding between the tile rule's steps, the multiplier 1.2 of
///         gpt-5.2 and later, and the lower multipliers of the small models are as billed, told by users
///         (community.openai.com/t/1281361, /t/1377015); the guide is silent or higher there.
ImageTokens image_tokens(std::string_view model, ImageLook look, std::optional<ImageSize> size);

}  // namespace eco2::batch
