#pragma once

#include "eco2/plugin/headers.hpp"
#include "eco2/plugin/result.hpp"
#include "eco2/plugin/upstream_errors.hpp"
#include "eco2/wire/sse_reader.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace eco2::plugin {
inline namespace draft_2 {

/// The bytes of an answer, which comes whole or as server-sent events. What the response says of itself counts, not what was
/// asked for: some servers ignore "stream".
///
/// Thread-safety: none; one reader belongs to one response.
/// Limits:        kEventBytesMax of one event; the host bounds a whole answer.
class AnswerReader {
public:
    static constexpr std::size_t kEventBytesMax = 8 * 1024 * 1024;  // a whole answer in one event, with room

    explicit AnswerReader(bool is_streamed) : is_streamed_(is_streamed), events_(kEventBytesMax) {}

    void on_head(const Headers& headers) {
        const std::string_view type = headers.find("content-type");
        if (type.starts_with("text/event-stream")) {
            is_streamed_ = true;
        } else if (type.starts_with("application/json")) {
            is_streamed_ = false;
        }
    }

    /// Calls `take(std::string_view data) -> Result<void>` for each event that `bytes` completes, until one fails; keeps the
    /// bytes of an answer that comes whole.
    template <class Take>
    Result<void> feed(std::string_view bytes, Take&& take) {
        if (!is_streamed_) {
            body_.append(bytes);
            return {};
        }
        Result<void> taken;
        const auto state = events_.feed(bytes, [&](const wire::SseEvent& event) {
            taken = take(event.data);
            return taken.has_value();
        });
        if (state == wire::SseReader::State::too_long) {
            return provider_fault("malformed", "an event of the stream is longer than 8 MiB");
        }
        return taken;
    }

    bool is_streamed() const noexcept { return is_streamed_; }
    /// What has come of an answer that comes whole. Lifetime: until the next feed.
    std::string_view whole() const noexcept { return without_byte_order_mark(body_); }

private:
    bool is_streamed_;
    wire::SseReader events_;
    std::string body_;
};

}  // namespace draft_2
}  // namespace eco2::plugin
