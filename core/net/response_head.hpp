#pragma once

#include "net/server.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace eco2::net {

/// How the end of a reply's body is told.
struct ResponseFraming {
    std::optional<std::size_t> content_length;
    bool is_chunked = false;
    bool keeps_alive = true;
};

/// Appends a reply's status line and header. The header fields that are the server's, and those with a line break, are left
/// out.
void append_response_head(std::string& out, const ServerResponse& response, const ResponseFraming& framing);

/// 1xx, 204 and 304 have no body.
bool may_have_body(int status) noexcept;

}  // namespace eco2::net
