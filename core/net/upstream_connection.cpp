#include "net/upstream_connection.hpp"

#include "net/client_worker.hpp"

#include <utility>

namespace eco2::net {

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
    transport_.wait_readable([self = shared_from_this()](const boost::system::error_code&) {
        self->is_waiting_to_read_ = false;
        if (!self->transport_.is_open()) {
            return;
        }
        if (self->user_ != nullptr) {
            self->user_->on_readable();
        } else {
            self->worker_->on_idle_readable(self);
        }
    });
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
    return transport_.is_open() && transport_.read_some(&byte, 1).status == IoStatus::wants_read;
}

void UpstreamConnection::on_tls_session(SslSessionPtr session) {
    worker_->keep_session(pool_key_, std::move(session));
}

}  // namespace eco2::net
