#pragma once

#include "base/limits.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <string_view>

namespace eco2::intake {

enum class ImageKind { jpeg, png, webp };

struct ImageHeader {
    ImageKind kind = ImageKind::jpeg;
    int width = 0;
    int height = 0;
};

struct ImageLimits {
    std::size_t bytes_max = limits::kImageBytesMax;
    int side_min = limits::kImageSideMin;
    int side_max = limits::kImageSideMax;
    long pixels_max = limits::kImagePixelsMax;
};

/// What a photo says about itself, read from its bytes alone: no decoder sees a file that has not passed here.
///
/// Goes by content, never by a name or a media type. Also finds PNG and WebP files that are cut off; a cut JPEG shows only when
/// it is decoded. Errors: image_empty; image_too_large (bytes, sides, pixels); image_unsupported, naming what was sent and what
/// to send;
///         image_broken; image_too_small.
/// Cost:   linear in the number of segments, of which there may be limits::kImageSegmentsMax.
Result<ImageHeader> check_image_header(std::string_view bytes, const ImageLimits& limits);

/// Whether a JPEG holds a picture and nothing else: baseline, three components of eight bits, no metadata, profile, comment or
/// thumbnail, and no byte behind its end. Such a file, once a decoder has taken it whole, may be sent on as it is. Cost: linear
/// in its bytes.
bool is_plain_jpeg(std::string_view bytes) noexcept;

}  // namespace eco2::intake
