#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace eco2::wire {

/// Lifetime: borrowed for the callback.
struct SseEvent {
    std::string_view name;  // empty means "message"
    std::string_view data;  // lines joined with '\n', no trailing newline
};

/// Turns the bytes of one text/event-stream body into events. Does no I/O and keeps no clock.
///
/// Input may be cut at any byte, also inside a UTF-8 sequence, the byte-order mark, or between CR and LF. An event that the
/// stream's end cuts off is dropped, as the standard says.
///
/// Thread-safety: none; one reader belongs to one stream.
/// Limits:        a line or an event's data longer than `event_bytes_max` closes the reader.
/// Source:        WHATWG HTML, "Interpreting an event stream"; `retry` is skipped.
class SseReader {
public:
    enum class State {
        open,
        stopped,  ///< the callback said so
        too_long  ///< over the limit
    };

    explicit SseReader(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

    /// Calls `on_event(const SseEvent&) -> bool` for every event that `chunk` completes; false closes the reader.
    /// A closed reader ignores its input.
    /// Cost: linear; an event of one line that lies whole in the chunk is handed out without copying.
    template <class OnEvent>
    State feed(std::string_view chunk, OnEvent&& on_event) {
        skip_byte_order_mark(chunk);
        while (state_ == State::open && !chunk.empty()) {
            if (skips_line_feed_) {
                skips_line_feed_ = false;
                if (chunk.front() == '\n') {
                    chunk.remove_prefix(1);
                    continue;
                }
            }
            const std::size_t end = find_line_end(chunk);
            if (end == std::string_view::npos) {
                keep_partial(chunk);
                break;
            }
            skips_line_feed_ = chunk[end] == '\r';
            take_line(chunk.substr(0, end), on_event);
            chunk.remove_prefix(end + 1);
        }
        keep_views();
        return state_;
    }

    State state() const noexcept { return state_; }
    /// The last `id` field, for resuming.
    std::string_view last_event_id() const noexcept { return last_event_id_; }

private:
    static std::size_t find_line_end(std::string_view chunk) noexcept {
        const void* const feed = std::memchr(chunk.data(), '\n', chunk.size());
        const std::size_t until = feed == nullptr ? chunk.size() : offset(chunk, feed);
        const void* const carriage = until == 0 ? nullptr : std::memchr(chunk.data(), '\r', until);
        if (carriage != nullptr) {
            return offset(chunk, carriage);
        }
        return feed == nullptr ? std::string_view::npos : until;
    }
    static std::size_t offset(std::string_view chunk, const void* at) noexcept {
        return static_cast<std::size_t>(static_cast<const char*>(at) - chunk.data());
    }

    void skip_byte_order_mark(std::string_view& chunk) {
        static constexpr std::string_view kMark = "\xEF\xBB\xBF";
        while (mark_bytes_seen_ < kMark.size() && !chunk.empty()) {
            if (chunk.front() != kMark[mark_bytes_seen_]) {
                partial_.append(kMark.substr(0, mark_bytes_seen_));
                mark_bytes_seen_ = kMark.size();
                return;
            }
            ++mark_bytes_seen_;
            chunk.remove_prefix(1);
        }
    }

    void keep_partial(std::string_view rest) {
        if (partial_.size() + rest.size() > event_bytes_max_) {
            state_ = State::too_long;
            return;
        }
        partial_.append(rest);
    }

    template <class OnEvent>
    void take_line(std::string_view end_of_line, OnEvent& on_event) {
        if (partial_.empty()) {
            take_whole_line(end_of_line, on_event);
            return;
        }
        keep_partial(end_of_line);
        if (state_ == State::open) {
            take_whole_line(partial_, on_event);
            keep_views();  // they may point into partial_
            partial_.clear();
        }
    }

    template <class OnEvent>
    void take_whole_line(std::string_view line, OnEvent& on_event) {
        if (line.empty()) {
            dispatch(on_event);
            return;
        }
        if (line.size() > event_bytes_max_) {
            state_ = State::too_long;
            return;
        }
        const std::size_t colon = line.find(':');
        if (colon == 0) {
            return;
        }
        const std::string_view field = line.substr(0, colon);
        std::string_view value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
        if (!value.empty() && value.front() == ' ') {
            value.remove_prefix(1);
        }
        if (field == "data") {
            add_data(value);
        } else if (field == "event") {
            name_view_ = value;
            name_is_view_ = true;
        } else if (field == "id" && value.find('\0') == std::string_view::npos) {
            last_event_id_.assign(value);
        }
    }

    void add_data(std::string_view value) {
        if (!has_data_) {
            has_data_ = true;
            data_view_ = value;
            data_is_view_ = true;
            return;
        }
        keep_views();
        if (data_.size() + 1 + value.size() > event_bytes_max_) {
            state_ = State::too_long;
            return;
        }
        data_ += '\n';
        data_ += value;
    }

    /// Views into a chunk or a partial line do not outlive it.
    void keep_views() {
        if (data_is_view_) {
            data_.assign(data_view_);
            data_is_view_ = false;
        }
        if (name_is_view_) {
            name_.assign(name_view_);
            name_is_view_ = false;
        }
    }

    template <class OnEvent>
    void dispatch(OnEvent& on_event) {
        const SseEvent event{name_is_view_ ? name_view_ : std::string_view(name_),
                             data_is_view_ ? data_view_ : std::string_view(data_)};
        const bool is_event = has_data_;
        if (is_event && !on_event(event)) {
            state_ = State::stopped;
        }
        has_data_ = data_is_view_ = name_is_view_ = false;
        data_.clear();
        name_.clear();
    }

    std::size_t event_bytes_max_;
    State state_ = State::open;
    std::size_t mark_bytes_seen_ = 0;
    bool skips_line_feed_ = false;
    bool has_data_ = false;
    bool data_is_view_ = false;
    bool name_is_view_ = false;
    std::string_view data_view_;
    std::string_view name_view_;
    std::string data_;
    std::string name_;
    std::string partial_;
    std::string last_event_id_;
};

}  // namespace eco2::wire
