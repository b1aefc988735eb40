#pragma once

#include "batch/wire/connection.hpp"
#include "batch/wire/download_file.hpp"
#include "batch/wire/outgoing.hpp"
#include "batch/wire/patience.hpp"
#include "batch/wire/transport.hpp"
#include "net/response_parser.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::batch {

/// One request and its response over a connection that stands. Reads while it sends, so that an early refusal is seen.
///
/// The framing is `net::ResponseParser`'s, not Poco's: HTTPClientSession 1.11 takes the end of the connection for the end of
/// the body, whatever Content-Length or chunks say, and with keep-alive sends the beginning of a request again on a new
/// connection where a write fails.
///
/// Thread-safety: none. One exchange an object.
class Exchange final : private net::ResponseSink {
public:
    /// `file`: where the body of 200 and 206 goes; may be null. A body that is kept in memory has at most `body_bytes_max`.
    /// Lifetime: all outlive this.
    Exchange(Connection& connection, Outgoing& outgoing, DownloadFile* file, Patience& patience, std::size_t body_bytes_max);

    /// Fills `result`; its end is answered or broken.
    void run(WireResult& result);

private:
    bool on_response_head(int status, const std::vector<HttpHeader>& headers) override;
    bool on_response_body(std::string_view bytes) override;

    std::optional<WireBreak> move_bytes();
    std::optional<WireBreak> send_some(bool& has_moved);
    std::optional<WireBreak> receive_some(bool& has_moved);
    void stop_sending(std::string why);
    std::optional<WireBreak> close_up();
    WireBreak not_whole(std::string why, bool was_stopped = false) const;

    Connection& connection_;
    Outgoing& outgoing_;
    DownloadFile* file_;
    Patience& patience_;
    const std::size_t body_bytes_max_;
    net::ResponseParser parser_;
    std::string buffer_;
    WireResult* result_ = nullptr;
    DownloadFile::Use use_ = DownloadFile::Use::not_for_it;
    bool is_sending_ = true;
    std::string send_fault_;  // why not all of the request was sent; empty: it was, or is being sent
    std::string sink_fault_;  // why the rest of the response is of no use
};

}  // namespace eco2::batch
