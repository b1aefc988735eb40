#include "fake_provider/raw_http.hpp"

#include <array>
#include <cstdio>

namespace eco2::fake {
namespace {

std::string as_chunk(const std::string& bytes) {
    std::array<char, 24> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
    return size.data() + bytes + "\r\n";
}

}  // namespace

std::string raw_head(int status, const Headers& headers, std::string_view framing) {
    std::string out = "HTTP/1.1 " + std::to_string(status) + (status < 300 ? " OK\r\n" : " Error\r\n");
    for (const auto& [name, value] : headers) {
        out += name + ": " + value + "\r\n";
    }
    out += framing;
    out += "\r\n\r\n";
    return out;
}

Script as_raw(Script script) {
    const bool is_stream = script.form == Script::Form::stream;
    std::string framing = "transfer-encoding: chunked";
    if (is_stream) {
        for (Part& part : script.parts) {
            part.bytes = as_chunk(part.bytes);
        }
    } else {
        framing = "content-length: " + std::to_string(script.parts.front().bytes.size());
    }
    script.parts.front().bytes.insert(0, raw_head(script.status, script.headers, framing));
    script.form = Script::Form::raw;
    return script;
}

}  // namespace eco2::fake
