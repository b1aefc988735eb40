#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eco2::test {

/// A reply as a client saw it.
struct Reply {
    int status = 0;    // 0: none came, or not whole
    std::string head;  // status line and header lines
    std::string body;  // without chunk framing
    bool is_whole = false;

    /// The JSON of all `data:` frames, in order; comments left out.
    std::vector<std::string> frames() const;
};

/// Takes apart what stood on the wire until the peer closed.
Reply parse_reply(std::string_view wire);

/// The text of a request with `Connection: close`. `headers` are whole lines with their CRLF.
std::string request_text(std::string_view method,
                         std::string_view path,
                         std::string_view body = {},
                         std::string_view headers = {});

/// One such request to 127.0.0.1:port, read to the end.
Reply http(unsigned short port,
           std::string_view method,
           std::string_view path,
           std::string_view body = {},
           std::string_view headers = {});

}  // namespace eco2::test
