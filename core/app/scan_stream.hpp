#pragma once

#include "net/server.hpp"
#include "pipeline/run.hpp"
#include "runtime/host.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace eco2::app {

/// The event stream of POST /api/v1/scan/classify/completion: a cursor on its run's log. It owns the run and its place in the
/// host; when the client goes, the run goes and its upstream request with it.
class ScanStream final : public net::BodySource {
public:
    /// `place`: the host's, for the run.
    ScanStream(
        runtime::Host& host, std::shared_ptr<RunContext> context, std::string id, RunInput input, std::shared_ptr<void> place);
    ~ScanStream() override;

    void set_waker(net::Waker* waker) override { waker_ = waker; }
    Pull pull(std::string& out) override;
    void on_quiet(std::string& out) override;
    void on_client_gone() noexcept override { run_.reset(); }

private:
    void observe(const RunEvent& event);
    double seconds_since_start() const;

    runtime::Host& host_;
    const std::shared_ptr<void> place_;
    const Clock::Monotonic started_;
    net::Waker* waker_ = nullptr;
    std::unique_ptr<Run> run_;
    std::size_t next_ = 0;
    bool has_first_stage_ = false;
    const char* status_ = "disconnected";  // what the request counts as when the stream is over
};

/// A stream of one error frame: for requests that the contract refuses on the stream.
std::unique_ptr<net::BodySource> error_stream(const Error& error);

}  // namespace eco2::app
