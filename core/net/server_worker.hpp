#pragma once

#include "net/server.hpp"
#include "net/tls.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace eco2::net {

class ServerSession;
class ServerWorker;

/// What all threads of one server share. Constant after start, but for the counters.
struct ServerShared {
    ServerOptions options;
    Server::Handler handler;
    SslContextPtr tls;
    std::vector<std::weak_ptr<ServerWorker>> workers;
    std::atomic<std::size_t> connection_count = 0;
    std::atomic<bool> is_draining = false;
};

/// One I/O thread's part of the server: its acceptor, its connections and the buffers that they share.
///
/// Thread-safety: its I/O thread, but for the constructor, listen, check_free and resume.
/// Lifetime:      shared by its sessions, since an exchange may outlive the server.
class ServerWorker : public std::enable_shared_from_this<ServerWorker> {
public:
    ServerWorker(IoThreads& threads, std::size_t index, std::shared_ptr<ServerShared> shared);
    ~ServerWorker();

    /// Control thread, before accept.
    Result<void> listen(const boost::asio::ip::tcp::endpoint& endpoint);
    /// Errors: io_failed where anybody else listens there, also one who would share the port.
    Result<void> check_free(const boost::asio::ip::tcp::endpoint& endpoint) const;
    boost::asio::ip::tcp::endpoint local_endpoint() const;
    void accept();
    /// Any thread: a place among the connections has become free.
    void resume();
    void drain();
    void close_all();
    void remove(ServerSession& session) noexcept;

    boost::asio::io_context& context() noexcept { return context_; }
    DeadlineWheel& deadlines() noexcept { return deadlines_; }
    ServerShared& shared() noexcept { return *shared_; }
    const ServerOptions& options() const noexcept { return shared_->options; }
    char* read_buffer() noexcept { return read_buffer_.get(); }
    /// An empty string with room from earlier use; give it back. Nested use gets a fresh one.
    std::string take_scratch() noexcept { return std::exchange(scratch_, {}); }
    void give_scratch(std::string scratch) noexcept;

private:
    enum class Accepted { one, none, no_place, failed };

    void accept_ready();
    Accepted accept_one();
    void pause_until_resumed();
    void pause_for(std::chrono::milliseconds time);
    void take(int fd, bool is_ipv6, std::string peer);

    boost::asio::io_context& context_;
    DeadlineWheel& deadlines_;
    std::shared_ptr<ServerShared> shared_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer pause_;
    std::atomic<bool> is_paused_ = false;
    std::unordered_map<ServerSession*, std::shared_ptr<ServerSession>> sessions_;
    std::unique_ptr<char[]> read_buffer_;
    std::string scratch_;
};

}  // namespace eco2::net
