#pragma once

#include <optional>
#include <string_view>

namespace eco2::batch {

struct ImageSize {
    int width = 0;
    int height = 0;
    bool operator==(const ImageSize&) const = default;
};

/// How large a JPEG, PNG, WebP or GIF says that it is; none: no such image, or cut off before it says so.
///
/// Only counts what an image costs: whether it is whole is for `core/intake`, which stands on libvips. A JPEG's orientation is
/// left out, since a turned image costs the same.
/// Cost: linear in the number of a JPEG's segments.
std::optional<ImageSize> image_size(std::string_view bytes);

/// Likewise of "data:image/...;base64,...". Cost: decodes its beginning, and all of it where that does not say.
std::optional<ImageSize> data_url_image_size(std::string_view url);

}  // namespace eco2::batch
