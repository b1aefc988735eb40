#pragma once

#include "base/result.hpp"
#include "net/server.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

namespace eco2::net {

/// Turns the bytes of one request into a ServerRequest, under limits. Stricter than RFC 9112 asks: what two parsers could read
/// differently (bare LF, folded lines, two lengths, length and chunks) is refused. Does no I/O.
///
/// Thread-safety: none.
class RequestParser {
public:
    RequestParser(std::size_t head_bytes_max, std::size_t body_bytes_max);
    ~RequestParser();

    /// Returns how much of `bytes` was used; the rest must come again, with what follows it.
    ///
    /// Not to be called once is_done.
    /// Errors: bad_request, header_too_large, body_too_large; the parser is then closed.
    Result<std::size_t> feed(std::string_view bytes);

    bool is_head_done() const noexcept;
    bool is_done() const noexcept;
    bool is_http_1_0() const noexcept;
    bool wants_keep_alive() const noexcept;
    bool expects_continue() const noexcept;
    ServerRequest& request() noexcept;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::net
