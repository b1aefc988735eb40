#include "app/run_stream.hpp"

#include "protocol/sse_writer.hpp"

#include <utility>

namespace eco2::app {

net::ServerResponse event_stream_head() {
    net::ServerResponse head;
    head.headers = {{"content-type", "text/event-stream"}, {"cache-control", "no-cache"}, {"x-accel-buffering", "no"}};
    return head;
}

RunStream::RunStream(std::shared_ptr<RunFeed> feed, std::size_t from) : feed_(std::move(feed)), next_(from) {
    subscription_ = feed_->subscribe([this] {
        if (waker_ != nullptr) {
            waker_->wake();
        }
    });
}

net::BodySource::Pull RunStream::pull(std::string& out) {
    // Asked before reading: an end that comes in between is found by the next pull.
    const bool is_over = feed_->is_over();
    next_ = feed_->read(next_, out);
    return is_over ? Pull::ended : Pull::more_later;
}

void RunStream::on_quiet(std::string& out) {
    append_sse_comment(out, "keepalive");
}

}  // namespace eco2::app
