#include "batch/wire/exchange.hpp"

#include "batch/limits.hpp"

#include <limits>
#include <utility>

namespace eco2::batch {

Exchange::Exchange(
    Connection& connection, Outgoing& outgoing, DownloadFile* file, Patience& patience, std::size_t body_bytes_max)
    : connection_(connection),
      outgoing_(outgoing),
      file_(file),
      patience_(patience),
      body_bytes_max_(body_bytes_max),
      parser_(static_cast<net::ResponseSink&>(*this), std::numeric_limits<std::size_t>::max(), false),
      buffer_(limits::kBatchReadBytes, '\0') {}

void Exchange::run(WireResult& result) {
    result_ = &result;
    result.end = WireResult::End::broken;
    auto end = move_bytes();
    if (!end) {
        end = close_up();
    }
    if (!end) {
        result.end = WireResult::End::answered;
        return;
    }
    result.detail = std::move(end->detail);
    result.was_stopped = end->was_stopped;
    result.is_disk_full = file_ != nullptr && file_->is_disk_fault();
}

// None: the response is whole.
std::optional<WireBreak> Exchange::move_bytes() {
    while (!parser_.is_done()) {
        bool has_moved = false;
        // Reading comes first: what has been said is heard before a send fails.
        if (auto end = receive_some(has_moved); end || parser_.is_done()) {
            return end;
        }
        if (is_sending_) {
            if (auto end = send_some(has_moved)) {
                return end;
            }
        }
        if (has_moved) {
            patience_.note_moved();
        }
        if (auto end = has_moved ? patience_.check() : connection_.wait(is_sending_, patience_)) {
            return not_whole(end->detail, end->was_stopped);
        }
    }
    return std::nullopt;
}

std::optional<WireBreak> Exchange::send_some(bool& has_moved) {
    auto bytes = outgoing_.next();
    if (!bytes) {
        return WireBreak{bytes.error().detail};
    }
    const Connection::Moved sent = connection_.send(*bytes);
    if (sent.io == Connection::Io::waits) {
        return std::nullopt;
    }
    has_moved = true;
    if (sent.io != Connection::Io::moved) {
        // The peer may have answered before it closed.
        stop_sending(connection_.detail());
        return std::nullopt;
    }
    outgoing_.note_sent(sent.bytes);
    if (file_ == nullptr) {
        patience_.set_file_bytes(outgoing_.file_bytes_sent());
    }
    // Known at once, so that an answer that comes now is not taken for an early one.
    bytes = outgoing_.next();
    if (!bytes) {
        return WireBreak{bytes.error().detail};
    }
    is_sending_ = !bytes->empty();
    return std::nullopt;
}

void Exchange::stop_sending(std::string why) {
    is_sending_ = false;
    send_fault_ = std::move(why);
}

std::optional<WireBreak> Exchange::receive_some(bool& has_moved) {
    const Connection::Moved got = connection_.receive(buffer_.data(), buffer_.size());
    switch (got.io) {
        case Connection::Io::waits: return std::nullopt;
        case Connection::Io::failed: return not_whole(connection_.detail());
        case Connection::Io::ended:
            if (const auto whole = parser_.feed_end(); !whole) {
                return not_whole(whole.error().detail);
            }
            return std::nullopt;
        case Connection::Io::moved: break;
    }
    has_moved = true;
    const auto fed = parser_.feed(std::string_view(buffer_.data(), got.bytes));
    if (!sink_fault_.empty()) {
        return WireBreak{sink_fault_};
    }
    if (!fed) {
        return not_whole(fed.error().detail);
    }
    return std::nullopt;
}

WireBreak Exchange::not_whole(std::string why, bool was_stopped) const {
    if (!was_stopped && !send_fault_.empty()) {
        why += " (sending had failed: " + send_fault_ + ")";
    }
    return {std::move(why), was_stopped};
}

bool Exchange::on_response_head(int status, const std::vector<HttpHeader>& headers) {
    result_->status = status;
    for (const HttpHeader& each : headers) {
        result_->headers.emplace_back(each.name, each.value);
    }
    // A refusal of what is still being sent; a success is waited for with all of it sent.
    if (is_sending_ && status >= 300) {
        stop_sending("the provider had answered");
    }
    if (file_ != nullptr) {
        use_ = file_->begin(status, result_->headers);
        patience_.set_file_bytes(file_->size());
    }
    if (use_ == DownloadFile::Use::cannot_take) {
        sink_fault_ = file_->detail();
    }
    return sink_fault_.empty();
}

bool Exchange::on_response_body(std::string_view bytes) {
    switch (use_) {
        case DownloadFile::Use::takes_body:
            if (!file_->write(bytes)) {
                sink_fault_ = file_->detail();
            }
            patience_.set_file_bytes(file_->size());
            break;
        case DownloadFile::Use::is_whole: break;  // what a 416 has to say
        default:
            if (bytes.size() > body_bytes_max_ - result_->body.size()) {
                sink_fault_ = "the provider's answer is longer than " + std::to_string(body_bytes_max_) + " bytes";
            } else {
                result_->body.append(bytes);
            }
    }
    return sink_fault_.empty();
}

// None: what came may be believed.
std::optional<WireBreak> Exchange::close_up() {
    if ((is_sending_ || !send_fault_.empty()) && result_->status < 300) {
        return not_whole("the provider answered with success before all of the request was sent");
    }
    if (use_ == DownloadFile::Use::takes_body || use_ == DownloadFile::Use::is_whole) {
        if (!file_->finish()) {
            return WireBreak{file_->detail()};
        }
    }
    if (use_ == DownloadFile::Use::is_whole) {
        result_->status = 200;
    }
    return std::nullopt;
}

}  // namespace eco2::batch
