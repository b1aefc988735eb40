#include "plugin_host/origin.hpp"

#include "base/text.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace eco2::plugin_host {
namespace {

bool is_loopback(const boost::urls::url_view& url, std::string_view host) {
    switch (url.host_type()) {
        case boost::urls::host_type::ipv4: return url.host_ipv4_address().is_loopback();
        case boost::urls::host_type::ipv6: return url.host_ipv6_address().is_loopback();
        default: return host == "localhost";
    }
}

}  // namespace

Result<Origin> origin_of(std::string_view text) {
    const auto parsed = boost::urls::parse_uri(text);
    if (!parsed) {
        return fail(Errc::bad_request, "not an absolute URL: " + shorten(text, 200));
    }
    const auto scheme = to_lower_ascii(std::string_view(parsed->scheme().data(), parsed->scheme().size()));
    const auto host = to_lower_ascii(parsed->host());
    if ((scheme != "http" && scheme != "https") || host.empty()) {
        return fail(Errc::bad_request, "not an http or https URL: " + shorten(text, 200));
    }
    const auto port = parsed->port();
    Origin origin;
    origin.is_plain_http = scheme == "http";
    origin.is_loopback = is_loopback(*parsed, host);
    origin.has_user = parsed->has_userinfo();
    origin.text = scheme + "://" + host + ":";
    origin.text +=
        port.empty() ? std::string_view(origin.is_plain_http ? "80" : "443") : std::string_view(port.data(), port.size());
    return origin;
}

}  // namespace eco2::plugin_host
