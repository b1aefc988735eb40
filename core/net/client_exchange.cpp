#include "net/client_exchange.hpp"

#include "base/discard.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"
#include "net/url_guard.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace eco2::net {
namespace asio = boost::asio;
namespace {

// Reads in one go, so that one fast upstream does not starve the thread.
constexpr int kReadsPerTurn = 16;

bool is_ours(std::string_view name) {
    const std::string lower = to_lower_ascii(name);
    return lower == "host" || lower == "content-length" || lower == "connection" || lower == "transfer-encoding" ||
           lower == "accept-encoding" || lower == "user-agent" || lower == "proxy-authorization";
}

// One private address among public ones is refused as well: which one a name's owner lets us try is up to them.
bool are_public(const Result<NameCache::Addresses>& addresses) {
    return addresses && !addresses->empty() && std::none_of(addresses->begin(), addresses->end(), [](const auto& address) {
               return is_private_address(address.to_string());
           });
}

}  // namespace

ClientExchange::ClientExchange(std::shared_ptr<ClientWorker> worker,
                               HttpRequest request,
                               UpstreamUrl url,
                               HttpObserver& observer)
    : worker_(std::move(worker)),
      observer_(&observer),
      request_(std::move(request)),
      url_(std::move(url)),
      deadline_(worker_->deadlines(), *this) {
    worker_->counters().exchanges.fetch_add(1, std::memory_order_relaxed);
}

ClientExchange::~ClientExchange() {
    drop_connection();
    give_up_place();
}

void ClientExchange::give_up_place() noexcept {
    if (std::exchange(has_place_, false)) {
        worker_->counters().exchanges.fetch_sub(1, std::memory_order_relaxed);
    }
}

void ClientExchange::start() {
    asio::post(worker_->context(), [self = shared_from_this()] { self->begin(); });
}

void ClientExchange::begin() {
    if (state_ == State::done) {
        return;
    }
    // A proxy would look the name up itself: what it connects to cannot be checked from here.
    proxy_ = request_.is_public_only ? nullptr : worker_->shared().proxies->proxy_for(url_.host);
    make_head();
    if (request_.deadline <= Steady::now()) {
        return fail_with(Errc::provider_timeout, "the deadline had passed before the request was sent");
    }
    again();
}

// From the start, or once more where a pooled connection took not one byte.
void ClientExchange::again() {
    head_sent_ = 0;
    body_sent_ = 0;
    is_write_broken_ = false;
    if ((connection_ = worker_->take_idle(pool_key())) != nullptr) {
        is_reused_ = true;
        connection_->set_user(this);
        return on_ready();
    }
    is_reused_ = false;
    find_name();
}

// A connection to a private address must never serve a stranger's URL, so the two kinds share none.
std::string ClientExchange::pool_key() const {
    return request_.is_public_only ? "public " + url_.origin() : url_.origin();
}

void ClientExchange::find_name() {
    state_ = State::finding_name;
    deadline_.set(std::min(request_.deadline, Steady::now() + worker_->shared().options.connect_timeout));
    const std::string& host = proxy_ != nullptr ? proxy_->host : url_.host;
    worker_->names().resolve(host, [self = shared_from_this()](const Result<NameCache::Addresses>& addresses) {
        if (self->state_ == State::finding_name) {
            self->on_addresses(addresses);
        }
    });
}

void ClientExchange::on_addresses(const Result<NameCache::Addresses>& addresses) {
    if (request_.is_public_only && !are_public(addresses)) {
        return fail_with(Errc::ssrf_blocked, "the host has no public address");
    }
    if (!addresses) {
        return fail_with(addresses.error().code, addresses.error().detail);
    }
    addresses_.assign(addresses->rbegin(), addresses->rend());
    last_failure_ = "no address";
    connect_next();
}

void ClientExchange::connect_next() {
    state_ = State::connecting;
    while (!addresses_.empty()) {
        const auto address = addresses_.back();
        addresses_.pop_back();
        if (connect_to(address)) {
            return;
        }
    }
    fail_with(Errc::provider_unreachable, "cannot connect to " + url_.host_and_port() + ": " + last_failure_);
}

bool ClientExchange::connect_to(const asio::ip::address& address) {
    drop_connection();
    connection_ = std::make_shared<UpstreamConnection>(worker_, pool_key());
    connection_->set_user(this);
    const std::string& port = proxy_ != nullptr ? proxy_->port : url_.port;
    const auto started = connection_->transport().connect(address, static_cast<unsigned short>(std::stoi(port)));
    if (started) {
        last_failure_ = started.message();
        return false;
    }
    connection_->wait_writable();
    return true;
}

void ClientExchange::on_connected() {
    if (const auto error = connection_->transport().connect_result()) {
        last_failure_ = error.message();
        return connect_next();
    }
    discard(addresses_);
    worker_->counters().opened.fetch_add(1, std::memory_order_relaxed);
    if (!url_.is_tls) {
        return on_ready();
    }
    return proxy_ != nullptr ? ask_proxy() : secure();
}

void ClientExchange::ask_proxy() {
    state_ = State::asking_proxy;
    std::string ask = "CONNECT " + url_.host_and_port() + " HTTP/1.1\r\nhost: " + url_.host_and_port() + "\r\n";
    if (!proxy_->authorization.empty()) {
        ask += "proxy-authorization: " + proxy_->authorization + "\r\n";
    }
    ask += "\r\n";
    // A fresh socket takes so few bytes whole.
    if (connection_->transport().write_some(ask).bytes != ask.size()) {
        return fail_with(Errc::provider_unreachable, "the proxy closed the connection");
    }
    connection_->wait_readable();
}

void ClientExchange::read_proxy_answer() {
    const IoResult result = connection_->transport().read_some(worker_->read_buffer(), limits::kProxyHeadBytesMax);
    if (result.status == IoStatus::wants_read) {
        return connection_->wait_readable();
    }
    if (result.status != IoStatus::ok) {
        return fail_with(Errc::provider_unreachable, "the proxy closed the connection");
    }
    proxy_answer_.append(worker_->read_buffer(), result.bytes);
    const std::size_t end = proxy_answer_.find("\r\n\r\n");
    if (end == std::string::npos) {
        if (proxy_answer_.size() >= limits::kProxyHeadBytesMax) {
            return fail_with(Errc::provider_unreachable, "the proxy's answer is too long");
        }
        return connection_->wait_readable();
    }
    const bool is_http = proxy_answer_.starts_with("HTTP/1.") && proxy_answer_.size() > 12;
    const std::string status = is_http ? proxy_answer_.substr(9, 3) : "no HTTP";
    // The upstream speaks only when spoken to: bytes behind the head are none of its.
    if (!status.starts_with('2') || proxy_answer_.size() != end + 4) {
        return fail_with(Errc::provider_unreachable, "the proxy refused to connect to " + url_.host_and_port() + ": " + status);
    }
    discard(proxy_answer_);
    secure();
}

void ClientExchange::secure() {
    state_ = State::securing;
    const auto& context = worker_->shared().tls;
    if (!context) {
        return fail_with(Errc::provider_tls, context.error().detail);
    }
    if (!connection_->start_tls(**context, url_.host)) {
        return fail_with(Errc::provider_tls, "cannot set up TLS for " + url_.host);
    }
    shake_hands();
}

void ClientExchange::shake_hands() {
    const IoResult result = connection_->transport().handshake();
    if (result.status == IoStatus::ok) {
        return on_ready();
    }
    if (result.status == IoStatus::wants_read) {
        return connection_->wait_readable();
    }
    if (result.status == IoStatus::wants_write) {
        return connection_->wait_writable();
    }
    const ssl_st* ssl = connection_->transport().ssl();
    if (is_tls_cut_off(ssl)) {
        return fail_with(Errc::provider_unreachable, url_.host + " closed the connection during the TLS handshake");
    }
    fail_with(Errc::provider_tls, "TLS with " + url_.host + " failed: " + tls_error_text(ssl));
}

void ClientExchange::on_ready() {
    state_ = State::exchanging;
    deadline_.set(request_.deadline);
    const std::size_t body_max = request_.response_bytes_max != 0 ? request_.response_bytes_max : limits::kUpstreamBodyBytesMax;
    parser_ = std::make_unique<ResponseParser>(static_cast<ResponseSink&>(*this), body_max, request_.method == "HEAD");
    write();
}

void ClientExchange::make_head() {
    const bool is_forwarded = proxy_ != nullptr && !url_.is_tls;
    std::string& head = output_;
    head = request_.method + " " + (is_forwarded ? "http://" + url_.authority : "") + url_.target + " HTTP/1.1\r\n";
    head += "host: " + url_.authority + "\r\nuser-agent: eco2\r\naccept-encoding: identity\r\n";
    if (is_forwarded && !proxy_->authorization.empty()) {
        head += "proxy-authorization: " + proxy_->authorization + "\r\n";
    }
    for (const auto& [name, value] : request_.headers) {
        if (!is_ours(name)) {
            head.append(name).append(": ").append(value).append("\r\n");
        }
    }
    if (!request_.body.empty() || request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH") {
        head += "content-length: " + std::to_string(request_.body.size()) + "\r\n";
    }
    head += "\r\n";
    discard(request_.headers);
    discard(url_.target);
    discard(request_.url);
}

void ClientExchange::write() {
    while (head_sent_ < output_.size() || body_sent_ < request_.body.size()) {
        const auto head = std::string_view(output_).substr(head_sent_);
        const auto body = std::string_view(request_.body).substr(body_sent_);
        const IoResult result = connection_->transport().write_some(head, body);
        if (result.status == IoStatus::wants_write) {
            connection_->wait_writable();
            return connection_->wait_readable();  // an early answer
        }
        if (result.status != IoStatus::ok) {
            return on_write_failed();
        }
        const std::size_t of_head = std::min(result.bytes, head.size());
        head_sent_ += of_head;
        body_sent_ += result.bytes - of_head;
    }
    is_written_ = true;
    head_sent_ = body_sent_ = 0;
    if (is_reused_) {
        deadline_.set(std::min(request_.deadline, Steady::now() + limits::kStaleConnectionWindow));
    } else {
        forget_request();
    }
    connection_->wait_readable();
}

void ClientExchange::forget_request() {
    discard(output_);
    discard(request_.body);
}

// The peer had closed the pooled connection before it saw the request: its end comes at once and instead of any answer.
bool ClientExchange::was_stale() const noexcept {
    return is_reused_ && is_written_ && !output_.empty();
}

void ClientExchange::start_over() {
    drop_connection();
    parser_.reset();
    is_reused_ = is_written_ = is_write_broken_ = false;
    find_name();
}

void ClientExchange::on_write_failed() {
    if (is_reused_ && head_sent_ == 0) {
        drop_connection();
        parser_.reset();
        return again();
    }
    // The peer may have answered before it closed.
    is_write_broken_ = true;
    connection_->wait_readable();
}

void ClientExchange::on_readable() {
    const auto self = shared_from_this();
    switch (state_) {
        case State::asking_proxy: return read_proxy_answer();
        case State::securing: return shake_hands();
        case State::exchanging: return read();
        default: return;
    }
}

void ClientExchange::on_writable() {
    const auto self = shared_from_this();
    switch (state_) {
        case State::connecting: return on_connected();
        case State::securing: return shake_hands();
        case State::exchanging:
            if (is_written_) {
                return read();
            }
            return is_write_broken_ ? void() : write();
        default: return;
    }
}

void ClientExchange::read() {
    for (int i = 0; i < kReadsPerTurn; ++i) {
        if (is_paused_) {
            return;
        }
        const IoResult result = connection_->read_some(worker_->read_buffer(), limits::kSocketReadBytes);
        if (result.status == IoStatus::wants_read) {
            return wait_for_more();
        }
        if (result.status == IoStatus::wants_write) {
            return connection_->wait_writable();
        }
        if (result.status != IoStatus::ok) {
            return on_read_end(result.status);
        }
        if (!on_bytes(std::string_view(worker_->read_buffer(), result.bytes))) {
            return;
        }
        // A short read has emptied the socket; TLS may still hold a record.
        if (!connection_->transport().is_tls() && result.bytes < limits::kSocketReadBytes) {
            return is_paused_ ? void() : wait_for_more();
        }
    }
    if (!is_paused_) {
        resume();
    }
}

void ClientExchange::wait_for_more() {
    if (is_answering_) {
        connection_->wait_bytes();
    } else {
        connection_->wait_readable();  // most open exchanges wait for their answer to begin, by the thousand: no buffer
    }
}

// False: the exchange is over.
bool ClientExchange::on_bytes(std::string_view bytes) {
    if (was_stale()) {
        forget_request();
        deadline_.set(request_.deadline);
    }
    const auto result = parser_->feed(bytes);
    if (state_ == State::done) {
        return false;
    }
    if (!result) {
        fail_with(result.error().code, result.error().detail);
        return false;
    }
    if (parser_->is_done()) {
        complete();
        return false;
    }
    return true;
}

void ClientExchange::on_read_end(IoStatus status) {
    if (was_stale()) {
        return start_over();
    }
    if (status == IoStatus::failed) {
        return fail_with(Errc::provider_reset, "the connection to " + url_.host + " was reset");
    }
    if (const auto result = parser_->feed_end(); !result) {
        return fail_with(result.error().code, result.error().detail);
    }
    if (state_ != State::done) {
        complete();
    }
}

void ClientExchange::complete() {
    if (is_written_ && parser_->allows_reuse()) {
        worker_->give_back(std::exchange(connection_, nullptr));
    }
    finish(nullptr);
}

bool ClientExchange::on_response_head(int status, const std::vector<HttpHeader>& headers) {
    is_answering_ = true;
    observer_->on_head(status, headers);
    return state_ != State::done;
}

bool ClientExchange::on_response_body(std::string_view bytes) {
    if (observer_->on_body(bytes) == HttpObserver::Flow::pause) {
        is_paused_ = true;
    }
    return state_ != State::done;
}

void ClientExchange::resume() {
    is_paused_ = false;
    if (is_resume_posted_ || state_ != State::exchanging) {
        return;
    }
    is_resume_posted_ = true;
    // Never from inside: the caller may be in the middle of another exchange's bytes in the shared buffer.
    asio::post(worker_->context(), [self = shared_from_this()] {
        self->is_resume_posted_ = false;
        if (self->state_ == State::exchanging) {
            self->read();
        }
    });
}

void ClientExchange::cancel() {
    if (state_ == State::done) {
        return;
    }
    state_ = State::done;
    drop_connection();
    deadline_.clear();
    asio::post(worker_->context(), [self = shared_from_this()] {
        const Error error = fail(Errc::cancelled, "the exchange was cancelled");
        self->finish(&error);
    });
}

void ClientExchange::abandon() {
    observer_ = nullptr;
    state_ = State::done;
    drop_connection();
    give_up_place();
    deadline_.clear();
}

void ClientExchange::fail_with(Errc code, std::string detail) {
    drop_connection();
    const Error error = fail(code, std::move(detail));
    finish(&error);
}

void ClientExchange::finish(const Error* error) {
    state_ = State::done;
    drop_connection();
    give_up_place();
    deadline_.clear();
    if (HttpObserver* observer = std::exchange(observer_, nullptr)) {
        observer->on_done(error);
    }
}

void ClientExchange::drop_connection() noexcept {
    if (const auto connection = std::exchange(connection_, nullptr)) {
        connection->close();
    }
}

void ClientExchange::on_deadline() {
    const auto self = shared_from_this();
    if (request_.deadline <= Steady::now()) {
        return fail_with(Errc::provider_timeout, url_.host + " did not answer in time");
    }
    if (was_stale()) {
        forget_request();
        return deadline_.set(request_.deadline);
    }
    fail_with(Errc::provider_unreachable, "connecting to " + url_.host_and_port() + " took too long");
}

}  // namespace eco2::net
