#include "batch/plan/json_line.hpp"

#include "base/text.hpp"
#include "protocol/json_members.hpp"

#include <boost/json/stream_parser.hpp>

#include <string>
#include <utility>

namespace eco2::batch {

namespace json = boost::json;

Result<json::object> read_json_line(std::string_view line, std::size_t depth_max, json::storage_ptr memory) {
    line = trim(line);
    json::parse_options options;
    options.max_depth = depth_max;
    json::stream_parser parser({}, options);
    parser.reset(std::move(memory));
    json::error_code ec;
    const auto read = parser.write_some(line.data(), line.size(), ec);
    if (!ec && read == line.size() && !parser.done()) {
        ec = json::error::incomplete;
    }
    if (!ec && read < line.size()) {
        ec = json::error::extra_data;
    }
    if (ec) {
        return fail(Errc::invalid_field, "not JSON at byte " + std::to_string(read + 1) + ": " + ec.message());
    }
    auto value = parser.release();
    auto* object = value.if_object();
    if (object == nullptr) {
        return fail(Errc::invalid_field, "each line must be a JSON object, this one is " + std::string(kind_of(value)));
    }
    // Which of two equal keys counts must not depend on who reads them.
    if (count_json_members(line) != object->size()) {
        return fail(Errc::invalid_field, "a key stands there twice");
    }
    return std::move(*object);
}

std::string_view kind_of(const json::value& value) noexcept {
    switch (value.kind()) {
        case json::kind::null: return "null";
        case json::kind::bool_: return value.get_bool() ? "true" : "false";
        case json::kind::string: return "a text";
        case json::kind::array: return "a list";
        case json::kind::object: return "an object";
        default: return "a number";
    }
}

}  // namespace eco2::batch
