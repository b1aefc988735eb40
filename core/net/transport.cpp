#include "net/transport.hpp"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

namespace eco2::net {
namespace {

int clamp_to_int(std::size_t size) noexcept {
    return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

IoResult plain_result(ssize_t returned, IoStatus would_block) noexcept {
    if (returned >= 0) {
        return {IoStatus::ok, static_cast<std::size_t>(returned)};
    }
    const bool is_later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return {is_later ? would_block : IoStatus::failed};
}

}  // namespace

bool Transport::adopt(int fd, bool is_ipv6) noexcept {
    using boost::asio::ip::tcp;
    boost::system::error_code ec;
    socket_.assign(is_ipv6 ? tcp::v6() : tcp::v4(), fd, ec);
    if (ec) {
        ::close(fd);
        return false;
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return true;
}

bool Transport::set_tls(SslPtr ssl) noexcept {
    if (!ssl || SSL_set_fd(ssl.get(), socket_.native_handle()) != 1) {
        return false;
    }
    ssl_ = std::move(ssl);
    return true;
}

boost::system::error_code Transport::connect(const boost::asio::ip::address& address, unsigned short port) noexcept {
    const auto last_error = [] { return boost::system::error_code(errno, boost::system::system_category()); };
    const boost::asio::ip::tcp::endpoint endpoint(address, port);
    const int fd = ::socket(address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return last_error();
    }
    if (::connect(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 && errno != EINPROGRESS) {
        const auto error = last_error();
        ::close(fd);
        return error;
    }
    return adopt(fd, address.is_v6()) ? boost::system::error_code() : boost::asio::error::no_descriptors;
}

boost::system::error_code Transport::connect_result() noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
    return {error, boost::system::system_category()};
}

IoResult Transport::handshake() noexcept {
    ERR_clear_error();
    const int returned = SSL_do_handshake(ssl_.get());
    if (returned == 1) {
        is_handshake_done_ = true;
        return {IoStatus::ok};
    }
    return tls_result(returned);
}

IoResult Transport::read_some(char* data, std::size_t size) noexcept {
    if (ssl_) {
        ERR_clear_error();
        return tls_result(SSL_read(ssl_.get(), data, clamp_to_int(size)));
    }
    const ssize_t returned = ::recv(socket_.native_handle(), data, size, 0);
    return returned == 0 ? IoResult{IoStatus::ended} : plain_result(returned, IoStatus::wants_read);
}

IoResult Transport::write_some(std::string_view bytes) noexcept {
    if (bytes.empty()) {
        return {IoStatus::ok};
    }
    if (ssl_) {
        ERR_clear_error();
        return tls_result(SSL_write(ssl_.get(), bytes.data(), clamp_to_int(bytes.size())));
    }
    return plain_result(::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL), IoStatus::wants_write);
}

IoResult Transport::write_some(std::string_view first, std::string_view second) noexcept {
    if (ssl_ || second.empty()) {
        return write_some(first.empty() ? second : first);
    }
    // iovec is not const-correct; sendmsg only reads.
    std::array<iovec, 2> parts{iovec{const_cast<char*>(first.data()), first.size()},
                               iovec{const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    return plain_result(::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL), IoStatus::wants_write);
}

void Transport::shutdown_send() noexcept {
    if (!socket_.is_open()) {
        return;
    }
    if (ssl_ && is_handshake_done_ && !is_broken_) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
    }
    ::shutdown(socket_.native_handle(), SHUT_WR);
}

void Transport::reset() noexcept {
    boost::system::error_code ec;
    socket_.set_option(boost::asio::socket_base::linger(true, 0), ec);
    socket_.close(ec);
}

void Transport::close() noexcept {
    if (!socket_.is_open()) {
        return;
    }
    if (ssl_ && is_handshake_done_ && !is_broken_) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
    }
    ssl_.reset();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

IoResult Transport::tls_result(int returned) noexcept {
    if (returned > 0) {
        return {IoStatus::ok, static_cast<std::size_t>(returned)};
    }
    switch (SSL_get_error(ssl_.get(), returned)) {
        case SSL_ERROR_WANT_READ: return {IoStatus::wants_read};
        case SSL_ERROR_WANT_WRITE: return {IoStatus::wants_write};
        case SSL_ERROR_ZERO_RETURN: return {IoStatus::ended};
        default: is_broken_ = true; return {IoStatus::failed};
    }
}

}  // namespace eco2::net
