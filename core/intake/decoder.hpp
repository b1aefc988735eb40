#pragma once

#include "base/log.hpp"
#include "base/result.hpp"
#include "intake/image_header.hpp"
#include "intake/photo.hpp"

#include <atomic>
#include <string>

namespace eco2::intake {

/// Decodes, turns upright, scales down, takes metadata and alpha away, encodes again. The only user of libvips, which it starts
/// when first called, with untrusted loaders blocked, no cache and one thread a picture.
///
/// `header` is what check_image_header found in `bytes`; it chooses the loader.
/// Thread-safety: any thread.
/// Blocks:        up to `decode_time_max`, or until `is_stopping`, both seen between lines of the picture.
/// Errors:        image_broken (cut off, damaged, too slow), image_too_large, draining, internal (libvips cannot start).
Result<Photo> decode(const std::string& bytes,
                     const ImageHeader& header,
                     const PhotoIntake::Options& options,
                     const std::atomic<bool>& is_stopping,
                     Log& log);

/// Before the end of a thread that has called decode.
void leave_decoder_thread() noexcept;

}  // namespace eco2::intake
