#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace eco2::net {

/// A proxy's address and, in base64, its credentials.
struct Proxy {
    std::string host;
    std::string port;
    std::string authorization;  // "Basic ...", or empty
};

/// Which upstreams go through the proxy.
///
/// Thread-safety: any thread; constant.
class ProxyRules {
public:
    /// Errors: config_invalid: not http://[user:password@]host[:port]. The password is never told.
    static Result<ProxyRules> make(const std::string& proxy_url, std::string_view no_proxy);

    /// Null: reach `host` directly. Loopback always is.
    const Proxy* proxy_for(std::string_view host) const noexcept;

private:
    bool has_proxy_ = false;
    Proxy proxy_;
    std::vector<std::string> direct_;
};

}  // namespace eco2::net
