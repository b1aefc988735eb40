#include "support/http_request.hpp"

#include "support/raw_socket.hpp"

#include <cstdlib>
#include <utility>

namespace eco2::test {
namespace {

constexpr std::string_view kStatusStart = "HTTP/1.1 ";

struct Unchunked {
    std::string body;
    bool is_whole = false;
};

Unchunked unchunked(std::string_view body) {
    Unchunked out;
    while (!body.empty()) {
        const auto line = body.find("\r\n");
        if (line == std::string_view::npos) {
            break;
        }
        const auto size = std::strtoul(std::string(body.substr(0, line)).c_str(), nullptr, 16);
        if (size == 0) {
            out.is_whole = body == "0\r\n\r\n";
            break;
        }
        if (line + 2 + size + 2 > body.size()) {
            break;
        }
        out.body += body.substr(line + 2, size);
        body.remove_prefix(line + 2 + size + 2);
    }
    return out;
}

}  // namespace

std::vector<std::string> Reply::frames() const {
    std::vector<std::string> out;
    std::string_view rest = body;
    while (!rest.empty()) {
        const auto end = rest.find("\n\n");
        const auto frame = rest.substr(0, end);
        constexpr std::string_view kData = "data: ";
        if (frame.starts_with(kData)) {
            out.emplace_back(frame.substr(kData.size()));
        }
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
    }
    return out;
}

Reply parse_reply(std::string_view wire) {
    Reply reply;
    const auto end = wire.find("\r\n\r\n");
    if (end == std::string_view::npos || !wire.starts_with(kStatusStart)) {
        return reply;
    }
    reply.head = wire.substr(0, end);
    reply.status = std::atoi(reply.head.c_str() + kStatusStart.size());
    reply.body = wire.substr(end + 4);
    constexpr std::string_view kLength = "\r\ncontent-length: ";
    if (const auto length = reply.head.find(kLength); length != std::string::npos) {
        reply.is_whole = reply.body.size() == std::strtoul(reply.head.c_str() + length + kLength.size(), nullptr, 10);
    }
    if (reply.head.find("\r\ntransfer-encoding: chunked") != std::string::npos) {
        auto plain = unchunked(reply.body);
        reply.body = std::move(plain.body);
        reply.is_whole = plain.is_whole;
    }
    return reply;
}

std::string request_text(std::string_view method, std::string_view path, std::string_view body, std::string_view headers) {
    std::string text = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    text += headers;
    if (!body.empty()) {
        text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    }
    return text + "\r\n" + std::string(body);
}

Reply http(
    unsigned short port, std::string_view method, std::string_view path, std::string_view body, std::string_view headers) {
    auto socket = RawSocket::connect(port);
    socket.send(request_text(method, path, body, headers));
    return parse_reply(socket.read_to_end());
}

}  // namespace eco2::test
