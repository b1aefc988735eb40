#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace eco2::net {

using Ipv4 = std::uint32_t;  // host byte order
using Ipv6 = std::array<std::uint8_t, 16>;

/// Every spelling that inet_aton takes: one to four parts, decimal, octal or hexadecimal.
std::optional<Ipv4> parse_ipv4_loosely(std::string_view text) noexcept;

/// "a.b.c.d", decimal, without leading zeros.
std::optional<Ipv4> parse_ipv4_strictly(std::string_view text) noexcept;

/// Without brackets and zone.
std::optional<Ipv6> parse_ipv6(std::string_view text) noexcept;

/// Not for the open Internet: private, loopback, link-local, carrier, multicast, documentation, reserved.
bool is_private(Ipv4 address) noexcept;
/// As for the IPv4 address that it embeds (mapped, 6to4, NAT64), else: anything outside the global unicast range.
bool is_private(const Ipv6& address) noexcept;

}  // namespace eco2::net
