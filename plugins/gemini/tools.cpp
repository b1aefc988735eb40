#include "gemini/tools.hpp"

#include "eco2/plugin/tool_calls.hpp"

namespace eco2::gemini {

using plugin::append_json_quoted;
using plugin::find_json_member;
using plugin::GenerateRequest;
using plugin::Message;
using plugin::Part;
using plugin::PartKind;
using plugin::Result;
using plugin::Tool;
using plugin::ToolCall;
using plugin::ToolChoice;
using plugin::ToolSet;

namespace {

void append_declaration(std::string& out, const Tool& tool) {
    out += R"({"name":)";
    out += tool.name;
    if (!tool.description.empty()) {
        out += R"(,"description":)";
        out += tool.description;
    }
    if (!tool.parameters.empty()) {
        out += R"(,"parametersJsonSchema":)";
        out += tool.parameters;
    }
    out += '}';
}

std::string_view mode_of(ToolChoice::Mode mode) {
    switch (mode) {
        case ToolChoice::Mode::required:
        case ToolChoice::Mode::one: return "ANY";
        case ToolChoice::Mode::none: return "NONE";
        case ToolChoice::Mode::automatic: break;
    }
    return "AUTO";
}

void append_choice(std::string& out, const ToolChoice& choice) {
    std::vector<std::string> names = choice.allowed;
    if (choice.mode == ToolChoice::Mode::one) {
        names = {choice.name};
    }
    // A list of names goes with ANY alone; VALIDATED is AUTO that takes one.
    const bool is_list_of_auto = !names.empty() && choice.mode == ToolChoice::Mode::automatic;
    out += R"(,"toolConfig":{"functionCallingConfig":{"mode":")";
    out += is_list_of_auto ? "VALIDATED" : mode_of(choice.mode);
    out += '"';
    char separator = '[';
    for (const std::string& name : names) {
        out += separator == '[' ? R"(,"allowedFunctionNames":)" : "";
        out += separator;
        separator = ',';
        append_json_quoted(out, name);
    }
    out += separator == '[' ? "}}" : "]}}";
}

/// Empty: no call has the id.
std::string name_of_call(const GenerateRequest& request, std::size_t before, std::string_view id) {
    const auto messages = request.messages();
    for (std::size_t index = before; index-- > 0;) {
        for (const Part part : messages[index].parts()) {
            if (part.kind() != PartKind::tool_call || !plugin::json_says(find_json_member(part.text(), "id"), id)) {
                continue;
            }
            const std::string_view function = find_json_member(part.text(), "function");
            return plugin::read_json_string(find_json_member(function, "name")).value_or("");
        }
    }
    return {};
}

bool is_object(std::string_view text) {
    plugin::JsonItems members(text, '{');
    while (members.next()) {
    }
    return members.is_whole();
}

}  // namespace

Result<void> append_tools(std::string& out, std::string_view tools_json, std::vector<std::string_view>& taken) {
    const Result<ToolSet> set = plugin::read_tool_set(tools_json);
    if (!set) {
        return set.error();
    }
    if (set->tools.empty()) {
        return {};
    }
    taken.insert(taken.end(), {"tools", "toolConfig"});
    out += R"(,"tools":[{"functionDeclarations":[)";
    for (const Tool& tool : set->tools) {
        out += out.ends_with('[') ? "" : ",";
        append_declaration(out, tool);
    }
    out += "]}]";
    if (set->choice) {
        append_choice(out, *set->choice);
    }
    return {};
}

Result<void> append_function_call(std::string& out, std::string_view call_json) {
    const Result<ToolCall> call = plugin::read_tool_call(call_json);
    if (!call) {
        return call.error();
    }
    out += R"({"functionCall":{"name":)";
    append_json_quoted(out, call->name);
    out += R"(,"args":)";
    out += call->arguments;
    out += '}';
    const std::string_view signature = find_json_member(find_json_member(call->extra_json, "google"), "thought_signature");
    if (!signature.empty()) {
        out += R"(,"thoughtSignature":)";
        out += signature;
    }
    out += '}';
    return {};
}

Result<void> append_function_response(std::string& out, const GenerateRequest& request, std::size_t index) {
    const Message message = request.messages()[index];
    const std::string name = name_of_call(request, index, message.tool_call_id());
    if (name.empty()) {
        return plugin::caller_fault("no tool call before has the id of the result \"" + std::string(message.tool_call_id()) +
                                    '"');
    }
    std::string text;
    for (const Part part : message.parts()) {
        text += part.kind() == PartKind::text ? part.text() : std::string_view();
    }
    out += out.ends_with('}') ? "," : "";
    out += R"({"functionResponse":{"name":)";
    append_json_quoted(out, name);
    out += R"(,"response":)";
    if (is_object(text)) {
        out += text;
    } else {
        out += R"({"output":)";
        append_json_quoted(out, text);
        out += '}';
    }
    out += "}}";
    return {};
}

}  // namespace eco2::gemini
