#include "app/scan_stream.hpp"

#include "app/scan_frames.hpp"
#include "protocol/sse_writer.hpp"

#include <utility>

namespace eco2::app {
namespace {

class ErrorStream final : public net::BodySource {
public:
    explicit ErrorStream(const Error& error) : frame_(scan_error_frame(error)) {}
    void set_waker(net::Waker*) override {}
    Pull pull(std::string& out) override {
        append_sse_data(out, frame_);
        return Pull::ended;
    }
    void on_quiet(std::string&) override {}
    void on_client_gone() noexcept override {}

private:
    const std::string frame_;
};

}  // namespace

std::unique_ptr<net::BodySource> error_stream(const Error& error) {
    return std::make_unique<ErrorStream>(error);
}

ScanStream::ScanStream(
    runtime::Host& host, std::shared_ptr<RunContext> context, std::string id, RunInput input, std::shared_ptr<void> place)
    : host_(host), place_(std::move(place)), started_(context->clock.now()) {
    host_.metrics().scan_sse_connections_active.add(1);
    run_ = Run::start(std::move(context), std::move(id), std::move(input), [this] {
        if (waker_ != nullptr) {
            waker_->wake();
        }
    });
}

ScanStream::~ScanStream() {
    auto& metrics = host_.metrics();
    metrics.scan_sse_connections_active.add(-1);
    metrics.scan_sse_requests_total.with({status_}).add();
    run_.reset();
}

double ScanStream::seconds_since_start() const {
    return std::chrono::duration<double>(system_clock().now() - started_).count();
}

net::BodySource::Pull ScanStream::pull(std::string& out) {
    while (run_ != nullptr && next_ < run_->log().size()) {
        const auto& event = run_->log()[next_++];
        if (const auto frame = scan_frame(*run_, event); !frame.empty()) {
            append_sse_data(out, frame);
        }
        observe(event);
        if (event.is_terminal()) {
            return Pull::ended;
        }
    }
    return Pull::more_later;
}

void ScanStream::observe(const RunEvent& event) {
    auto& metrics = host_.metrics();
    switch (event.kind) {
        case RunEvent::Kind::stage_started:
            if (!std::exchange(has_first_stage_, true)) {
                metrics.scan_sse_ttfb_seconds.observe(seconds_since_start());
            }
            break;
        case RunEvent::Kind::stage_completed: {
            const auto& name = run_->pipeline().stages()[event.stage].definition.name;
            const auto duration = run_->reports()[event.stage].duration;
            metrics.scan_sse_stage_duration_seconds.with({name}).observe(std::chrono::duration<double>(duration).count());
            break;
        }
        case RunEvent::Kind::done:
            metrics.scan_sse_chain_duration_seconds.observe(seconds_since_start());
            status_ = "success";
            break;
        case RunEvent::Kind::stage_failed: status_ = "failed"; break;
        case RunEvent::Kind::timed_out: status_ = "timeout"; break;
        case RunEvent::Kind::started:
        case RunEvent::Kind::delta: break;
    }
}

void ScanStream::on_quiet(std::string& out) {
    append_sse_comment(out, "keepalive");
}

}  // namespace eco2::app
