#pragma once

#include <cstddef>
#include <string_view>

namespace eco2::wire {

namespace detail {

constexpr bool is_continuation(unsigned char byte) noexcept {
    return (byte & 0xC0) == 0x80;
}

/// Length of the well-formed sequence at the front of `text`, 0 where there is none.
constexpr std::size_t utf8_sequence(std::string_view text) noexcept {
    const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) {
        return 1;
    }
    const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < size) {
        return 0;
    }
    const unsigned char second_min = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;  // no overlong forms
    const unsigned char second_max = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;  // no surrogates, no more than U+10FFFF
    if (byte(1) < second_min || byte(1) > second_max) {
        return 0;
    }
    for (std::size_t index = 2; index < size; ++index) {
        if (!is_continuation(byte(index))) {
            return 0;
        }
    }
    return size;
}

}  // namespace detail

/// True when `text` is well-formed UTF-8. Source: Unicode, table 3-7.
constexpr bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t size = detail::utf8_sequence(text);
        if (size == 0) {
            return false;
        }
        text.remove_prefix(size);
    }
    return true;
}

/// The longest front of `text` of at most `bytes_max` bytes that does not cut a character.
constexpr std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max) noexcept {
    if (text.size() <= bytes_max) {
        return text;
    }
    std::size_t end = bytes_max;
    while (end > 0 && detail::is_continuation(static_cast<unsigned char>(text[end]))) {
        --end;
    }
    return text.substr(0, end);
}

}  // namespace eco2::wire
