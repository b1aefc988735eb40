#pragma once

#include "model/http_client.hpp"
#include "net/io_threads.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace eco2::net {

struct ClientOptions {
    std::string ca_file;      // PEM bundle; empty: the system's
    std::string https_proxy;  // http://[user:password@]host:port for https and http upstreams; empty: none
    std::string no_proxy;     // comma list of hosts and .suffixes that are reached directly; loopback always is
    std::chrono::milliseconds connect_timeout;  // name look-up, TCP and TLS together
    std::chrono::milliseconds idle_timeout;     // a pooled connection unused for so long is closed
    std::size_t idle_per_origin_max;
    std::size_t open_max;  // exchanges at the same time, per I/O thread

    ClientOptions();  // defaults from base/limits.hpp
};

struct ClientStats {
    std::uint64_t connections_opened = 0;
    std::uint64_t connections_reused = 0;
    std::size_t exchanges_open = 0;
    std::size_t connections_idle = 0;
};

/// The upstream HTTP/1.1 client: a pool per origin and I/O thread, keep-alive, TLS with verification, SNI and session reuse.
///
/// A pooled connection that the peer has closed is noticed while idle and not used. Where the two cross, the request is sent
/// again, once and on a new connection: when not one byte of it was written, or when the pooled connection ends within
/// limits::kStaleConnectionWindow without one byte of an answer. A new connection's end is always told. Names are looked up on
/// the blocking pool. `Accept-Encoding: identity`.
///
/// Thread-safety: see HttpClientDoor; stats from any thread.
/// Lifetime:      outlives its calls; destroyed after the threads have stopped.
class HttpClient final : public HttpClientDoor {
public:
    HttpClient(IoThreads& threads, ClientOptions options);
    ~HttpClient() override;

    Result<std::unique_ptr<HttpCall>> start(HttpRequest request, HttpObserver& observer) override;
    ClientStats stats() const noexcept;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::net
