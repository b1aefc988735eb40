#include "net/url_guard.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "net/ip_address.hpp"
#include "net/strict_uri.hpp"

#include <algorithm>
#include <array>

namespace eco2::net {
namespace urls = boost::urls;
namespace {

std::string_view view_of(const auto& text) noexcept {
    return {text.data(), text.size()};
}

std::string_view without_final_dot(std::string_view host) noexcept {
    return host.size() > 1 && host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
}

bool is_or_is_below(std::string_view host, std::string_view domain) noexcept {
    return host == domain || (host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.');
}

/// Names that never leave a machine or a site (RFC 6761, 6762; the clouds' metadata services).
bool is_inside_name(std::string_view host) noexcept {
    return is_or_is_below(host, "localhost") || is_or_is_below(host, "local") || is_or_is_below(host, "internal");
}

/// Letters, digits, hyphens and underscores in labels of 1 to 63: what every parser reads alike.
bool is_plain_name(std::string_view host) noexcept {
    std::size_t label = 0;
    for (const char c : host) {
        const bool is_mark = c == '-' || c == '_';
        const bool is_alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
        if (c == '.' ? label == 0 : !is_mark && !is_alphanumeric) {
            return false;
        }
        label = c == '.' ? 0 : label + 1;
        if (label > 63) {
            return false;
        }
    }
    return label > 0 && host.size() <= 253;
}

/// A last label of digits or 0x makes a parser take the whole for an IPv4 address (WHATWG URL, "ends in a number").
bool ends_in_number(std::string_view host) noexcept {
    const std::string_view last = host.substr(host.rfind('.') + 1);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return std::all_of(last.begin(), last.end(), is_digit) || last.starts_with("0x");
}

struct Host {
    std::string text;  // as in the normal form
    bool is_private = false;
};

Result<Host> read_ipv6(std::string_view text) {
    const auto address = parse_ipv6(text);
    if (!address) {
        return fail(Errc::url_invalid, "image_url has a host that cannot be read");
    }
    return Host{"[" + to_lower_ascii(text) + "]", is_private(*address)};
}

Result<Host> read_name(std::string_view text) {
    const std::string lower = to_lower_ascii(text);
    const std::string_view name = without_final_dot(lower);
    if (!is_plain_name(name)) {
        return fail(Errc::url_invalid, "image_url has a host that cannot be read");
    }
    if (ends_in_number(name)) {
        const auto address = parse_ipv4_loosely(name);
        if (!address) {
            return fail(Errc::url_invalid, "image_url has a host that cannot be read");
        }
        // An odd spelling of a public address has no honest use.
        return Host{std::string(name), is_private(*address) || !parse_ipv4_strictly(name)};
    }
    return Host{std::string(name), is_inside_name(name)};
}

Result<Host> read_host(const urls::url_view& url) {
    switch (url.host_type()) {
        case urls::host_type::ipv6: return read_ipv6(view_of(url.encoded_host_address()));
        case urls::host_type::ipv4:
        case urls::host_type::name: return read_name(view_of(url.encoded_host()));
        default: return fail(Errc::url_invalid, "image_url has no host");
    }
}

std::string normal_form(const urls::url_view& url, std::string_view scheme, const std::string& host) {
    std::string out(scheme);
    out += "://";
    out += host;
    const bool has_own_port = url.port().empty() || url.port_number() == (scheme == "https" ? 443 : 80);
    if (!has_own_port) {
        out += ":" + std::to_string(url.port_number());
    }
    const auto path = url.encoded_path();
    out += path.empty() ? std::string_view("/") : view_of(path);
    if (url.has_query()) {
        out += "?";
        out += view_of(url.encoded_query());
    }
    return out;
}

bool has(const std::vector<std::string>& list, std::string_view text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

bool is_hex_name(std::string_view name) noexcept {
    constexpr std::size_t kHexNameBytes = 32;
    return name.size() == kHexNameBytes && name.find_first_not_of("0123456789abcdef") == name.npos;
}

// Compared as it is written: a percent-encoded letter has no honest use in a name of these forms.
Result<void> check_path(std::string_view path, const UrlRules& rules) {
    const std::string_view file = path.substr(path.rfind('/') + 1);
    if (!rules.channels.empty()) {
        const auto parts = std::count(path.begin(), path.end(), '/');
        const std::string_view channel = path.substr(std::min<std::size_t>(path.size(), 1), path.rfind('/') - 1);
        if (parts != 2 || channel.empty() || file.empty()) {
            return fail(Errc::invalid_path_format);
        }
        if (!has(rules.channels, channel)) {
            return fail(Errc::invalid_channel);
        }
    }
    const auto dot = std::min(file.rfind('.'), file.size());
    if (!rules.extensions.empty() && !has(rules.extensions, to_lower_ascii(file.substr(dot)))) {
        return fail(Errc::invalid_extension);
    }
    if (rules.needs_hex_name && !is_hex_name(file.substr(0, dot))) {
        return fail(Errc::invalid_filename);
    }
    return {};
}

}  // namespace

UrlRules seed_url_rules() {
    UrlRules rules;
    rules.channels = {"chat", "scan", "my"};
    rules.extensions = {".jpg", ".jpeg", ".png", ".webp", ".gif"};
    rules.needs_hex_name = true;
    return rules;
}

bool is_image_url_fault(Errc code) noexcept {
    constexpr std::array kFaults = {Errc::image_url_required,
                                    Errc::https_required,
                                    Errc::invalid_host,
                                    Errc::ssrf_blocked,
                                    Errc::invalid_path_format,
                                    Errc::invalid_channel,
                                    Errc::invalid_extension,
                                    Errc::invalid_filename,
                                    Errc::image_unreachable,
                                    Errc::url_invalid};
    return std::find(kFaults.begin(), kFaults.end(), code) != kFaults.end();
}

Result<std::string> check_image_url(std::string_view url, const UrlRules& rules) {
    const auto parsed = parse_strict_uri(url);
    if (!parsed) {
        return fail(Errc::url_invalid, "image_url is not an absolute URL");
    }
    const std::string scheme = to_lower_ascii(view_of(parsed->scheme()));
    if (scheme != "https" && !(rules.allow_private && scheme == "http")) {
        return fail(Errc::https_required);
    }
    const auto host = read_host(*parsed);
    if (!host) {
        return host.error();
    }
    const bool is_list_meant = !rules.hosts.empty() || rules.needs_listed_host;
    if (is_list_meant && std::find(rules.hosts.begin(), rules.hosts.end(), host->text) == rules.hosts.end()) {
        return fail(Errc::invalid_host);
    }
    if (host->is_private && !rules.allow_private) {
        return fail(Errc::ssrf_blocked);
    }
    if (parsed->has_userinfo()) {
        return fail(Errc::url_invalid, "image_url must not have a user name or password");
    }
    if (url.size() > limits::kUrlBytesMax) {
        return fail(Errc::url_invalid, "image_url is longer than " + std::to_string(limits::kUrlBytesMax) + " bytes");
    }
    if (auto checked = check_path(view_of(parsed->encoded_path()), rules); !checked) {
        return checked.error();
    }
    return normal_form(*parsed, scheme, host->text);
}

bool is_private_address(std::string_view address) noexcept {
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
    }
    address = address.substr(0, address.find('%'));  // a zone
    if (const auto v6 = parse_ipv6(address)) {
        return is_private(*v6);
    }
    const auto v4 = parse_ipv4_loosely(address);
    return v4 && is_private(*v4);
}

bool is_loopback_host(std::string_view host) noexcept {
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    host = without_final_dot(host);
    constexpr std::string_view kLocalhost = "localhost";
    const auto is_same_letter = [](char a, char b) { return (a | 0x20) == b; };
    if (std::equal(host.begin(), host.end(), kLocalhost.begin(), kLocalhost.end(), is_same_letter)) {
        return true;
    }
    if (const auto v6 = parse_ipv6(host)) {
        constexpr Ipv6 kLoopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
        return *v6 == kLoopback;
    }
    const auto v4 = parse_ipv4_loosely(host);
    return v4 && *v4 >> 24 == 127;
}

}  // namespace eco2::net
