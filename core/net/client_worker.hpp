#pragma once

#include "net/client.hpp"
#include "net/name_cache.hpp"
#include "net/proxy.hpp"
#include "net/tls.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

namespace eco2::net {

class UpstreamConnection;

/// What all threads of one client share. Constant.
struct ClientShared {
    ClientOptions options;
    Result<ProxyRules> proxies;
    Result<SslContextPtr> tls;
};

/// One I/O thread's part of the client: idle connections, TLS sessions, names, the read buffer.
///
/// Thread-safety: its I/O thread; the counters: any thread.
/// Lifetime:      shared by its connections and exchanges.
class ClientWorker : public std::enable_shared_from_this<ClientWorker> {
public:
    struct Counters {
        std::atomic<std::uint64_t> opened = 0;
        std::atomic<std::uint64_t> reused = 0;
        std::atomic<std::size_t> exchanges = 0;
        std::atomic<std::size_t> idle = 0;
    };

    ClientWorker(IoThreads& threads, std::size_t index, std::shared_ptr<const ClientShared> shared);
    ~ClientWorker();

    /// The idle connection used last, or null.
    std::shared_ptr<UpstreamConnection> take_idle(const std::string& pool_key);
    /// Takes back a connection after a whole exchange; closes it where there is no room.
    void give_back(std::shared_ptr<UpstreamConnection> connection);
    void on_idle_readable(const std::shared_ptr<UpstreamConnection>& connection);
    /// Closes what is idle, for good.
    void close();

    ssl_session_st* session_for(const std::string& pool_key) const noexcept;
    void keep_session(const std::string& pool_key, SslSessionPtr session);

    boost::asio::io_context& context() noexcept { return context_; }
    DeadlineWheel& deadlines() noexcept { return deadlines_; }
    NameCache& names() noexcept { return names_; }
    const ClientShared& shared() const noexcept { return *shared_; }
    char* read_buffer() noexcept { return read_buffer_.get(); }
    Counters& counters() noexcept { return counters_; }

private:
    struct Idle {
        std::shared_ptr<UpstreamConnection> connection;
        std::chrono::steady_clock::time_point since;
    };
    using Pool = std::list<Idle>;  // oldest first

    void sweep();
    void arm_sweep();
    void drop(Pool& pool, Pool::iterator at);

    boost::asio::io_context& context_;
    DeadlineWheel& deadlines_;
    std::shared_ptr<const ClientShared> shared_;
    NameCache names_;
    std::unordered_map<std::string, Pool> pools_;
    std::unordered_map<std::string, SslSessionPtr> sessions_;
    boost::asio::steady_timer sweep_timer_;
    bool is_sweep_armed_ = false;
    bool is_closed_ = false;
    std::unique_ptr<char[]> read_buffer_;
    Counters counters_;
};

}  // namespace eco2::net
