#include "plugin_host/origin.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace eco2::plugin_host {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kNameLetters = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
constexpr std::string_view kAddressLetters = "0123456789abcdef:.";

bool has_only(std::string_view text, std::string_view letters) {
    return !text.empty() && text.find_first_not_of(letters) == std::string_view::npos;
}

/// Splits "host" or "host:port"; an IPv6 host keeps its brackets. False: neither.
bool split_host(std::string_view authority, std::string_view& host, std::string_view& port) {
    auto end = authority.find(':');
    if (authority.starts_with('[')) {
        const auto close = authority.find(']');
        if (close == std::string_view::npos || !has_only(authority.substr(1, close - 1), kAddressLetters)) {
            return false;
        }
        end = close + 1;
    } else if (!has_only(authority.substr(0, end), kNameLetters)) {
        return false;
    }
    host = authority.substr(0, end);
    port = end < authority.size() ? authority.substr(end) : std::string_view{};
    if (port.empty()) {
        return true;
    }
    port.remove_prefix(1);
    return authority[end] == ':' && port.size() <= 5 && has_only(port, kDigits);
}

/// By the whole text: "127.0.0.1.example.com" is a name like any other.
bool is_loopback(std::string_view host) {
    const bool is_address = has_only(host, "0123456789.") && std::count(host.begin(), host.end(), '.') == 3;
    return host == "localhost" || host == "[::1]" || (is_address && host.starts_with("127."));
}

}  // namespace

// By hand: Boost.URL 1.81 reads "127.0.0.1.example.com" as an IPv4 address, and a key must not follow it there.
Result<Origin> origin_of(std::string_view url) {
    const auto text = to_lower_ascii(url);
    const std::string_view view = text;
    const bool is_plain_http = view.starts_with("http://");
    if (!is_plain_http && !view.starts_with("https://")) {
        return fail(Errc::bad_request, "not an absolute http or https URL: " + shorten(url, 200));
    }
    auto authority = view.substr(is_plain_http ? 7 : 8);
    authority = authority.substr(0, authority.find_first_of("/?#"));
    const auto at = authority.rfind('@');
    std::string_view host;
    std::string_view port;
    if (!split_host(at == std::string_view::npos ? authority : authority.substr(at + 1), host, port)) {
        return fail(Errc::bad_request, "not a URL with a host: " + shorten(url, 200));
    }
    Origin origin;
    origin.is_plain_http = is_plain_http;
    origin.is_loopback = is_loopback(host);
    origin.has_user = at != std::string_view::npos;
    origin.text = is_plain_http ? "http://" : "https://";
    origin.text.append(host).append(":").append(!port.empty() ? port : is_plain_http ? "80" : "443");
    return origin;
}

}  // namespace eco2::plugin_host
