#include "base/random.hpp"

#include "base/assert.hpp"

#include <sys/random.h>

namespace eco2 {

std::string random_hex(std::size_t bytes) {
    std::string raw(bytes, '\0');
    const auto got = ::getrandom(raw.data(), raw.size(), 0);
    ECO2_ASSERT(got == static_cast<ssize_t>(bytes), "getrandom gives up to 256 bytes whole");
    constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    for (const char byte : raw) {
        out += kHex[static_cast<unsigned char>(byte) >> 4U];
        out += kHex[static_cast<unsigned char>(byte) & 0xFU];
    }
    return out;
}

}  // namespace eco2
