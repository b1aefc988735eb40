#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eco2::config {

/// An address or a CIDR range, IPv4 or IPv6. An IPv4 address in IPv6 dress (::ffff:a.b.c.d) counts as IPv4.
class AddressRange {
public:
    /// nullopt: neither an address nor a range.
    static std::optional<AddressRange> parse(std::string_view text);

    /// False for what is no address.
    bool contains(std::string_view address) const noexcept;

private:
    std::array<std::uint8_t, 16> bytes_{};
    int bits_ = 128;
};

struct HostPort {
    std::string host;  // numeric, without brackets
    unsigned short port = 0;
};

/// "127.0.0.1:8080", "[::1]:8080", "localhost:8080" (as 127.0.0.1). nullopt: anything else; names are not looked up.
std::optional<HostPort> parse_host_port(std::string_view text);

}  // namespace eco2::config
