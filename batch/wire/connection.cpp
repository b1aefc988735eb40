#include "batch/wire/connection.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/DNS.h>
#include <Poco/Net/HostEntry.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/SocketImpl.h>
#include <Poco/Net/Utility.h>
#include <sys/socket.h>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace eco2::batch {
namespace {

using Poco::Net::SecureStreamSocket;

// One TLS record: a send that is taken in part would have to be offered again whole.
constexpr std::size_t kTlsSendBytes = 16 * 1024;

std::string text_of(const std::exception& error) {
    const auto* poco = dynamic_cast<const Poco::Exception*>(&error);
    return shorten(poco != nullptr ? poco->displayText() : error.what(), 300);
}

// SSL_get_error would take an error that another user of OpenSSL has left on this thread for the call's own.
void forget_old_errors() {
    Poco::Net::Utility::clearErrorStack();
}

}  // namespace

Result<Poco::Net::Context::Ptr> make_tls_context(const std::string& ca_file) {
    try {
        Poco::Net::Context::Params params;
        params.caLocation = ca_file;
        params.loadDefaultCAs = ca_file.empty();
        params.verificationMode = Poco::Net::Context::VERIFY_STRICT;  // the relaxed one lets any name pass for this machine
        params.cipherList = "HIGH:!aNULL:!MD5";
        params.ecdhCurve = "X25519:P-256:P-384:P-521";  // Poco begins with X448, which costs most servers a round trip
        Poco::Net::Context::Ptr context = new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, params);
        context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
        return context;
    } catch (const std::exception& error) {
        return fail(Errc::io_failed, "cannot use the CA file " + ca_file + ": " + text_of(error));
    }
}

Connection::~Connection() {
    try {
        forget_old_errors();
        socket_.reset();
    } catch (const std::exception&) {  // TLS could not say good-bye
    }
}

std::optional<WireBreak> Connection::open(const net::UpstreamUrl& url, const net::Proxy* proxy, Patience& patience) {
    try {
        auto end = proxy != nullptr ? connect(proxy->host, proxy->port, patience) : connect(url.host, url.port, patience);
        if (!end && url.is_tls && proxy != nullptr) {
            end = ask_proxy(url, *proxy, patience);
        }
        if (!end && url.is_tls) {
            end = secure(url.host, patience);
        }
        return end;
    } catch (const std::exception& error) {
        return WireBreak{"cannot connect to " + url.host_and_port() + ": " + text_of(error)};
    }
}

std::optional<WireBreak> Connection::connect(const std::string& host, const std::string& port, Patience& patience) {
    if (auto end = patience.check()) {
        return end;
    }
    const std::string where = (host.find(':') == host.npos ? host : "[" + host + "]") + ":" + port;
    Poco::UInt16 number = 0;
    std::from_chars(port.data(), port.data() + port.size(), number);
    std::vector<Poco::Net::IPAddress> addresses(1);
    if (!Poco::Net::IPAddress::tryParse(host, addresses.front())) {
        try {
            addresses = Poco::Net::DNS::hostByName(host, 0).addresses();
        } catch (const std::exception& error) {
            return WireBreak{"cannot find the address of " + host + ": " + text_of(error) + "; check the name and DNS"};
        }
    }
    detail_ = "the name has no address";
    for (std::size_t at = 0; at < addresses.size(); ++at) {
        // One address that swallows packets must not take the time of the others.
        const auto share = patience.left() / static_cast<int>(addresses.size() - at);
        std::optional<WireBreak> end;
        if (connect_to({addresses[at], number}, share, patience, end) || end) {
            return end;
        }
    }
    return WireBreak{"cannot connect to " + where + ": " + detail_};
}

bool Connection::connect_to(const Poco::Net::SocketAddress& address,
                            std::chrono::milliseconds time,
                            Patience& patience,
                            std::optional<WireBreak>& end) {
    try {
        socket_.emplace();
        socket_->connectNB(address);
        ::fcntl(socket_->impl()->sockfd(), F_SETFD, FD_CLOEXEC);
        socket_->setNoDelay(true);
        const auto until = Patience::Clock::now() + time;
        while (true) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Patience::Clock::now());
            if (left.count() <= 0) {
                detail_ = "no answer within " + seconds_text(time);
                return false;
            }
            if (is_ready(POLLOUT, std::min(left, patience.slice()))) {
                const int error = socket_->impl()->socketError();
                detail_ = error != 0 ? std::generic_category().message(error) : "";
                return error == 0;
            }
            if ((end = patience.check())) {
                return false;
            }
        }
    } catch (const std::exception& error) {
        detail_ = text_of(error);
        return false;
    }
}

std::optional<WireBreak> Connection::ask_proxy(const net::UpstreamUrl& url, const net::Proxy& proxy, Patience& patience) {
    const std::string where = url.host_and_port();
    std::string ask = "CONNECT " + where + " HTTP/1.1\r\nhost: " + where + "\r\n";
    if (!proxy.authorization.empty()) {
        ask += "proxy-authorization: " + proxy.authorization + "\r\n";
    }
    ask += "\r\n";
    const std::string name = "the proxy " + proxy.host + ":" + proxy.port;
    // A fresh socket takes so few bytes whole.
    if (const Moved sent = send(ask); sent.io != Io::moved || sent.bytes != ask.size()) {
        return WireBreak{name + " closed the connection"};
    }
    std::string answer(limits::kProxyHeadBytesMax, '\0');
    std::size_t size = 0;
    while (true) {
        const Moved got = receive(answer.data() + size, answer.size() - size);
        if (got.io == Io::waits) {
            if (auto end = wait(false, patience)) {
                return end;
            }
            continue;
        }
        size += got.bytes;
        if (got.io != Io::moved) {
            return WireBreak{name + " closed the connection"};
        }
        const std::size_t head_end = std::string_view(answer.data(), size).find("\r\n\r\n");
        if (head_end == std::string_view::npos && size < answer.size()) {
            continue;
        }
        const bool is_http = answer.starts_with("HTTP/1.") && size > 12;
        const std::string status = is_http ? answer.substr(9, 3) : "no HTTP";
        // The provider speaks only when spoken to: bytes behind the head are none of its.
        if (!status.starts_with('2') || head_end + 4 != size) {
            return WireBreak{name + " refused to connect to " + where + ": " + status +
                             (status == "407" ? "; check the proxy's user and password" : "")};
        }
        return std::nullopt;
    }
}

std::optional<WireBreak> Connection::secure(const std::string& host, Patience& patience) {
    // Poco sends whatever name it is given as SNI, and an address is none. Its own handshake would block, or, with time-outs,
    // take one that has not ended for a good one.
    Poco::Net::IPAddress ignored;
    forget_old_errors();
    SecureStreamSocket secured = Poco::Net::IPAddress::tryParse(host, ignored)
                                     ? SecureStreamSocket::attach(*socket_, tls_)
                                     : SecureStreamSocket::attach(*socket_, host, tls_);
    socket_ = secured;
    is_tls_ = true;
    while (true) {
        int code = 0;
        try {
            forget_old_errors();
            code = secured.completeHandshake();
            if (code == 1) {
                secured.verifyPeerCertificate(host);
                return std::nullopt;
            }
        } catch (const std::exception& error) {
            return WireBreak{"TLS with " + host + " failed: " + text_of(error) + "; check the CA file and the host name"};
        }
        const Moved waiting = outcome(code, POLLOUT, send_needs_);
        if (waiting.io != Io::waits) {
            return WireBreak{host + " closed the connection during the TLS handshake"};
        }
        if (auto end = wait(true, patience)) {
            return end;
        }
    }
}

Connection::Moved Connection::send(std::string_view bytes) noexcept {
    const std::size_t size = is_tls_ ? std::min(bytes.size(), kTlsSendBytes) : bytes.size();
    try {
        forget_old_errors();
        return outcome(socket_->sendBytes(bytes.data(), static_cast<int>(size), MSG_NOSIGNAL), POLLOUT, send_needs_);
    } catch (const std::exception& error) {
        return failure(error, POLLOUT, send_needs_);
    }
}

Connection::Moved Connection::receive(char* data, std::size_t size) noexcept {
    try {
        forget_old_errors();
        return outcome(socket_->receiveBytes(data, static_cast<int>(size)), POLLIN, receive_needs_);
    } catch (const std::exception& error) {
        return failure(error, POLLIN, receive_needs_);
    }
}

// Poco's codes of TLS are negative; a plain socket that would block tells -1, whichever way.
Connection::Moved Connection::outcome(int count, short own, short& needed) noexcept {
    if (count > 0) {
        return {Io::moved, static_cast<std::size_t>(count)};
    }
    if (count == 0) {
        return {Io::ended};
    }
    needed = own;
    if (is_tls_) {
        needed = count == SecureStreamSocket::ERR_SSL_WANT_WRITE ? POLLOUT : POLLIN;
    }
    return {Io::waits};
}

Connection::Moved Connection::failure(const std::exception& error, short own, short& needed) noexcept {
    // Poco 1.11 throws where a plain socket takes no more for now.
    const auto* poco = dynamic_cast<const Poco::Exception*>(&error);
    if (!is_tls_ && poco != nullptr && (poco->code() == EAGAIN || poco->code() == EWOULDBLOCK || poco->code() == EINTR)) {
        needed = own;
        return {Io::waits};
    }
    detail_ = text_of(error);
    return {Io::failed};
}

std::optional<WireBreak> Connection::wait(bool is_sending, Patience& patience) {
    if (auto end = patience.check()) {
        return end;
    }
    const int events = POLLIN | receive_needs_ | (is_sending ? send_needs_ : 0);
    is_ready(static_cast<short>(events), patience.slice());
    return patience.check();
}

// A signal ends the wait early; the caller looks again in any case.
bool Connection::is_ready(short events, std::chrono::milliseconds time) noexcept {
    pollfd watched{socket_->impl()->sockfd(), events, 0};
    return ::poll(&watched, 1, static_cast<int>(time.count())) > 0;
}

SigpipeGuard::SigpipeGuard() noexcept {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigset_t before;
    sigemptyset(&before);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    was_let_through_ = sigismember(&before, SIGPIPE) == 0;
}

SigpipeGuard::~SigpipeGuard() {
    if (!was_let_through_) {
        return;
    }
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    const timespec at_once{0, 0};
    while (sigtimedwait(&pipe, nullptr, &at_once) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_UNBLOCK, &pipe, nullptr);
}

}  // namespace eco2::batch
