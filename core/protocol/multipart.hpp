#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace eco2 {

/// One field of a form.
struct FormPart {
    std::string name;
    std::string_view body;       // as it came: a file's bytes or a field's text
    std::string file_name = {};  // what the client calls the file, unchecked: to be shown, never a path; empty: none was told
};

/// Reads a whole multipart/form-data body. A file's media type is read over: nothing may depend on it.
///
/// Strict, where readers differ: lines end in CRLF, nothing before the first boundary or behind the last, no name twice, no
/// transfer encoding. Names are tokens, with brackets for members of an object: `expires_after[seconds]`.
/// `content_type` is the request's header field.
/// Sources:  RFC 7578, RFC 2046 section 5.1.1.
/// Errors:   unsupported_media_type (another type), bad_request, with the fault and the part's number.
/// Limits:   limits::kFormPartsMax, kFormHeadBytesMax, kFormNameBytesMax.
/// Lifetime: the parts' bodies are views into `body`.
Result<std::vector<FormPart>> parse_form(std::string_view body, std::string_view content_type);

}  // namespace eco2
