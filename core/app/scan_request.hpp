#pragma once

#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace eco2::app {

/// The body of the scan endpoints, as far as its own shape goes.
struct ScanRequest {
    std::string image_url;             // empty: none
    std::optional<std::string> image;  // bytes of the inline image
    std::string question;              // empty: the pipeline's default
    std::string model;                 // empty: the pipeline's default
    std::string language;              // empty: by Accept-Language
};

/// Reads the JSON body. Unknown fields are ignored.
///
/// Errors: invalid_json; invalid_field (a wrong type, both images, not a base64 data URL, too long), with the field's name.
/// Cost:   decodes the inline image; a large body belongs on the blocking pool.
Result<ScanRequest> parse_scan_request(std::string_view body);

/// The same from a form (multipart/form-data) with the parts `image` (the photo's bytes), image_url, user_input, model,
/// language.
///
/// Errors: as parse_scan_request; bad_request (the form's own shape), unsupported_media_type.
Result<ScanRequest> parse_scan_form(std::string_view body, std::string_view content_type);

/// The same for the same request, however it was written: a form's boundary is another one each time that it is sent.
///
/// `place` tells apart what is no part of the body.
std::string fingerprint_of(const ScanRequest& request, std::string_view place);

}  // namespace eco2::app
