#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace eco2::net {

/// Which image URLs may be passed on to a provider. Looks up no name and opens no connection.
struct UrlRules {
    std::vector<std::string> hosts;  // exact host names in lower case; empty: any host
    bool allow_private = false;      // tests only: literal private addresses and http are let through
};

/// Checks one URL and returns it in normal form.
///
/// Order of checks: parse, https, host list, literal addresses (every spelling that inet_aton takes, IPv6, mapped and
/// embedded IPv4, "localhost" and its subdomains), no user info, length.
/// Errors: url_invalid, https_required, invalid_host, ssrf_blocked.
Result<std::string> check_image_url(std::string_view url, const UrlRules& rules);

/// True for loopback, private, link-local, carrier, multicast, documentation and reserved addresses, IPv4 or IPv6 text.
bool is_private_address(std::string_view address) noexcept;

/// True for a host name or literal that is this machine itself: localhost, 127.0.0.0/8, [::1].
bool is_loopback_host(std::string_view host) noexcept;

}  // namespace eco2::net
