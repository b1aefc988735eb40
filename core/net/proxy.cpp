#include "net/proxy.hpp"

#include "base/text.hpp"
#include "net/strict_uri.hpp"
#include "net/url_guard.hpp"

#include <algorithm>

namespace eco2::net {
namespace {

std::vector<std::string> split_list(std::string_view list) {
    std::vector<std::string> out;
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        const std::string_view entry = trim(list.substr(0, comma));
        if (!entry.empty()) {
            out.push_back(to_lower_ascii(entry));
        }
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return out;
}

bool matches(std::string_view host, std::string_view entry) noexcept {
    if (entry == "*") {
        return true;
    }
    if (!entry.starts_with('.')) {
        return host == entry;
    }
    return host.ends_with(entry) || host == entry.substr(1);
}

}  // namespace

Result<ProxyRules> ProxyRules::make(const std::string& proxy_url, std::string_view no_proxy) {
    ProxyRules rules;
    if (proxy_url.empty()) {
        return rules;
    }
    const auto parsed = parse_strict_uri(proxy_url);
    if (!parsed || parsed->scheme() != "http" || parsed->encoded_host_address().empty()) {
        return fail(Errc::config_invalid, "the proxy must be http://[user:password@]host[:port]");
    }
    rules.has_proxy_ = true;
    rules.proxy_.host = to_lower_ascii(view_of(parsed->encoded_host_address()));
    rules.proxy_.port = parsed->port().empty() ? "80" : view_of(parsed->port());
    if (parsed->has_userinfo()) {
        rules.proxy_.authorization = "Basic " + base64_encode(parsed->user() + ":" + parsed->password());
    }
    rules.direct_ = split_list(no_proxy);
    return rules;
}

const Proxy* ProxyRules::proxy_for(std::string_view host) const noexcept {
    if (!has_proxy_ || is_loopback_host(host)) {
        return nullptr;
    }
    for (const std::string& entry : direct_) {
        if (matches(host, entry)) {
            return nullptr;
        }
    }
    return &proxy_;
}

}  // namespace eco2::net
