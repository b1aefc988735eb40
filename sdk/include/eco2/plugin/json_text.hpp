#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

/// Writing JSON text without a JSON library.
namespace eco2::plugin {
inline namespace draft_2 {

/// True for bytes that cannot stand in a JSON string as they are: controls, the quote and the backslash.
constexpr bool needs_json_escape(unsigned char byte) noexcept {
    return byte < 0x20 || byte == '"' || byte == '\\';
}

namespace detail {

/// True when any of eight bytes needs an escape. Exact: 0x80 and up never count.
inline bool any_needs_json_escape(const char* eight_bytes) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101ull;
    constexpr std::uint64_t highs = 0x8080808080808080ull;
    std::uint64_t word = 0;
    std::memcpy(&word, eight_bytes, sizeof word);
    const std::uint64_t quote = word ^ (ones * '"');
    const std::uint64_t slash = word ^ (ones * '\\');
    const std::uint64_t is_control = (word - ones * 0x20) & ~word;
    const std::uint64_t is_quote = (quote - ones) & ~quote;
    const std::uint64_t is_slash = (slash - ones) & ~slash;
    return ((is_control | is_quote | is_slash) & highs) != 0;
}

/// Index of the first byte at or after `at` that needs an escape, or text.size().
inline std::size_t find_json_escape(std::string_view text, std::size_t at) noexcept {
    while (at + 8 <= text.size() && !any_needs_json_escape(text.data() + at)) {
        at += 8;
    }
    while (at < text.size() && !needs_json_escape(static_cast<unsigned char>(text[at]))) {
        ++at;
    }
    return at;
}

}  // namespace detail

/// Appends `text` as the inside of a JSON string. Bytes from 0x80 on pass as they are: UTF-8 stays UTF-8.
/// Cost: runs without escapes are copied whole.
inline void append_json_escaped(std::string& out, std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::size_t at = 0;
    for (;;) {
        const std::size_t stop = detail::find_json_escape(text, at);
        out.append(text.data() + at, stop - at);
        if (stop == text.size()) {
            return;
        }
        const auto byte = static_cast<unsigned char>(text[stop]);
        switch (byte) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            case '\b': out += "\\b"; break;
            case '\f': out += "\\f"; break;
            default:
                out += "\\u00";
                out += kHex[byte >> 4];
                out += kHex[byte & 15];
        }
        at = stop + 1;
    }
}

/// Appends `text` as a JSON string with its quotes.
inline void append_json_quoted(std::string& out, std::string_view text) {
    out += '"';
    append_json_escaped(out, text);
    out += '"';
}

/// Appends a number as JSON writes it. Precondition: finite.
template <class Number>
void append_json_number(std::string& out, Number number) {
    std::array<char, 32> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    out.append(digits.data(), end);
}

}  // namespace draft_2
}  // namespace eco2::plugin
