#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace eco2 {

/// Without leading and trailing ASCII white space. Lifetime: a view into `text`.
std::string_view trim(std::string_view text) noexcept;

std::string to_lower_ascii(std::string_view text);

bool is_valid_utf8(std::string_view text) noexcept;

/// At most `bytes_max` bytes of `text`, cut between characters, with an ellipsis where something was cut.
std::string shorten(std::string_view text, std::size_t bytes_max);

/// `text` against a glob of literals and `*`, which stands for any characters, also none. Cost: at most their lengths' product.
bool glob_matches(std::string_view glob, std::string_view text) noexcept;

/// Appends `text` as the inside of a JSON string (no quotes): raw UTF-8, control characters escaped.
void append_json_escaped(std::string& out, std::string_view text);

/// `text` as a JSON string with its quotes.
std::string json_quote(std::string_view text);

/// RFC 4648 with padding; white space is refused. nullopt: not base64.
std::optional<std::string> base64_decode(std::string_view text);
std::string base64_encode(std::string_view bytes);

/// "8-4-4-4-12" hex digits.
bool is_uuid(std::string_view text) noexcept;

/// "00-<32 hex>-<16 hex>-<2 hex>" in lower case, as W3C Trace Context has it.
bool is_traceparent(std::string_view text) noexcept;

}  // namespace eco2
