#include "config/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace eco2::config {
namespace {

constexpr int kMappedBits = 96;

struct Address {
    std::array<std::uint8_t, 16> bytes{};
    bool is_v4 = false;
};

std::optional<Address> parse_address(std::string_view text) {
    std::array<char, INET6_ADDRSTRLEN + 1> buffer{};
    if (text.empty() || text.size() >= buffer.size() || text.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    std::copy(text.begin(), text.end(), buffer.begin());
    Address out;
    in_addr v4{};
    if (inet_pton(AF_INET, buffer.data(), &v4) == 1) {
        out.is_v4 = true;
        out.bytes[10] = out.bytes[11] = 0xFF;
        std::memcpy(out.bytes.data() + 12, &v4, 4);
        return out;
    }
    return inet_pton(AF_INET6, buffer.data(), out.bytes.data()) == 1 ? std::optional(out) : std::nullopt;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text, Number most) {
    Number value{};
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc() || end != text.data() + text.size() || text.empty() || value > most) {
        return std::nullopt;
    }
    return value;
}

}  // namespace

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address) {
        return std::nullopt;
    }
    AddressRange range;
    range.bytes_ = address->bytes;
    if (slash != std::string_view::npos) {
        const auto bits = parse_number<unsigned>(text.substr(slash + 1), address->is_v4 ? 32U : 128U);
        if (!bits) {
            return std::nullopt;
        }
        range.bits_ = static_cast<int>(*bits) + (address->is_v4 ? kMappedBits : 0);
    }
    return range;
}

bool AddressRange::contains(std::string_view address) const noexcept {
    const auto other = parse_address(address);
    if (!other) {
        return false;
    }
    const auto whole = static_cast<std::size_t>(bits_ / 8);
    if (!std::equal(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(whole), other->bytes.begin())) {
        return false;
    }
    const int rest = bits_ % 8;
    return rest == 0 || ((bytes_[whole] ^ other->bytes[whole]) >> (8 - rest)) == 0;
}

std::optional<HostPort> parse_host_port(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    auto host = text.substr(0, colon);
    const auto port = parse_number<unsigned short>(text.substr(colon + 1), 65535);
    const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (is_bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    if (host == "localhost") {
        host = "127.0.0.1";
    }
    const auto address = parse_address(host);
    if (!port || !address || address->is_v4 == is_bracketed) {
        return std::nullopt;
    }
    return HostPort{std::string(host), *port};
}

}  // namespace eco2::config
