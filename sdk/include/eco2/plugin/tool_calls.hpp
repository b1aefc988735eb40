#pragma once

#include "eco2/plugin/generate_request.hpp"
#include "eco2/plugin/json_members.hpp"
#include "eco2/plugin/upstream_errors.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Tools as requests and deltas have them: in the form of OpenAI's chat completions. For dialects that speak another.
namespace eco2::plugin {
inline namespace draft_2 {

/// A function that the model may call. All are JSON as it is written. Lifetime: of the request.
struct Tool {
    std::string_view name;         // a JSON string
    std::string_view description;  // a JSON string; empty: none
    std::string_view parameters;   // a JSON Schema; empty: none
    std::string_view strict;       // "true", "false"; empty: not told
};

/// Which tools the model shall call.
struct ToolChoice {
    enum class Mode { automatic, required, none, one };
    Mode mode = Mode::automatic;
    std::string name;                  // of the one
    std::vector<std::string> allowed;  // names; empty: all
};

struct ToolSet {
    std::vector<Tool> tools;
    std::optional<ToolChoice> choice;  // nullopt: not told
    bool is_parallel = true;           // false: one call at a time
};

/// A call that the model made earlier. Lifetime of the views: of the request.
struct ToolCall {
    std::string id;
    std::string name;
    std::string arguments;        // JSON, as the model wrote it
    std::string_view extra_json;  // "extra_content", what a provider wants back with the call; empty: none
};

namespace detail {

/// The function of {"type":"function","function":{...}}; some clients leave the type out.
inline std::string_view function_of(std::string_view json) {
    const std::string_view type = find_json_member(json, "type");
    return type.empty() || json_says(type, "function") ? find_json_member(json, "function") : std::string_view();
}

inline std::string json_string_or_empty(std::string_view json) {
    return read_json_string(json).value_or(std::string());
}

inline Result<void> read_tools(std::string_view json, std::vector<Tool>& out) {
    if (json.empty() || json == "null") {
        return {};
    }
    JsonItems tools(json, '[');
    while (const auto tool = tools.next()) {
        const std::string_view function = function_of(tool->value);
        const std::string_view name = find_json_member(function, "name");
        if (json_string_or_empty(name).empty()) {
            return caller_fault("this provider takes tools of the type \"function\", each with a name");
        }
        const auto member = [&](std::string_view key) {
            const std::string_view value = find_json_member(function, key);
            return value == "null" ? std::string_view() : value;
        };
        out.push_back({name, member("description"), member("parameters"), member("strict")});
    }
    return tools.is_whole() ? Result<void>() : caller_fault("tools must be a JSON array");
}

inline std::optional<ToolChoice::Mode> choice_named(std::string_view json) {
    using Mode = ToolChoice::Mode;
    if (json_says(json, "auto")) {
        return Mode::automatic;
    }
    if (json_says(json, "required")) {
        return Mode::required;
    }
    return json_says(json, "none") ? std::optional(Mode::none) : std::nullopt;
}

inline Result<ToolChoice> read_choice(std::string_view json) {
    ToolChoice choice;
    if (const auto mode = choice_named(json)) {
        choice.mode = *mode;
        return choice;
    }
    choice.name = json_string_or_empty(find_json_member(function_of(json), "name"));
    if (!choice.name.empty()) {
        choice.mode = ToolChoice::Mode::one;
        return choice;
    }
    const std::string_view allowed = find_json_member(json, "allowed_tools");
    const auto mode = choice_named(find_json_member(allowed, "mode"));
    if (!mode) {
        return caller_fault("tool_choice is none that this provider knows");
    }
    choice.mode = *mode;
    JsonItems tools(find_json_member(allowed, "tools"), '[');
    while (const auto tool = tools.next()) {
        choice.allowed.push_back(json_string_or_empty(find_json_member(function_of(tool->value), "name")));
    }
    return choice;
}

}  // namespace detail

/// Reads GenerateRequest::tools_json. Errors: class caller_fault (a tool that is no function, a choice that is none).
inline Result<ToolSet> read_tool_set(std::string_view tools_json) {
    ToolSet set;
    if (tools_json.empty()) {
        return set;
    }
    if (Result<void> read = detail::read_tools(find_json_member(tools_json, "tools"), set.tools); !read) {
        return std::move(read).error();
    }
    if (const std::string_view told = find_json_member(tools_json, "tool_choice"); !told.empty() && told != "null") {
        Result<ToolChoice> choice = detail::read_choice(told);
        if (!choice) {
            return std::move(choice).error();
        }
        set.choice = *std::move(choice);
    }
    set.is_parallel = find_json_member(tools_json, "parallel_tool_calls") != "false";
    return set;
}

/// Reads a part of the kind tool_call. Errors: class caller_fault (no call of a function; arguments that are no JSON object).
/// Arguments that say nothing are "{}".
inline Result<ToolCall> read_tool_call(std::string_view json) {
    ToolCall call;
    const std::string_view function = detail::function_of(json);
    call.id = detail::json_string_or_empty(find_json_member(json, "id"));
    call.name = detail::json_string_or_empty(find_json_member(function, "name"));
    call.arguments = detail::json_string_or_empty(find_json_member(function, "arguments"));
    call.extra_json = find_json_member(json, "extra_content");
    if (call.name.empty()) {
        return caller_fault("a tool call of a message names no function");
    }
    if (call.arguments.find_first_not_of(detail::kJsonBlank) == std::string::npos) {
        call.arguments = "{}";
    }
    JsonItems members(call.arguments, '{');
    while (members.next()) {
    }
    if (!members.is_whole()) {
        return caller_fault("the arguments of the tool call " + call.id + " are no JSON object");
    }
    return call;
}

/// A delta that begins a call, for DeltaWriter::tool. `index` counts the calls of an answer from 0. `arguments` may be a part
/// of them, or empty. `extra_json`: see ToolCall.
inline std::string tool_call_start(
    int index, std::string_view id, std::string_view name, std::string_view arguments, std::string_view extra_json = {}) {
    std::string out = R"({"index":)";
    append_json_number(out, index);
    out += R"(,"id":)";
    append_json_quoted(out, id);
    out += R"(,"type":"function","function":{"name":)";
    append_json_quoted(out, name);
    out += R"(,"arguments":)";
    append_json_quoted(out, arguments);
    out += '}';
    if (!extra_json.empty()) {
        out += R"(,"extra_content":)";
        out += extra_json;
    }
    out += '}';
    return out;
}

/// A delta with the next piece of a call's arguments.
inline std::string tool_call_piece(int index, std::string_view arguments) {
    std::string out = R"({"index":)";
    append_json_number(out, index);
    out += R"(,"function":{"arguments":)";
    append_json_quoted(out, arguments);
    out += "}}";
    return out;
}

}  // namespace draft_2
}  // namespace eco2::plugin
