#pragma once

#include "net/tls.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <string_view>
#include <utility>

namespace eco2::net {

enum class IoStatus {
    ok,
    wants_read,   // nothing now: wait until the socket can be read
    wants_write,  // nothing now: wait until it can be written
    ended,        // the peer has closed its side, cleanly
    failed,       // reset, or TLS broke or was cut off
};

struct IoResult {
    IoStatus status;
    std::size_t bytes = 0;
};

/// A non-blocking TCP connection, plain or TLS. Reads and writes go straight to the descriptor; Asio only says when to try
/// again, so that a connection which waits owns no buffer; read_into is for one that streams.
///
/// Thread-safety: none.
class Transport {
public:
    using Socket = boost::asio::ip::tcp::socket;

    explicit Transport(boost::asio::io_context& context) : socket_(context) {}

    /// Takes over a non-blocking descriptor. False: it was closed, since the reactor refused it.
    bool adopt(int fd, bool is_ipv6) noexcept;
    /// From now on through TLS. False where memory is short.
    bool set_tls(SslPtr ssl) noexcept;

    /// Begins to connect; once writable, connect_result tells.
    boost::system::error_code connect(const boost::asio::ip::address& address, unsigned short port) noexcept;
    boost::system::error_code connect_result() noexcept;

    IoResult handshake() noexcept;
    IoResult read_some(char* data, std::size_t size) noexcept;
    IoResult write_some(std::string_view bytes) noexcept;
    /// As one packet where the connection is plain.
    IoResult write_some(std::string_view first, std::string_view second) noexcept;

    /// Tells the peer that nothing more comes.
    void shutdown_send() noexcept;
    void close() noexcept;
    /// Closes at once with a RST; what the kernel has not sent yet is lost.
    void reset() noexcept;

    bool is_open() const noexcept { return socket_.is_open(); }
    bool is_tls() const noexcept { return ssl_ != nullptr; }
    ssl_st* ssl() const noexcept { return ssl_.get(); }

    template <class Handler>
    void wait_readable(Handler handler) {
        socket_.async_wait(Socket::wait_read, std::move(handler));
    }
    /// Plain connections only. Cheaper than a wait where a byte has come and more will: a wait re-arms the descriptor each
    /// time. Nobody else may read until the handler has run, with (error_code, bytes).
    template <class Handler>
    void read_into(char* data, std::size_t size, Handler handler) {
        socket_.async_read_some(boost::asio::buffer(data, size), std::move(handler));
    }
    template <class Handler>
    void wait_writable(Handler handler) {
        socket_.async_wait(Socket::wait_write, std::move(handler));
    }

private:
    IoResult tls_result(int returned) noexcept;

    Socket socket_;
    SslPtr ssl_;
    bool is_handshake_done_ = false;
    bool is_broken_ = false;  // after a fatal TLS error nothing more may be sent, not even close_notify
};

}  // namespace eco2::net
