#pragma once

#include "app/front_answer.hpp"
#include "app/router.hpp"

#include <memory>
#include <string>

namespace eco2::app {

/// One client's request to the front door, from its first byte to its last: gives it what its answer's feed has.
///
/// Thread-safety: the I/O thread of its connection.
/// Lifetime:      its own, until the reply is out or the client gone.
class FrontClient final : public FrontFeed::Reader, public std::enable_shared_from_this<FrontClient> {
public:
    FrontClient(ExchangePtr exchange, std::string request_id)
        : exchange_(std::move(exchange)), request_id_(std::move(request_id)) {}

    net::ServerRequest& request() noexcept { return exchange_->request(); }
    const std::string& request_id() const noexcept { return request_id_; }
    bool is_gone() const noexcept { return exchange_ == nullptr; }
    /// From now on nothing holds it but what is under way.
    void watch();

    void refuse(const ChatError& error);
    void respond(net::ServerResponse response);
    /// Takes a seat at the answer's feed. False: the answer has been given up.
    bool join(std::shared_ptr<FrontAnswer> answer);

    void on_news() override;

private:
    class Source;

    void leave();

    ExchangePtr exchange_;  // null: replied, or gone
    const std::string request_id_;
    std::shared_ptr<FrontAnswer> answer_;
    std::unique_ptr<FrontFeed::Seat> seat_;
    net::Waker* waker_ = nullptr;
    std::shared_ptr<FrontClient> self_;  // while it waits
};

/// The client's own id where it is sane, else a new one.
std::string request_id_of(const net::ServerRequest& request);

}  // namespace eco2::app
