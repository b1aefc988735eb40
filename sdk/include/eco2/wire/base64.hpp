#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace eco2::wire {

constexpr std::size_t base64_size(std::size_t bytes) noexcept {
    return (bytes + 2) / 3 * 4;
}

/// Appends `bytes` in base64 with padding. Source: RFC 4648, section 4.
inline void append_base64(std::string& out, std::span<const std::uint8_t> bytes) {
    static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t start = out.size();
    out.resize(start + base64_size(bytes.size()));
    char* to = out.data() + start;
    std::size_t at = 0;
    for (; at + 3 <= bytes.size(); at += 3) {
        const std::uint32_t word = std::uint32_t{bytes[at]} << 16 | std::uint32_t{bytes[at + 1]} << 8 | bytes[at + 2];
        *to++ = kAlphabet[word >> 18];
        *to++ = kAlphabet[word >> 12 & 63];
        *to++ = kAlphabet[word >> 6 & 63];
        *to++ = kAlphabet[word & 63];
    }
    const std::size_t left = bytes.size() - at;
    if (left == 0) {
        return;
    }
    const std::uint32_t word = std::uint32_t{bytes[at]} << 16 | (left == 2 ? std::uint32_t{bytes[at + 1]} << 8 : 0u);
    *to++ = kAlphabet[word >> 18];
    *to++ = kAlphabet[word >> 12 & 63];
    *to++ = left == 2 ? kAlphabet[word >> 6 & 63] : '=';
    *to = '=';
}

}  // namespace eco2::wire
