#pragma once

#include "base/result.hpp"
#include "net/io_threads.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::net {

/// A request as the handler sees it: read whole, within the limits.
struct ServerRequest {
    std::string method;
    std::string path;                                          // percent-encoding left as it came, without the query
    std::string query;                                         // without '?'
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in the order they came
    std::string body;
    std::string peer;  // numeric address, no port

    /// First value of a header (name in lower case), or an empty view.
    std::string_view header(std::string_view name) const noexcept;
};

struct ServerResponse {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;  // content-length, connection and date are the server's
    std::string body;
    std::int64_t streamed_bytes = -1;  // of a body that a source will give; -1: not known beforehand
};

/// Tells a session that its BodySource may have more. Lifetime: as long as the source. Thread: the session's.
class Waker {
public:
    virtual void wake() noexcept = 0;

protected:
    ~Waker() = default;
};

/// The body of a streamed response, pulled by the session on its I/O thread. Destroyed when the stream is over.
class BodySource {
public:
    enum class Pull { more_later, ended };

    virtual ~BodySource() = default;
    virtual void set_waker(Waker* waker) = 0;
    /// Appends what is ready. Not called again after `ended`.
    virtual Pull pull(std::string& out) = 0;
    /// Nothing was sent for the keep-alive interval: may append a comment.
    virtual void on_quiet(std::string& out) = 0;
    /// The client is gone or never read within the stall limit; destruction follows.
    virtual void on_client_gone() noexcept = 0;
};

/// One request and its reply. Exactly one of respond and stream is called, once, at any later time, on the I/O thread that
/// handed it over. Dropping it without a reply answers 500.
class ServerExchange {
public:
    virtual ~ServerExchange() = default;
    virtual ServerRequest& request() noexcept = 0;
    virtual void respond(ServerResponse response) = 0;
    /// `head.body` is ignored. HTTP/1.1: chunked, or `head.streamed_bytes` as a content-length: a source that gives fewer ends
    /// the connection, and what it gives beyond is left out. HTTP/1.0: until close.
    virtual void stream(ServerResponse head,
                        std::unique_ptr<BodySource> source,
                        std::chrono::milliseconds keep_alive_interval) = 0;
    /// In place of a reply: `source` gives the connection's bytes as they are, head and all, and the connection ends with them:
    /// with a RST when `resets` (what the kernel still holds is then lost), else cleanly. For tools that break things on
    /// purpose. An exchange that cannot do so drops the source.
    virtual void stream_raw(std::unique_ptr<BodySource> /*source*/, bool /*resets*/) {}
    /// Called at most once, if the client disconnects before a reply was given. Replying afterwards is harmless.
    virtual void on_client_gone(std::function<void()> callback) = 0;
};

struct ServerTls {
    std::string certificate_file;  // PEM chain
    std::string key_file;          // PEM
};

struct ServerOptions {
    std::string host = "127.0.0.1";
    unsigned short port = 0;         // 0: the system picks; see Server::port
    std::unique_ptr<ServerTls> tls;  // null: plain HTTP
    std::size_t head_bytes_max;      // defaults from base/limits.hpp
    std::size_t body_bytes_max;
    std::chrono::milliseconds head_timeout;
    std::chrono::milliseconds body_timeout;
    std::chrono::milliseconds idle_timeout;
    std::chrono::milliseconds write_stall_timeout;
    std::size_t connections_max;  // beyond it accepting pauses
    /// Answers a request that is refused before the handler sees it (malformed, too large, too slow).
    std::function<ServerResponse(const Error&)> refuse;

    ServerOptions();
};

/// The HTTP/1.1 server: one acceptor per I/O thread (SO_REUSEPORT), connections stay on the thread that accepted them.
///
/// Every limit of ServerOptions is answered at once (400, 408, 413, 431) and then the connection is closed.
///
/// Thread-safety: start and stop from the control thread; the handler runs on I/O threads, many at once.
class Server {
public:
    using Handler = std::function<void(std::shared_ptr<ServerExchange>)>;

    Server(IoThreads& threads, ServerOptions options, Handler handler);
    ~Server();

    /// Errors: io_failed (cannot bind, bad certificate), with host and port.
    Result<void> start();
    unsigned short port() const noexcept;

    /// Stops accepting; idle connections are closed, busy ones after their reply (Connection: close).
    void drain();
    /// Number of connections that are open.
    std::size_t connection_count() const noexcept;
    /// Closes what is left. Returns when no handler runs any more.
    void stop();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::net
