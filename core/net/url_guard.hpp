#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace eco2::net {

/// Which image URLs may be fetched or passed on to a provider. Looks up no name and opens no connection.
struct UrlRules {
    std::vector<std::string> hosts{};     // exact host names in lower case; empty: any host
    bool allow_private = false;           // tests only: literal private addresses and http are let through
    std::vector<std::string> channels{};  // the path is exactly /{channel}/{file}, with one of these channels; empty: any path
    std::vector<std::string> extensions{};  // of the path's last part, lower case with the dot; empty: any or none
    bool needs_hex_name = false;            // the last part without its extension is 32 lower-case hex digits
    bool needs_listed_host = false;         // an empty list of hosts then lets none in
};

/// The rules of the first clients: channels chat, scan and my; .jpg .jpeg .png .webp .gif; hex names. Their hosts are the
/// caller's.
UrlRules seed_url_rules();

/// Checks one URL and returns it in normal form.
///
/// Order of checks: parse, https, host list, literal addresses (every spelling that inet_aton takes, IPv6, mapped and
/// embedded IPv4, "localhost" and its subdomains), no user info, length; then, where asked for, the path's form, channel,
/// extension, name.
/// Errors: url_invalid, https_required, invalid_host, ssrf_blocked, invalid_path_format, invalid_channel, invalid_extension,
///         invalid_filename.
Result<std::string> check_image_url(std::string_view url, const UrlRules& rules);

/// True for what an image URL can be refused for, by these rules or when it is fetched: the client's fault, told in its own
/// shape.
bool is_image_url_fault(Errc code) noexcept;

/// True for loopback, private, link-local, carrier, multicast, documentation and reserved addresses, IPv4 or IPv6 text.
bool is_private_address(std::string_view address) noexcept;

/// True for a host name or literal that is this machine itself: localhost, 127.0.0.0/8, [::1].
bool is_loopback_host(std::string_view host) noexcept;

}  // namespace eco2::net
