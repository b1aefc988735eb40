#include "net/upstream_url.hpp"

#include "base/text.hpp"
#include "net/strict_uri.hpp"

namespace eco2::net {
namespace urls = boost::urls;
namespace {

std::string with_brackets(const std::string& host) {
    return host.find(':') == host.npos ? host : "[" + host + "]";
}

Error unusable(std::string_view url, const char* why) {
    const std::size_t query = url.find('?');  // may hold a secret
    return fail(Errc::bad_request, std::string(why) + ": " + shorten(url.substr(0, query), 200));
}

}  // namespace

std::string UpstreamUrl::origin() const {
    return (is_tls ? "https://" : "http://") + host_and_port();
}
std::string UpstreamUrl::host_and_port() const {
    return with_brackets(host) + ":" + port;
}

Result<UpstreamUrl> parse_upstream_url(std::string_view url) {
    const auto parsed = parse_strict_uri(url);
    if (!parsed) {
        return unusable(url, "not an absolute URL");
    }
    const urls::url_view& view = *parsed;
    const std::string scheme = to_lower_ascii(view_of(view.scheme()));
    if (scheme != "http" && scheme != "https") {
        return unusable(url, "neither an http nor an https URL");
    }
    if (view.has_userinfo()) {
        return fail(Errc::bad_request, "a URL with user info is not used; send credentials in a header");
    }
    UpstreamUrl out;
    out.is_tls = scheme == "https";
    out.host = to_lower_ascii(view_of(view.encoded_host_address()));
    const char* own_port = out.is_tls ? "443" : "80";
    const std::string_view port = view_of(view.port());
    out.port = port.empty() ? own_port : port;
    if (out.host.empty() || out.host.find('%') != out.host.npos) {
        return unusable(url, "the URL has no usable host or port");
    }
    out.authority = with_brackets(out.host) + (out.port == own_port ? "" : ":" + out.port);
    const std::string_view path = view_of(view.encoded_path());
    out.target = path.empty() ? "/" : path;
    if (view.has_query()) {
        out.target += '?';
        out.target += view_of(view.encoded_query());
    }
    return out;
}

}  // namespace eco2::net
