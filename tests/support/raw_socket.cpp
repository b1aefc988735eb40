#include "support/raw_socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace eco2::test {
namespace {

constexpr int kPatienceMs = 5000;

bool wait_for(int fd, short events, int timeout_ms) {
    pollfd poll_fd{fd, events, 0};
    return ::poll(&poll_fd, 1, timeout_ms) == 1;
}

sockaddr_in loopback(unsigned short port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

}  // namespace

RawSocket& RawSocket::operator=(RawSocket&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    ahead_ = std::move(other.ahead_);
    return *this;
}

RawSocket RawSocket::connect(unsigned short port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd);
        return RawSocket();
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return RawSocket(fd);
}

bool RawSocket::send(std::string_view bytes) {
    if (fd_ < 0) {
        return false;
    }
    while (!bytes.empty()) {
        if (!wait_for(fd_, POLLOUT, kPatienceMs)) {
            return false;
        }
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            continue;
        }
        if (sent < 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::string RawSocket::read_some() {
    return read_some_within(std::chrono::milliseconds(kPatienceMs));
}

std::string RawSocket::read_some_within(std::chrono::milliseconds time) {
    if (!ahead_.empty()) {
        return std::exchange(ahead_, {});
    }
    std::array<char, 65536> buffer;
    if (fd_ < 0 || !wait_for(fd_, POLLIN, static_cast<int>(time.count()))) {
        return {};
    }
    const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), 0);
    return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
}

std::string RawSocket::read_to_end() {
    std::string all;
    while (true) {
        const std::string some = read_some();
        if (some.empty()) {
            return all;
        }
        all += some;
    }
}

std::string RawSocket::read_until(std::string_view mark) {
    std::string all;
    while (true) {
        const std::size_t at = all.find(mark);
        if (at != std::string::npos) {
            ahead_ = all.substr(at + mark.size());
            all.resize(at + mark.size());
            return all;
        }
        const std::string some = read_some();
        if (some.empty()) {
            return all;
        }
        all += some;
    }
}

std::string RawSocket::read_response() {
    std::string head = read_until("\r\n\r\n");
    const std::size_t length_at = head.find("content-length: ");
    if (length_at == std::string::npos) {
        return head.find("chunked") == std::string::npos ? head : head + read_until("0\r\n\r\n");
    }
    std::size_t missing = std::strtoul(head.c_str() + length_at + 16, nullptr, 10);
    while (missing > 0) {
        std::string some = read_some();
        if (some.empty()) {
            break;
        }
        if (some.size() > missing) {
            ahead_ = some.substr(missing);
            some.resize(missing);
        }
        missing -= some.size();
        head += some;
    }
    return head;
}

bool RawSocket::is_closed_within(std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    std::array<char, 65536> buffer;
    while (true) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0 || !wait_for(fd_, POLLIN, static_cast<int>(left.count()))) {
            return false;
        }
        if (::recv(fd_, buffer.data(), buffer.size(), 0) <= 0) {
            return true;
        }
    }
}

void RawSocket::shutdown_send() {
    ::shutdown(fd_, SHUT_WR);
}

void RawSocket::reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
}

void RawSocket::close() {
    if (fd_ >= 0) {
        ::close(std::exchange(fd_, -1));
    }
}

RawListener::RawListener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(fd_, 128) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        std::abort();
    }
    port_ = ntohs(address.sin_port);
}

RawListener::~RawListener() {
    ::close(fd_);
}

RawSocket RawListener::accept() {
    if (!wait_for(fd_, POLLIN, kPatienceMs)) {
        return RawSocket();
    }
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return RawSocket(fd);
}

bool RawListener::has_connection_within(std::chrono::milliseconds time) {
    return wait_for(fd_, POLLIN, static_cast<int>(time.count()));
}

}  // namespace eco2::test
