#include "base/ids.hpp"

#include "base/assert.hpp"

#include <sys/random.h>

#include <array>
#include <cstddef>
#include <string_view>

namespace eco2 {

std::string new_uuid() {
    std::array<unsigned char, 16> bytes{};
    const auto got = ::getrandom(bytes.data(), bytes.size(), 0);
    ECO2_ASSERT(got == static_cast<ssize_t>(bytes.size()), "getrandom gives up to 256 bytes whole");
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    out.reserve(36);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            out += '-';
        }
        out += kHex[bytes[i] >> 4U];
        out += kHex[bytes[i] & 0xFU];
    }
    return out;
}

}  // namespace eco2
