#include "openai/responses_tools.hpp"

#include "eco2/plugin/json_members.hpp"
#include "eco2/plugin/upstream_errors.hpp"

namespace eco2::openai {

using plugin::append_json_quoted;
using plugin::find_json_member;
using plugin::json_says;
using plugin::JsonItems;
using plugin::Message;
using plugin::Part;
using plugin::PartKind;
using plugin::Result;

namespace {

Result<void> append_list(std::string& out, std::string_view json, bool fills_strict);

/// {"type":T,T:{members}} as {"type":T,members}; a text stays a text.
Result<void> append_flat(std::string& out, std::string_view json, bool fills_strict) {
    if (json.starts_with('"')) {
        out += json;
        return {};
    }
    const auto type = plugin::read_json_string(find_json_member(json, "type"));
    const std::string_view inner = type ? find_json_member(json, *type) : std::string_view();
    if (inner.empty()) {
        return plugin::caller_fault("a tool, or the choice of one, is not in the form of chat completions");
    }
    out += R"({"type":)";
    append_json_quoted(out, *type);
    JsonItems members(inner, '{');
    while (const auto member = members.next()) {
        out += ',';
        out += member->name;
        out += ':';
        if (!json_says(member->name, "tools")) {
            out += member->value;
        } else if (Result<void> appended = append_list(out, member->value, false); !appended) {
            return appended;
        }
    }
    if (!members.is_whole()) {
        return plugin::caller_fault("a tool is not in the form of chat completions");
    }
    if (fills_strict && *type == "function" && find_json_member(inner, "strict").empty()) {
        out += R"(,"strict":false)";
    }
    out += '}';
    return {};
}

Result<void> append_list(std::string& out, std::string_view json, bool fills_strict) {
    JsonItems tools(json, '[');
    out += '[';
    while (const auto tool = tools.next()) {
        out += out.ends_with('[') ? "" : ",";
        if (Result<void> appended = append_flat(out, tool->value, fills_strict); !appended) {
            return appended;
        }
    }
    out += ']';
    return tools.is_whole() ? Result<void>() : plugin::caller_fault("tools must be a JSON array");
}

/// False: the request has no such member.
bool append_name(std::string& out, std::string_view value, std::string_view name, std::vector<std::string_view>& taken) {
    if (value.empty() || value == "null") {
        return false;
    }
    out += ",\"";
    out += name;
    out += "\":";
    taken.emplace_back(name);
    return true;
}

}  // namespace

Result<void> append_responses_tools(std::string& out, std::string_view tools_json, std::vector<std::string_view>& taken) {
    const std::string_view tools = find_json_member(tools_json, "tools");
    if (append_name(out, tools, "tools", taken)) {
        if (Result<void> appended = append_list(out, tools, true); !appended) {
            return appended;
        }
    }
    const std::string_view choice = find_json_member(tools_json, "tool_choice");
    if (append_name(out, choice, "tool_choice", taken)) {
        if (Result<void> appended = append_flat(out, choice, false); !appended) {
            return appended;
        }
    }
    const std::string_view parallel = find_json_member(tools_json, "parallel_tool_calls");
    if (append_name(out, parallel, "parallel_tool_calls", taken)) {
        out += parallel;
    }
    return {};
}

Result<void> append_call(std::string& out, std::string_view call_json) {
    const std::string_view function = find_json_member(call_json, "function");
    const std::string_view id = find_json_member(call_json, "id");
    const std::string_view name = find_json_member(function, "name");
    const std::string_view arguments = find_json_member(function, "arguments");
    if (id.empty() || name.empty() || arguments.empty()) {
        return plugin::caller_fault("a tool call of a message is no call of a function");
    }
    out += R"({"type":"function_call","call_id":)";
    out += id;
    out += R"(,"name":)";
    out += name;
    out += R"(,"arguments":)";
    out += arguments;
    out += '}';
    return {};
}

void append_call_output(std::string& out, const Message& message) {
    out += R"({"type":"function_call_output","call_id":)";
    append_json_quoted(out, message.tool_call_id());
    out += R"(,"output":")";
    for (const Part part : message.parts()) {
        if (part.kind() == PartKind::text) {
            plugin::append_json_escaped(out, part.text());
        }
    }
    out += "\"}";
}

}  // namespace eco2::openai
