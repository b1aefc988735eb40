#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace eco2::net {

/// An absolute http or https URL, taken apart for a request.
struct UpstreamUrl {
    bool is_tls = false;
    std::string host;       // lower case, IPv6 without brackets
    std::string port;       // digits
    std::string authority;  // for the Host field: host and, unless it is the scheme's own, port
    std::string target;     // path and query

    std::string origin() const;
    std::string host_and_port() const;  // for CONNECT
};

/// Errors: bad_request: not a URL, another scheme, user info, no host, port 0.
Result<UpstreamUrl> parse_upstream_url(std::string_view url);

}  // namespace eco2::net
