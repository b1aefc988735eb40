#include "app/front_client.hpp"

#include "base/ids.hpp"
#include "base/limits.hpp"

#include <algorithm>
#include <utility>

namespace eco2::app {

/// The body of a stream: what the seat has. The client lives as long as it.
class FrontClient::Source final : public net::BodySource {
public:
    explicit Source(std::shared_ptr<FrontClient> client) : client_(std::move(client)) {}
    ~Source() override { client_->leave(); }

    void set_waker(net::Waker* waker) override { client_->waker_ = waker; }
    Pull pull(std::string& out) override {
        if (client_->seat_ == nullptr) {
            return Pull::ended;
        }
        const bool is_over = client_->seat_->read(out);
        client_->answer_->on_read();
        return is_over ? Pull::ended : Pull::more_later;
    }
    void on_quiet(std::string& out) override { out += ": waiting\n\n"; }
    void on_client_gone() noexcept override { client_->leave(); }

private:
    const std::shared_ptr<FrontClient> client_;
};

std::string request_id_of(const net::ServerRequest& request) {
    const auto id = request.header("x-request-id");
    const bool is_sane = !id.empty() && id.size() <= limits::kRequestIdBytesMax &&
                         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c <= '~'; });
    return is_sane ? std::string(id) : new_uuid();
}

void FrontClient::watch() {
    self_ = shared_from_this();
    exchange_->on_client_gone([weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->leave();
        }
    });
}

void FrontClient::refuse(const ChatError& error) {
    respond(chat_error_response(error));
}

void FrontClient::respond(net::ServerResponse response) {
    const auto self = shared_from_this();
    const auto exchange = std::exchange(exchange_, nullptr);
    leave();
    if (exchange != nullptr) {
        response.headers.emplace_back("x-request-id", request_id_);
        exchange->respond(std::move(response));
    }
}

bool FrontClient::join(std::shared_ptr<FrontAnswer> answer) {
    seat_ = answer->feed().join(*this);
    answer_ = seat_ == nullptr ? nullptr : std::move(answer);
    return seat_ != nullptr;
}

void FrontClient::on_news() {
    if (waker_ != nullptr) {
        return waker_->wake();
    }
    if (exchange_ == nullptr || seat_ == nullptr) {
        return;
    }
    if (auto whole = seat_->reply()) {
        return respond(std::move(*whole));
    }
    if (auto head = seat_->head()) {
        const auto self = shared_from_this();
        const auto exchange = std::exchange(exchange_, nullptr);
        self_.reset();  // the source holds it from here on
        head->headers.emplace_back("x-request-id", request_id_);
        exchange->stream(std::move(*head), std::make_unique<Source>(self), limits::kStreamKeepAliveInterval);
    }
}

void FrontClient::leave() {
    const auto self = std::move(self_);
    exchange_.reset();
    waker_ = nullptr;
    seat_.reset();
    answer_.reset();
}

}  // namespace eco2::app
