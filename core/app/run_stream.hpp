#pragma once

#include "net/server.hpp"
#include "runs/run_feed.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace eco2::app {

/// The event stream of a submitted run: a cursor on its feed. The run does not depend on it.
///
/// Thread-safety: the I/O thread of its connection.
class RunStream final : public net::BodySource {
public:
    /// `from`: how many events the client has already.
    RunStream(std::shared_ptr<RunFeed> feed, std::size_t from);

    void set_waker(net::Waker* waker) override { waker_ = waker; }
    Pull pull(std::string& out) override;
    void on_quiet(std::string& out) override;
    void on_client_gone() noexcept override { subscription_.reset(); }

private:
    const std::shared_ptr<RunFeed> feed_;
    std::size_t next_;
    net::Waker* waker_ = nullptr;
    std::unique_ptr<RunFeed::Subscription> subscription_;
};

net::ServerResponse event_stream_head();

}  // namespace eco2::app
