#include "net/server_session.hpp"

#include "base/discard.hpp"
#include "base/limits.hpp"
#include "net/response_head.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace eco2::net {
namespace asio = boost::asio;
namespace {

// Reads in one go, so that one fast sender does not starve the thread.
constexpr int kReadsPerTurn = 16;

/// What the handler holds. Knows of nothing but the session, which outlives it.
class Exchange final : public ServerExchange {
public:
    Exchange(std::shared_ptr<ServerSession> session, asio::io_context& context, ServerRequest request)
        : session_(std::move(session)), context_(context), request_(std::move(request)) {}

    ~Exchange() override {
        if (!has_reply_) {
            // Wherever it was dropped: the session belongs to its thread.
            asio::post(context_, [session = std::move(session_)] { session->on_exchange_dropped(); });
        }
    }

    ServerRequest& request() noexcept override { return request_; }

    void respond(ServerResponse response) override {
        has_reply_ = true;
        session_->respond(std::move(response));
    }

    void stream(ServerResponse head, std::unique_ptr<BodySource> source, std::chrono::milliseconds interval) override {
        has_reply_ = true;
        session_->stream(std::move(head), std::move(source), interval);
    }

    void stream_raw(std::unique_ptr<BodySource> source, bool resets) override {
        has_reply_ = true;
        session_->stream_raw(std::move(source), resets);
    }

    void on_client_gone(std::function<void()> callback) override { session_->on_client_gone(std::move(callback)); }

private:
    std::shared_ptr<ServerSession> session_;
    asio::io_context& context_;
    ServerRequest request_;
    bool has_reply_ = false;
};

}  // namespace

ServerSession::ServerSession(std::shared_ptr<ServerWorker> worker, Transport transport, std::string peer)
    : worker_(std::move(worker)),
      transport_(std::move(transport)),
      deadline_(worker_->deadlines(), *this),
      peer_(std::move(peer)) {}

ServerSession::~ServerSession() = default;

void ServerSession::start() {
    set_deadline(worker_->options().head_timeout);
    if (transport_.is_tls()) {
        state_ = State::handshaking;
        handshake();
    } else {
        wait_readable();
    }
}

void ServerSession::drain() {
    keeps_alive_ = false;
    const bool is_idle = state_ == State::handshaking || (state_ == State::reading && !parser_ && input_.empty());
    if (is_idle) {
        close();
    }
}

void ServerSession::close() noexcept {
    if (state_ == State::closed) {
        return;
    }
    const auto self = shared_from_this();
    const bool was_handling = state_ == State::handling;
    state_ = State::closed;
    transport_.close();
    deadline_.clear();
    parser_.reset();
    worker_->remove(*this);
    const auto callback = std::exchange(gone_callback_, nullptr);
    if (const auto source = std::move(source_)) {
        source->on_client_gone();
    }
    if (was_handling && callback) {
        callback();
    }
}

void ServerSession::handshake() {
    const IoResult result = transport_.handshake();
    switch (result.status) {
        case IoStatus::ok: state_ = State::reading; return on_readable();
        case IoStatus::wants_read: return wait_readable();
        case IoStatus::wants_write: return wait_writable();
        default: return close();
    }
}

void ServerSession::wait_readable() {
    if (is_waiting_to_read_ || state_ == State::closed || has_peer_ended_) {
        return;
    }
    is_waiting_to_read_ = true;
    transport_.wait_readable([self = shared_from_this()](const boost::system::error_code&) {
        self->is_waiting_to_read_ = false;
        if (self->state_ == State::handshaking) {
            self->handshake();
        } else if (self->state_ != State::closed) {
            self->on_readable();
        }
    });
}

void ServerSession::on_readable() {
    for (int i = 0; i < kReadsPerTurn; ++i) {
        const bool is_busy = state_ != State::reading && state_ != State::lingering;
        if (is_busy && input_.size() >= limits::kPipelinedBytesMax) {
            return;  // read on when the reply is out
        }
        const IoResult result = transport_.read_some(worker_->read_buffer(), limits::kSocketReadBytes);
        if (result.status == IoStatus::wants_write) {
            return wait_writable();
        }
        if (result.status == IoStatus::wants_read) {
            return wait_readable();
        }
        if (result.status != IoStatus::ok) {
            return on_read_end(result.status);
        }
        on_read(std::string_view(worker_->read_buffer(), result.bytes));
        if (state_ == State::closed) {
            return;
        }
        // A short read has emptied the socket; TLS may still hold a record.
        if (!transport_.is_tls() && result.bytes < limits::kSocketReadBytes) {
            return wait_readable();
        }
    }
    asio::post(worker_->context(), [self = shared_from_this()] {
        if (self->state_ != State::closed && !self->is_waiting_to_read_) {
            self->on_readable();
        }
    });
}

void ServerSession::on_read(std::string_view bytes) {
    switch (state_) {
        case State::reading: return read_request(bytes);
        case State::lingering:
            lingered_bytes_ += bytes.size();
            if (lingered_bytes_ > limits::kLingerBytesMax) {
                close();
            }
            return;
        default: input_.append(bytes); return;
    }
}

void ServerSession::on_read_end(IoStatus status) {
    // A reply that is complete still goes out to a client that has only closed its side.
    if (state_ == State::replying && status == IoStatus::ended) {
        has_peer_ended_ = true;
        keeps_alive_ = false;
        return;
    }
    close();
}

void ServerSession::read_request(std::string_view bytes) {
    std::string joined;
    if (!input_.empty()) {
        joined = std::exchange(input_, {});
        joined.append(bytes);
        bytes = joined;
    }
    is_parsing_ = true;
    while (state_ == State::reading && !bytes.empty()) {
        const std::size_t used = feed_parser(bytes);
        if (used == 0) {
            break;
        }
        bytes.remove_prefix(used);
    }
    is_parsing_ = false;
    if (state_ != State::closed && state_ != State::lingering && !bytes.empty()) {
        input_.assign(bytes);
    }
}

std::size_t ServerSession::feed_parser(std::string_view bytes) {
    if (!parser_) {
        parser_ = std::make_unique<RequestParser>(worker_->options().head_bytes_max, worker_->options().body_bytes_max);
        set_deadline(worker_->options().head_timeout);
    }
    const bool had_head = parser_->is_head_done();
    const auto used = parser_->feed(bytes);
    if (!used) {
        refuse(used.error());
        return 0;
    }
    if (parser_->is_done()) {
        dispatch();
    } else if (parser_->is_head_done() && !had_head) {
        on_head_done(bytes.size() - *used);
    }
    return *used;
}

void ServerSession::on_head_done(std::size_t unread) {
    set_deadline(worker_->options().body_timeout);
    if (parser_->expects_continue() && unread == 0) {
        send("HTTP/1.1 100 Continue\r\n\r\n");
    }
}

void ServerSession::dispatch() {
    keeps_alive_ = keeps_alive_ && parser_->wants_keep_alive() && !parser_->is_http_1_0() && !worker_->shared().is_draining;
    is_http_1_0_ = parser_->is_http_1_0();
    ServerRequest request = std::move(parser_->request());
    parser_.reset();
    is_head_request_ = request.method == "HEAD";
    request.peer = peer_;
    state_ = State::handling;
    deadline_.clear();
    worker_->shared().handler(std::make_shared<Exchange>(shared_from_this(), worker_->context(), std::move(request)));
}

void ServerSession::refuse(const Error& error) {
    parser_.reset();
    keeps_alive_ = false;
    is_head_request_ = false;
    state_ = State::handling;
    const auto& make = worker_->options().refuse;
    respond(make ? make(error) : ServerResponse{error.http_status(), {{"content-type", "text/plain"}}, error.text() + "\n"});
}

void ServerSession::respond(ServerResponse response) {
    if (state_ != State::handling) {
        return;
    }
    const auto callback = std::exchange(gone_callback_, nullptr);
    state_ = State::replying;
    keeps_alive_ = keeps_alive_ && !worker_->shared().is_draining;
    ResponseFraming framing{.content_length = std::nullopt, .is_chunked = false, .keeps_alive = keeps_alive_};
    const bool has_body = may_have_body(response.status);
    if (has_body) {
        framing.content_length = response.body.size();
    }
    std::string out = worker_->take_scratch();
    append_response_head(out, response, framing);
    if (has_body && !is_head_request_) {
        out += response.body;
    }
    send(out);
    worker_->give_scratch(std::move(out));
}

void ServerSession::stream(ServerResponse head, std::unique_ptr<BodySource> source, std::chrono::milliseconds interval) {
    if (state_ != State::handling) {
        source->on_client_gone();
        return;
    }
    const auto callback = std::exchange(gone_callback_, nullptr);
    keeps_alive_ = keeps_alive_ && !worker_->shared().is_draining;
    ResponseFraming framing{.content_length = std::nullopt, .is_chunked = false, .keeps_alive = keeps_alive_};
    source_bytes_left_ = head.streamed_bytes;
    if (source_bytes_left_ >= 0) {
        framing.content_length = static_cast<std::size_t>(source_bytes_left_);
    } else {
        framing.is_chunked = !is_http_1_0_;
    }
    is_chunked_ = framing.is_chunked;
    // The head waits for the first pull, to leave in one packet with it.
    append_response_head(output_, head, framing);
    if (is_head_request_ || !may_have_body(head.status)) {
        state_ = State::replying;
        return send({});
    }
    quiet_interval_ = interval;
    start_source(std::move(source));
}

void ServerSession::stream_raw(std::unique_ptr<BodySource> source, bool resets) {
    if (state_ != State::handling) {
        source->on_client_gone();
        return;
    }
    const auto callback = std::exchange(gone_callback_, nullptr);
    keeps_alive_ = false;
    is_chunked_ = false;
    source_bytes_left_ = -1;
    ends_with_reset_ = resets;
    quiet_interval_ = std::chrono::milliseconds(0);
    start_source(std::move(source));
}

void ServerSession::start_source(std::unique_ptr<BodySource> source) {
    state_ = State::streaming;
    source_ = std::move(source);
    has_ended_ = false;
    source_->set_waker(this);
    wake();
}

void ServerSession::on_client_gone(std::function<void()> callback) {
    if (state_ == State::handling) {
        gone_callback_ = std::move(callback);
    } else if (state_ == State::closed) {
        asio::post(worker_->context(), std::move(callback));
    }
}

void ServerSession::on_exchange_dropped() {
    respond(ServerResponse{500, {{"content-type", "text/plain"}}, "the request was dropped\n"});
}

void ServerSession::wake() noexcept {
    if (is_wake_posted_ || state_ != State::streaming) {
        return;
    }
    is_wake_posted_ = true;
    // Two turns of the loop: what the source goes on to do at once leaves in the same packet. A packet that wakes a sleeping
    // reader costs more than everything else here.
    asio::post(worker_->context(), [self = shared_from_this()]() mutable {
        asio::io_context& context = self->worker_->context();
        asio::post(context, [self = std::move(self)] {
            self->is_wake_posted_ = false;
            self->wants_pull_ = true;
            self->pump();
        });
    });
}

void ServerSession::pump() {
    if (state_ != State::streaming || has_ended_ || !wants_pull_ || output_sent_ > 0 || is_waiting_to_write_) {
        return;
    }
    wants_pull_ = false;
    std::string data = worker_->take_scratch();
    has_ended_ = source_->pull(data) == BodySource::Pull::ended;
    if (source_bytes_left_ >= 0) {
        count_source(data);
    }
    if (state_ == State::streaming) {
        std::string out = std::exchange(output_, {});
        append_chunk(out, data);
        worker_->give_scratch(std::move(data));
        if (has_ended_) {
            source_.reset();
            out += is_chunked_ ? "0\r\n\r\n" : "";
        }
        // A wake without news must not put off the sign of life.
        if (!out.empty() || has_ended_) {
            send(out);
        }
    }
}

/// Holds a source to the length that the head has told.
void ServerSession::count_source(std::string& data) {
    data.resize(std::min(data.size(), static_cast<std::size_t>(source_bytes_left_)));
    source_bytes_left_ -= static_cast<std::int64_t>(data.size());
    keeps_alive_ = keeps_alive_ && (!has_ended_ || source_bytes_left_ == 0);
}

void ServerSession::stay_quiet() {
    std::string data;
    source_->on_quiet(data);
    if (source_bytes_left_ >= 0) {
        count_source(data);
    }
    if (state_ != State::streaming) {
        return;
    }
    std::string out;
    append_chunk(out, data);
    send(out);
}

void ServerSession::append_chunk(std::string& out, std::string_view data) const {
    if (data.empty() || !is_chunked_) {
        out += data;
        return;
    }
    std::array<char, 20> size{};
    const int length = std::snprintf(size.data(), size.size(), "%zx\r\n", data.size());
    out.append(size.data(), static_cast<std::size_t>(length));
    out += data;
    out += "\r\n";
}

void ServerSession::send(std::string_view bytes) {
    if (output_.empty()) {
        while (!bytes.empty()) {
            const IoResult result = transport_.write_some(bytes);
            if (result.status == IoStatus::failed || result.status == IoStatus::ended) {
                return close();
            }
            if (result.status != IoStatus::ok) {
                break;
            }
            bytes.remove_prefix(result.bytes);
        }
        if (bytes.empty()) {
            return on_sent();
        }
    }
    output_.append(bytes);
    flush();
}

void ServerSession::flush() {
    while (output_sent_ < output_.size()) {
        const IoResult result = transport_.write_some(std::string_view(output_).substr(output_sent_));
        if (result.status == IoStatus::ok) {
            output_sent_ += result.bytes;
            continue;
        }
        // wants_read cannot be: a TLS peer may not renegotiate.
        return result.status == IoStatus::wants_write ? wait_writable() : close();
    }
    discard(output_);
    output_sent_ = 0;
    on_sent();
}

void ServerSession::wait_writable() {
    if (is_waiting_to_write_ || state_ == State::closed) {
        return;
    }
    is_waiting_to_write_ = true;
    if (state_ == State::replying || state_ == State::streaming) {
        set_deadline(worker_->options().write_stall_timeout);
    }
    transport_.wait_writable([self = shared_from_this()](const boost::system::error_code&) {
        self->is_waiting_to_write_ = false;
        self->on_writable();
    });
}

void ServerSession::on_writable() {
    if (state_ == State::closed) {
        return;
    }
    if (state_ == State::handshaking) {
        return handshake();
    }
    if (!output_.empty()) {
        return flush();
    }
    on_readable();
}

void ServerSession::on_sent() {
    if (state_ == State::replying) {
        return finish_reply();
    }
    if (state_ != State::streaming) {
        return;
    }
    if (has_ended_) {
        return finish_reply();
    }
    if (quiet_interval_.count() > 0) {
        set_deadline(quiet_interval_);
    } else {
        deadline_.clear();
    }
    pump();
}

void ServerSession::finish_reply() {
    if (ends_with_reset_) {
        transport_.reset();
        return close();
    }
    if (!keeps_alive_) {
        return linger();
    }
    state_ = State::reading;
    set_deadline(worker_->options().idle_timeout);
    if (!input_.empty() && !is_parsing_) {
        // Not from here: a long row of pipelined requests would nest as deep.
        asio::post(worker_->context(), [self = shared_from_this()] {
            if (self->state_ == State::reading) {
                self->read_request({});
                self->wait_readable();
            }
        });
        return;
    }
    if (!is_parsing_) {
        wait_readable();
    }
}

void ServerSession::linger() {
    if (has_peer_ended_) {
        return close();
    }
    state_ = State::lingering;
    discard(input_);
    transport_.shutdown_send();
    set_deadline(limits::kLingerTimeout);
    if (!is_parsing_) {
        wait_readable();
    }
}

void ServerSession::set_deadline(std::chrono::milliseconds time_from_now) {
    deadline_.set(std::chrono::steady_clock::now() + time_from_now);
}

void ServerSession::on_deadline() {
    const auto self = shared_from_this();
    switch (state_) {
        case State::reading:
            if (!parser_) {
                return close();
            }
            return refuse(fail(Errc::request_timeout,
                               parser_->is_head_done() ? "the request's body did not arrive in time"
                                                       : "the request's head did not arrive in time"));
        case State::streaming:
            if (is_waiting_to_write_ || !output_.empty()) {
                return close();
            }
            return stay_quiet();
        default: return close();
    }
}

}  // namespace eco2::net
