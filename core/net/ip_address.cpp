#include "net/ip_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace eco2::net {
namespace {

struct Range {
    Ipv4 first;
    int bits;
};

constexpr Ipv4 ip(unsigned a, unsigned b, unsigned c, unsigned d) noexcept {
    return a << 24 | b << 16 | c << 8 | d;
}

// IANA's special-purpose registry, 2024.
constexpr Range kPrivateRanges[] = {
    {ip(0, 0, 0, 0), 8},
    {ip(10, 0, 0, 0), 8},
    {ip(100, 64, 0, 0), 10},
    {ip(127, 0, 0, 0), 8},
    {ip(169, 254, 0, 0), 16},
    {ip(172, 16, 0, 0), 12},
    {ip(192, 0, 0, 0), 24},
    {ip(192, 0, 2, 0), 24},
    {ip(192, 88, 99, 0), 24},
    {ip(192, 168, 0, 0), 16},
    {ip(198, 18, 0, 0), 15},
    {ip(198, 51, 100, 0), 24},
    {ip(203, 0, 113, 0), 24},
    {ip(224, 0, 0, 0), 4},
    {ip(240, 0, 0, 0), 4},
};

std::optional<std::uint64_t> parse_part(std::string_view part) noexcept {
    int base = 10;
    if (part.size() > 1 && part[0] == '0') {
        const bool is_hex = part[1] == 'x' || part[1] == 'X';
        base = is_hex ? 16 : 8;
        part.remove_prefix(is_hex ? 2 : 1);
        if (part.empty()) {
            return 0;  // "0x" is nought to inet_aton's relatives
        }
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value, base);
    if (error != std::errc() || end != part.data() + part.size()) {
        return std::nullopt;
    }
    return value;
}

Ipv4 embedded(const Ipv6& address, std::size_t at) noexcept {
    return ip(address[at], address[at + 1], address[at + 2], address[at + 3]);
}

bool starts_with(const Ipv6& address, std::initializer_list<std::uint8_t> prefix) noexcept {
    return std::equal(prefix.begin(), prefix.end(), address.begin());
}

}  // namespace

std::optional<Ipv4> parse_ipv4_loosely(std::string_view text) noexcept {
    Ipv4 address = 0;
    for (int place = 0; place < 4; ++place) {
        const std::size_t dot = text.find('.');
        const auto part = parse_part(text.substr(0, dot));
        if (!part) {
            return std::nullopt;
        }
        if (dot == std::string_view::npos) {
            const int free_bits = 32 - 8 * place;
            if (*part >> free_bits != 0) {
                return std::nullopt;
            }
            return address | static_cast<Ipv4>(*part);
        }
        if (*part > 255) {
            return std::nullopt;
        }
        address |= static_cast<Ipv4>(*part) << (24 - 8 * place);
        text.remove_prefix(dot + 1);
    }
    return std::nullopt;
}

std::optional<Ipv4> parse_ipv4_strictly(std::string_view text) noexcept {
    char copy[INET_ADDRSTRLEN] = {};
    if (text.size() >= sizeof copy) {
        return std::nullopt;
    }
    std::memcpy(copy, text.data(), text.size());
    in_addr address{};
    if (::inet_pton(AF_INET, copy, &address) != 1) {
        return std::nullopt;
    }
    return ntohl(address.s_addr);
}

std::optional<Ipv6> parse_ipv6(std::string_view text) noexcept {
    char copy[INET6_ADDRSTRLEN] = {};
    if (text.size() >= sizeof copy) {
        return std::nullopt;
    }
    std::memcpy(copy, text.data(), text.size());
    Ipv6 address{};
    if (::inet_pton(AF_INET6, copy, address.data()) != 1) {
        return std::nullopt;
    }
    return address;
}

bool is_private(Ipv4 address) noexcept {
    return std::any_of(std::begin(kPrivateRanges), std::end(kPrivateRanges), [address](const Range& range) {
        return (address ^ range.first) >> (32 - range.bits) == 0;
    });
}

bool is_private(const Ipv6& address) noexcept {
    if (starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) {
        return is_private(embedded(address, 12));  // mapped
    }
    if (starts_with(address, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) {
        return is_private(embedded(address, 12));  // NAT64
    }
    if (starts_with(address, {0x20, 0x02})) {
        return is_private(embedded(address, 2));  // 6to4
    }
    const bool is_global_unicast = (address[0] & 0xe0) == 0x20;
    const bool is_protocol_range = starts_with(address, {0x20, 0x01}) && (address[2] & 0xfe) == 0;  // Teredo and others
    const bool is_documentation =
        starts_with(address, {0x20, 0x01, 0x0d, 0xb8}) || (starts_with(address, {0x3f, 0xff}) && (address[2] & 0xf0) == 0);
    return !is_global_unicast || is_protocol_range || is_documentation;
}

}  // namespace eco2::net
