#include "net/upstream_connection.hpp"

#include "net/client_worker.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace eco2::net {
namespace {

constexpr std::size_t kBufferBytes = 512;  // an event of a stream

}  // namespace

UpstreamConnection::UpstreamConnection(std::shared_ptr<ClientWorker> worker, std::string pool_key)
    : worker_(std::move(worker)), pool_key_(std::move(pool_key)), transport_(worker_->context()) {}

UpstreamConnection::~UpstreamConnection() {
    close();
}

bool UpstreamConnection::start_tls(ssl_ctx_st& context, const std::string& host) {
    return transport_.set_tls(make_client_ssl(context, host, *this, worker_->session_for(pool_key_)));
}

void UpstreamConnection::wait_readable() {
    if (is_waiting_to_read_ || !transport_.is_open()) {
        return;
    }
    is_waiting_to_read_ = true;
    transport_.wait_readable([self = shared_from_this()](const boost::system::error_code&) { self->wake_reader(); });
}

void UpstreamConnection::wait_bytes() {
    if (is_waiting_to_read_ || !transport_.is_open()) {
        return;
    }
    if (transport_.is_tls() || end_ != IoStatus::ok) {
        return wait_readable();
    }
    if (buffer_ == nullptr) {
        buffer_ = std::make_unique<char[]>(kBufferBytes);
    }
    is_waiting_to_read_ = true;
    is_fetching_ = true;
    transport_.read_into(
        buffer_.get(), kBufferBytes, [self = shared_from_this()](const boost::system::error_code& ec, std::size_t bytes) {
            self->is_fetching_ = false;
            self->held_from_ = 0;
            self->held_to_ = bytes;
            if (ec) {
                self->end_ = ec == boost::asio::error::eof ? IoStatus::ended : IoStatus::failed;
            }
            self->wake_reader();
        });
}

void UpstreamConnection::wake_reader() {
    is_waiting_to_read_ = false;
    if (!transport_.is_open()) {
        return;
    }
    if (user_ != nullptr) {
        user_->on_readable();
    } else {
        worker_->on_idle_readable(shared_from_this());
    }
}

IoResult UpstreamConnection::read_some(char* data, std::size_t size) noexcept {
    if (is_fetching_) {
        return {IoStatus::wants_read};
    }
    const std::size_t held = std::min(held_to_ - held_from_, size);
    if (held > 0) {
        std::memcpy(data, buffer_.get() + held_from_, held);
        held_from_ += held;
        if (held_to_ < kBufferBytes || held == size) {
            return {IoStatus::ok, held};
        }
        const auto rest = transport_.read_some(data + held, size - held);
        if (rest.status != IoStatus::ok && rest.status != IoStatus::wants_read) {
            end_ = rest.status;
        }
        return {IoStatus::ok, held + rest.bytes};
    }
    return end_ == IoStatus::ok ? transport_.read_some(data, size) : IoResult{end_};
}

void UpstreamConnection::drop_buffer() noexcept {
    if (!is_fetching_ && held_from_ == held_to_) {
        buffer_.reset();
        held_from_ = held_to_ = 0;
    }
}

void UpstreamConnection::wait_writable() {
    if (is_waiting_to_write_ || !transport_.is_open()) {
        return;
    }
    is_waiting_to_write_ = true;
    transport_.wait_writable([self = shared_from_this()](const boost::system::error_code&) {
        self->is_waiting_to_write_ = false;
        if (self->transport_.is_open() && self->user_ != nullptr) {
            self->user_->on_writable();
        }
    });
}

void UpstreamConnection::close() noexcept {
    user_ = nullptr;
    transport_.close();
}

bool UpstreamConnection::is_quiet() noexcept {
    char byte = 0;
    const bool has_news = is_fetching_ || end_ != IoStatus::ok || held_from_ != held_to_;
    return transport_.is_open() && !has_news && transport_.read_some(&byte, 1).status == IoStatus::wants_read;
}

void UpstreamConnection::on_tls_session(SslSessionPtr session) {
    worker_->keep_session(pool_key_, std::move(session));
}

}  // namespace eco2::net
