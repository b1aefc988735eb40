#include "openai/response_calls.hpp"

#include "openai/errors.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/tool_calls.hpp"

namespace eco2::openai {

using plugin::DeltaWriter;
using plugin::json_member;
using plugin::json_text;
using plugin::Result;

namespace {

std::string_view text_member(const boost::json::value& item, std::string_view name) {
    return json_text(json_member(&item, name)).value_or("");
}

bool is_custom(const boost::json::value& item) {
    return text_member(item, "type") == "custom_tool_call";
}

/// The item's input instead of arguments, in the form that chat completions have for such tools.
std::string custom_call(int index, const boost::json::value& item) {
    std::string out = R"({"index":)" + std::to_string(index) + R"(,"id":)";
    plugin::append_json_quoted(out, text_member(item, "call_id"));
    out += R"(,"type":"custom","custom":{"name":)";
    plugin::append_json_quoted(out, text_member(item, "name"));
    out += R"(,"input":)";
    plugin::append_json_quoted(out, text_member(item, "input"));
    out += "}}";
    return out;
}

}  // namespace

bool ResponseCalls::is_call(const boost::json::value* item) {
    const auto type = json_text(json_member(item, "type"));
    return type == "function_call" || type == "custom_tool_call";
}

ResponseCalls::Call* ResponseCalls::find(std::int64_t place) {
    for (Call& call : calls_) {
        if (call.place == place && !call.is_whole) {
            return &call;
        }
    }
    return nullptr;
}

void ResponseCalls::start(const boost::json::value& item, std::int64_t place, DeltaWriter& out) {
    if (is_custom(item)) {
        return;  // told when it is whole
    }
    const auto index = static_cast<int>(calls_.size());
    calls_.push_back({place, index, std::string(text_member(item, "arguments")), false});
    out.tool(plugin::tool_call_start(index, text_member(item, "call_id"), text_member(item, "name"), calls_.back().told));
}

void ResponseCalls::piece(std::string_view arguments, std::int64_t place, DeltaWriter& out) {
    if (Call* const call = find(place); call != nullptr && !arguments.empty()) {
        call->told.append(arguments);
        out.tool(plugin::tool_call_piece(call->index, arguments));
    }
}

Result<void> ResponseCalls::finish(const boost::json::value& item, std::int64_t place, DeltaWriter& out) {
    const std::string_view arguments = text_member(item, "arguments");
    Call* const begun = find(place);
    if (begun == nullptr) {
        const auto index = static_cast<int>(calls_.size());
        calls_.push_back({place, index, {}, true});
        out.tool(is_custom(item)
                     ? custom_call(index, item)
                     : plugin::tool_call_start(index, text_member(item, "call_id"), text_member(item, "name"), arguments));
        return {};
    }
    begun->is_whole = true;
    if (!arguments.starts_with(begun->told)) {
        return malformed("the pieces of a tool call are not what the whole call is told to be");
    }
    if (const std::string_view rest = arguments.substr(begun->told.size()); !rest.empty()) {
        out.tool(plugin::tool_call_piece(begun->index, rest));
    }
    return {};
}

}  // namespace eco2::openai
