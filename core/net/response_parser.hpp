#pragma once

#include "base/result.hpp"
#include "model/http_client.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace eco2::net {

/// Where a response goes while it is parsed. Either call may end the exchange: `false` stops the parser.
class ResponseSink {
public:
    virtual bool on_response_head(int status, const std::vector<HttpHeader>& headers) = 0;
    virtual bool on_response_body(std::string_view bytes) = 0;

protected:
    ~ResponseSink() = default;
};

/// Turns the bytes of one response into a head and body pieces, under limits; 1xx heads are passed over. Does no I/O.
///
/// Thread-safety: none.
class ResponseParser {
public:
    ResponseParser(ResponseSink& sink, std::size_t body_bytes_max, bool answers_head);
    ~ResponseParser();

    /// Keeps what it cannot use yet. Not to be called once is_done.
    /// Errors: provider_bad_answer; the parser is then closed.
    Result<void> feed(std::string_view bytes);
    /// The peer has closed its side cleanly. Errors: provider_reset: the response is not whole.
    Result<void> feed_end();

    bool is_done() const noexcept;
    /// Whole, delimited, nothing behind it, and the peer wants it.
    bool allows_reuse() const noexcept;

private:
    class Impl;
    std::size_t feed_some(std::string_view bytes, Result<void>& result);

    ResponseSink& sink_;
    const std::size_t body_bytes_max_;
    const bool answers_head_;
    std::unique_ptr<Impl> impl_;
    std::string input_;
};

}  // namespace eco2::net
