#include "net/server_worker.hpp"

#include "base/limits.hpp"
#include "net/server_session.hpp"

#include <arpa/inet.h>
#include <boost/asio/post.hpp>
#include <netinet/in.h>
#include <sys/socket.h>

#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace eco2::net {
namespace asio = boost::asio;
using asio::ip::tcp;
namespace {

// Accepts in one go, so that a storm of connections does not starve the thread's runs.
constexpr int kAcceptsPerTurn = 64;
constexpr std::size_t kScratchKeptMax = 64 * 1024;

std::string address_text(const sockaddr_storage& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.ss_family == AF_INET6) {
        ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text.data(), text.size());
    } else {
        ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text.data(), text.size());
    }
    return text.data();
}

boost::system::error_code bind_to(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, bool is_shared) {
    using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
    boost::system::error_code ec;
    acceptor.open(endpoint.protocol(), ec);
    if (!ec) {
        acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    }
    if (!ec && is_shared) {
        acceptor.set_option(ReusePort(true), ec);
    }
    if (!ec) {
        acceptor.bind(endpoint, ec);
    }
    return ec;
}

Result<void> listening(const tcp::endpoint& endpoint, const boost::system::error_code& ec) {
    if (!ec) {
        return {};
    }
    return fail(
        Errc::io_failed,
        "cannot listen on " + endpoint.address().to_string() + ":" + std::to_string(endpoint.port()) + ": " + ec.message());
}

}  // namespace

ServerWorker::ServerWorker(IoThreads& threads, std::size_t index, std::shared_ptr<ServerShared> shared)
    : context_(threads.context(index)),
      deadlines_(threads.deadlines(index)),
      shared_(std::move(shared)),
      acceptor_(context_),
      pause_(context_),
      read_buffer_(std::make_unique<char[]>(limits::kSocketReadBytes)) {}

ServerWorker::~ServerWorker() = default;

Result<void> ServerWorker::listen(const tcp::endpoint& endpoint) {
    auto ec = bind_to(acceptor_, endpoint, true);
    if (!ec) {
        acceptor_.listen(asio::socket_base::max_listen_connections, ec);
    }
    if (!ec) {
        acceptor_.native_non_blocking(true, ec);
    }
    return listening(endpoint, ec);
}

Result<void> ServerWorker::check_free(const tcp::endpoint& endpoint) const {
    tcp::acceptor probe(context_);
    return listening(endpoint, bind_to(probe, endpoint, false));
}

tcp::endpoint ServerWorker::local_endpoint() const {
    boost::system::error_code ec;
    return acceptor_.local_endpoint(ec);
}

void ServerWorker::accept() {
    if (!acceptor_.is_open()) {
        return;
    }
    acceptor_.async_wait(tcp::acceptor::wait_read, [self = shared_from_this()](const boost::system::error_code& ec) {
        if (!ec && self->acceptor_.is_open()) {
            self->accept_ready();
        }
    });
}

void ServerWorker::accept_ready() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        switch (accept_one()) {
            case Accepted::one: break;
            case Accepted::none: return accept();
            case Accepted::no_place: return pause_until_resumed();
            case Accepted::failed: return pause_for(limits::kAcceptPause);
        }
    }
    accept();
}

ServerWorker::Accepted ServerWorker::accept_one() {
    // The place is taken before the connection, so that several threads together never pass the limit.
    if (shared_->connection_count.fetch_add(1) >= options().connections_max) {
        shared_->connection_count.fetch_sub(1);
        return Accepted::no_place;
    }
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int fd =
        ::accept4(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        const int error = errno;
        shared_->connection_count.fetch_sub(1);
        if (error == EAGAIN || error == EWOULDBLOCK) {
            return Accepted::none;
        }
        const bool is_one_peers_fault = error == ECONNABORTED || error == EINTR || error == EPROTO;
        return is_one_peers_fault ? Accepted::none : Accepted::failed;
    }
    take(fd, address.ss_family == AF_INET6, address_text(address));
    return Accepted::one;
}

void ServerWorker::take(int fd, bool is_ipv6, std::string peer) {
    Transport transport(context_);
    const bool is_ready = transport.adopt(fd, is_ipv6) && (!shared_->tls || transport.set_tls(make_server_ssl(*shared_->tls)));
    if (!is_ready) {
        shared_->connection_count.fetch_sub(1);
        return;
    }
    auto session = std::make_shared<ServerSession>(shared_from_this(), std::move(transport), std::move(peer));
    sessions_.emplace(session.get(), session);
    session->start();
}

void ServerWorker::pause_until_resumed() {
    is_paused_ = true;
    if (shared_->connection_count < options().connections_max) {
        resume();  // the last one closed before it could see the flag
    }
}

void ServerWorker::pause_for(std::chrono::milliseconds time) {
    pause_.expires_after(time);
    pause_.async_wait([self = shared_from_this()](const boost::system::error_code&) { self->accept(); });
}

void ServerWorker::resume() {
    if (is_paused_.exchange(false)) {
        asio::post(context_, [self = shared_from_this()] { self->accept(); });
    }
}

void ServerWorker::drain() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    const auto sessions = sessions_;  // draining a session may remove it
    for (const auto& [key, session] : sessions) {
        session->drain();
    }
}

void ServerWorker::close_all() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    const auto sessions = sessions_;
    for (const auto& [key, session] : sessions) {
        session->close();
    }
}

void ServerWorker::remove(ServerSession& session) noexcept {
    sessions_.erase(&session);
    shared_->connection_count.fetch_sub(1);
    for (const auto& worker : shared_->workers) {
        if (const auto other = worker.lock(); other && other->is_paused_) {
            other->resume();
        }
    }
}

void ServerWorker::give_scratch(std::string scratch) noexcept {
    if (scratch.capacity() <= kScratchKeptMax) {
        scratch.clear();
        scratch_ = std::move(scratch);
    }
}

}  // namespace eco2::net
