#include "net/response_head.hpp"

#include "base/text.hpp"

#include <boost/beast/http/status.hpp>

#include <string_view>

namespace eco2::net {
namespace {

bool is_ours(std::string_view name) {
    const std::string lower = to_lower_ascii(name);
    return lower == "content-length" || lower == "connection" || lower == "transfer-encoding" || lower == "keep-alive";
}

bool is_one_line(std::string_view text) noexcept {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

}  // namespace

void append_response_head(std::string& out, const ServerResponse& response, const ResponseFraming& framing) {
    const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(response.status));
    out += "HTTP/1.1 ";
    out += std::to_string(response.status);
    out += ' ';
    out.append(reason.data(), reason.size());
    out += "\r\n";
    for (const auto& [name, value] : response.headers) {
        if (is_ours(name) || !is_one_line(name) || !is_one_line(value)) {
            continue;
        }
        out += name;
        out += ": ";
        out += value;
        out += "\r\n";
    }
    if (framing.is_chunked) {
        out += "transfer-encoding: chunked\r\n";
    } else if (framing.content_length) {
        out += "content-length: ";
        out += std::to_string(*framing.content_length);
        out += "\r\n";
    }
    if (!framing.keeps_alive) {
        out += "connection: close\r\n";
    }
    out += "\r\n";
}

bool may_have_body(int status) noexcept {
    return status >= 200 && status != 204 && status != 304;
}

}  // namespace eco2::net
