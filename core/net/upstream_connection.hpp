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
    void wait_writable();
    void close() noexcept;
    /// True where an idle connection can still be used: open, and the peer has sent nothing.
    bool is_quiet() noexcept;

    Transport& transport() noexcept { return transport_; }
    const std::string& pool_key() const noexcept { return pool_key_; }

private:
    void on_tls_session(SslSessionPtr session) override;

    std::shared_ptr<ClientWorker> worker_;
    std::string pool_key_;
    Transport transport_;
    ConnectionUser* user_ = nullptr;
    bool is_waiting_to_read_ = false;
    bool is_waiting_to_write_ = false;
};

}  // namespace eco2::net
