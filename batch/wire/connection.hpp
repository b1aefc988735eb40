#pragma once

#include "batch/wire/patience.hpp"
#include "net/proxy.hpp"
#include "net/upstream_url.hpp"

#include <Poco/Net/Context.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace eco2::batch {

/// The TLS side of all connections: 1.2 or newer, the peer verified against `ca_file` (empty: the system's certificates).
/// Blocks: reads files. Errors: io_failed, with the file.
Result<Poco::Net::Context::Ptr> make_tls_context(const std::string& ca_file);

/// One connection to a provider, plain or TLS, straight or through a proxy. Bytes only: HTTP is the exchange's.
///
/// The socket does not block; all waiting is in `open` and `wait`, in slices. Name look-up is the exception: it is the
/// system's and takes as long as /etc/resolv.conf lets it.
///
/// Thread-safety: none. No function throws.
class Connection {
public:
    enum class Io {
        moved,
        waits,  // `wait`, then again: a send with the same bytes
        ended,  // the peer has closed its side, cleanly
        failed  // `detail` says why
    };
    struct Moved {
        Io io;
        std::size_t bytes = 0;
    };

    explicit Connection(const Poco::Net::Context::Ptr& tls) : tls_(tls) {}
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Finds the name, connects (all addresses in turn share the time), asks the proxy, shakes hands. None: it stands.
    std::optional<WireBreak> open(const net::UpstreamUrl& url, const net::Proxy* proxy, Patience& patience);

    Moved send(std::string_view bytes) noexcept;
    Moved receive(char* data, std::size_t size) noexcept;
    /// Until something can be read, or sent where `is_sending`, or a slice is over. None: try again.
    std::optional<WireBreak> wait(bool is_sending, Patience& patience);
    const std::string& detail() const noexcept { return detail_; }

private:
    std::optional<WireBreak> connect(const std::string& host, const std::string& port, Patience& patience);
    bool connect_to(const Poco::Net::SocketAddress& address,
                    std::chrono::milliseconds time,
                    Patience& patience,
                    std::optional<WireBreak>& end);
    std::optional<WireBreak> ask_proxy(const net::UpstreamUrl& url, const net::Proxy& proxy, Patience& patience);
    std::optional<WireBreak> secure(const std::string& host, Patience& patience);
    Moved outcome(int count, short own, short& needed) noexcept;
    Moved failure(const std::exception& error, short own, short& needed) noexcept;
    bool is_ready(short events, std::chrono::milliseconds time) noexcept;

    Poco::Net::Context::Ptr tls_;
    std::optional<Poco::Net::StreamSocket> socket_;
    bool is_tls_ = false;
    short send_needs_ = 0;  // what poll must tell before the next try: TLS may have to read in order to write
    short receive_needs_ = 0;
    std::string detail_;
};

/// Writing to a TLS connection that the peer has closed raises SIGPIPE, since OpenSSL writes as to a file. Holds the signal
/// back from this thread, and takes away the one that came.
class SigpipeGuard {
public:
    SigpipeGuard() noexcept;
    ~SigpipeGuard();
    SigpipeGuard(const SigpipeGuard&) = delete;
    SigpipeGuard& operator=(const SigpipeGuard&) = delete;

private:
    bool was_let_through_ = false;
};

}  // namespace eco2::batch
