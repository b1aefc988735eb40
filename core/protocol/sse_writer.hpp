#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace eco2 {

/// Appends one text/event-stream frame. `data` must hold no line break (JSON written by us never does).
///
/// Source: WHATWG HTML, "Server-sent events".
void append_sse_data(std::string& out, std::string_view data);
void append_sse_event(std::string& out, std::uint64_t id, std::string_view event, std::string_view data);
void append_sse_comment(std::string& out, std::string_view text);

}  // namespace eco2
