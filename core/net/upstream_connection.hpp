#pragma once

#include "net/transport.hpp"

#include <memory>
#include <string>

namespace eco2::net {

class ClientWorker;
class UpstreamConnection;

/// Who is told what happens on a connection: the exchange that uses it.
class ConnectionUser {
public:
    virtual void on_readable() = 0;
    virtual void on_writable() = 0;

protected:
    ~ConnectionUser() = default;
};

/// One connection to an upstream, idle in a pool or used by one exchange.
///
/// One wait for reading stays armed across use and idleness: it wakes the user, or finds that the peer has closed an idle one.
///
/// Thread-safety: its worker's I/O thread.
/// Lifetime:      shared by its user or the pool, and by a wait that is under way.
class UpstreamConnection final : public std::enable_shared_from_this<UpstreamConnection>, private SslSessionSink {
public:
    UpstreamConnection(std::shared_ptr<ClientWorker> worker, std::string pool_key);
    ~UpstreamConnection();

    void set_user(ConnectionUser* user) noexcept { user_ = user; }
    bool start_tls(ssl_ctx_st& context, const std::string& host);
    void wait_readable();
    /// As wait_readable, for a connection that streams: its next bytes are fetched on the way, into a small buffer of its own.
    void wait_bytes();
    void wait_writable();
    /// What wait_bytes has fetched, then the socket.
    IoResult read_some(char* data, std::size_t size) noexcept;
    /// The streaming is over: frees the buffer.
    void drop_buffer() noexcept;
    void close() noexcept;
    /// True where an idle connection can still be used: open, and the peer has sent nothing.
    bool is_quiet() noexcept;

    Transport& transport() noexcept { return transport_; }
    const std::string& pool_key() const noexcept { return pool_key_; }

private:
    void on_tls_session(SslSessionPtr session) override;
    void wake_reader();

    std::shared_ptr<ClientWorker> worker_;
    std::string pool_key_;
    Transport transport_;
    ConnectionUser* user_ = nullptr;
    bool is_waiting_to_read_ = false;
    bool is_fetching_ = false;     // the wait is wait_bytes: the socket's bytes are its own
    IoStatus end_ = IoStatus::ok;  // what it has met instead of bytes; the socket does not tell twice
    std::unique_ptr<char[]> buffer_;
    std::size_t held_from_ = 0;
    std::size_t held_to_ = 0;
    bool is_waiting_to_write_ = false;
};

}  // namespace eco2::net
