#include "anthropic/tools.hpp"

#include "eco2/plugin/tool_calls.hpp"

#include <algorithm>

namespace eco2::anthropic {

using plugin::append_json_quoted;
using plugin::GenerateRequest;
using plugin::Result;
using plugin::Tool;
using plugin::ToolChoice;
using plugin::ToolSet;

namespace {

bool is_allowed(const Tool& tool, const ToolSet& set) {
    if (!set.choice || set.choice->allowed.empty()) {
        return true;
    }
    const std::vector<std::string>& names = set.choice->allowed;
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return plugin::json_says(tool.name, name); });
}

/// `tells_strict`: models that know output_config know strict tools too.
void append_tool(std::string& out, const Tool& tool, bool tells_strict) {
    out += out.ends_with('[') ? "" : ",";
    out += R"({"name":)";
    out += tool.name;
    if (!tool.description.empty()) {
        out += R"(,"description":)";
        out += tool.description;
    }
    if (tells_strict && tool.strict == "true") {
        out += R"(,"strict":true)";
    }
    out += R"(,"input_schema":)";
    out += tool.parameters.empty() ? R"({"type":"object","properties":{}})" : tool.parameters;
    out += '}';
}

void append_schema_tool(std::string& out, const GenerateRequest& request) {
    out += out.ends_with('[') ? "" : ",";
    out += R"({"name":)";
    append_json_quoted(out, schema_tool_name(request));
    out += R"(,"description":"Gives the answer.","input_schema":)";
    out += request.schema_json();
    out += '}';
}

std::string_view type_of(ToolChoice::Mode mode) {
    switch (mode) {
        case ToolChoice::Mode::required: return "any";
        case ToolChoice::Mode::none: return "none";
        case ToolChoice::Mode::one: return "tool";
        case ToolChoice::Mode::automatic: break;
    }
    return "auto";
}

void append_choice(std::string& out, const ToolChoice& choice, bool is_parallel) {
    out += R"(,"tool_choice":{"type":")";
    out += type_of(choice.mode);
    out += '"';
    if (choice.mode == ToolChoice::Mode::one) {
        out += R"(,"name":)";
        append_json_quoted(out, choice.name);
    }
    if (!is_parallel && choice.mode != ToolChoice::Mode::none) {
        out += R"(,"disable_parallel_tool_use":true)";
    }
    out += '}';
}

}  // namespace

std::string_view schema_tool_name(const GenerateRequest& request) {
    return request.schema_name().empty() ? "answer" : request.schema_name();
}

Result<void> append_tools(std::string& out,
                          const GenerateRequest& request,
                          const Options& options,
                          std::vector<std::string_view>& taken) {
    Result<ToolSet> read = plugin::read_tool_set(request.tools_json());
    if (!read) {
        return std::move(read).error();
    }
    ToolSet& set = *read;
    const bool asks_by_tool = options.schema_by == SchemaBy::tool && !request.schema_json().empty();
    if (set.tools.empty() && !asks_by_tool) {
        return {};
    }
    taken.insert(taken.end(), {"tools", "tool_choice"});
    if (asks_by_tool) {
        const bool is_free = !set.tools.empty() && (!set.choice || set.choice->mode != ToolChoice::Mode::none);
        const bool is_told = set.choice && set.choice->mode == ToolChoice::Mode::one;
        if (!is_free) {
            set.choice = ToolChoice{ToolChoice::Mode::one, std::string(schema_tool_name(request)), {}};
        } else if (!is_told) {
            set.choice =
                ToolChoice{ToolChoice::Mode::required, {}, set.choice ? set.choice->allowed : std::vector<std::string>{}};
        }
    }
    out += R"(,"tools":[)";
    for (const Tool& tool : set.tools) {
        if (is_allowed(tool, set)) {
            append_tool(out, tool, options.schema_by == SchemaBy::format);
        }
    }
    if (asks_by_tool) {
        append_schema_tool(out, request);
    }
    out += ']';
    if (set.choice || !set.is_parallel) {
        append_choice(out, set.choice.value_or(ToolChoice{}), set.is_parallel);
    }
    return {};
}

Result<void> append_tool_use(std::string& out, std::string_view call_json) {
    const Result<plugin::ToolCall> call = plugin::read_tool_call(call_json);
    if (!call) {
        return call.error();
    }
    out += R"({"type":"tool_use","id":)";
    append_json_quoted(out, tool_use_id(call->id));
    out += R"(,"name":)";
    append_json_quoted(out, call->name);
    out += R"(,"input":)";
    out += call->arguments;
    out += '}';
    return {};
}

std::string tool_use_id(std::string_view id) {
    std::string out(id);
    std::replace_if(
        out.begin(),
        out.end(),
        [](char byte) {
            const bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
            return !is_plain && byte != '_' && byte != '-';
        },
        '_');
    return out;
}

}  // namespace eco2::anthropic
