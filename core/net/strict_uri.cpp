#include "net/strict_uri.hpp"

#include <boost/url/parse.hpp>

#include <charconv>

namespace eco2::net {
namespace {

bool is_port(std::string_view text) noexcept {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value > 0 && value <= 65535;
}

}  // namespace

std::optional<boost::urls::url_view> parse_strict_uri(std::string_view text) {
    const auto parsed = boost::urls::parse_uri(text);
    if (!parsed || !parsed->has_authority()) {
        return std::nullopt;
    }
    const std::string_view rest = text.substr(parsed->scheme().size() + 3);
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    if (view_of(parsed->encoded_authority()) != authority) {
        return std::nullopt;
    }
    const std::string_view port = view_of(parsed->port());
    if (!port.empty() && !is_port(port)) {
        return std::nullopt;
    }
    return *parsed;
}

}  // namespace eco2::net
