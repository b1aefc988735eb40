#include "protocol/sse_writer.hpp"

#include "base/assert.hpp"

namespace eco2 {

void append_sse_data(std::string& out, std::string_view data) {
    ECO2_ASSERT(data.find_first_of("\r\n") == std::string_view::npos, "a frame's JSON is written on one line");
    out += "data: ";
    out += data;
    out += "\n\n";
}

void append_sse_event(std::string& out, std::uint64_t id, std::string_view event, std::string_view data) {
    out += "id: ";
    out += std::to_string(id);
    out += "\nevent: ";
    out += event;
    out += '\n';
    append_sse_data(out, data);
}

void append_sse_comment(std::string& out, std::string_view text) {
    out += ": ";
    out += text;
    out += "\n\n";
}

}  // namespace eco2
