#include "openai/request_body.hpp"

#include "eco2/plugin/json_members.hpp"
#include "eco2/plugin/request_params.hpp"
#include "eco2/wire/base64.hpp"

#include <array>
#include <vector>

namespace eco2::openai {

using plugin::append_json_escaped;
using plugin::append_json_number;
using plugin::append_json_quoted;
using plugin::GenerateRequest;
using plugin::ImageDetail;
using plugin::Message;
using plugin::Part;
using plugin::PartKind;
using plugin::Result;
using plugin::Role;

namespace {

/// An upper bound for the usual request, so that the body is allocated once.
std::size_t estimate(const GenerateRequest& request) {
    constexpr std::size_t kFrame = 512;
    std::size_t bytes = kFrame + request.schema_json().size() + request.params_json().size() + request.tools_json().size();
    for (const Message message : request.messages()) {
        for (const Part part : message.parts()) {
            const std::size_t text = part.text().size();
            bytes += text + text / 8 + wire::base64_size(part.bytes().size()) + 128;
        }
    }
    return bytes;
}

std::string_view role_name(Role role) {
    switch (role) {
        case Role::system: return "system";
        case Role::assistant: return "assistant";
        case Role::tool: return "tool";
        case Role::user: break;
    }
    return "user";
}

void append_detail(std::string& out, ImageDetail detail) {
    switch (detail) {
        case ImageDetail::low: out += R"(,"detail":"low")"; break;
        case ImageDetail::high: out += R"(,"detail":"high")"; break;
        case ImageDetail::automatic: break;
    }
}

Result<void> append_part(std::string& out, const Part& part) {
    switch (part.kind()) {
        case PartKind::text:
            out += R"({"type":"text","text":)";
            append_json_quoted(out, part.text());
            out += '}';
            return {};
        case PartKind::image_url:
            out += R"({"type":"image_url","image_url":{"url":)";
            append_json_quoted(out, part.text());
            break;
        case PartKind::image_bytes:
            out += R"({"type":"image_url","image_url":{"url":"data:)";
            append_json_escaped(out, part.mime());
            out += ";base64,";
            wire::append_base64(out, part.bytes());
            out += '"';
            break;
        default: return plugin::caller_fault("a message part of unknown kind");
    }
    append_detail(out, part.detail());
    out += "}}";
    return {};
}

std::size_t count_of(const Message& message, PartKind kind) {
    std::size_t count = 0;
    for (const Part part : message.parts()) {
        count += part.kind() == kind ? 1 : 0;
    }
    return count;
}

/// All parts but tool calls: a text alone as a text, more as a list; null for an assistant that only called.
Result<void> append_content(std::string& out, const Message& message) {
    const auto parts = message.parts();
    const std::size_t calls = count_of(message, PartKind::tool_call);
    if (calls > 0 && calls == parts.size()) {
        out += "null";
        return {};
    }
    const bool is_one_text = parts.size() - calls == 1 && count_of(message, PartKind::text) == 1;
    out += is_one_text ? "" : "[";
    bool is_first = true;
    for (const Part part : parts) {
        if (part.kind() == PartKind::tool_call) {
            continue;
        }
        if (is_one_text) {
            append_json_quoted(out, part.text());
            continue;
        }
        out += is_first ? "" : ",";
        is_first = false;
        if (Result<void> appended = append_part(out, part); !appended) {
            return appended;
        }
    }
    out += is_one_text ? "" : "]";
    return {};
}

void append_tool_calls(std::string& out, const Message& message) {
    char separator = '[';
    for (const Part part : message.parts()) {
        if (part.kind() == PartKind::tool_call) {
            out += separator == '[' ? R"(,"tool_calls":)" : "";
            out += separator;
            out += part.text();
            separator = ',';
        }
    }
    out += separator == '[' ? "" : "]";
}

Result<void> append_message(std::string& out, const Message& message) {
    out += R"({"role":")";
    out += role_name(message.role());
    out += '"';
    if (message.role() == Role::tool) {
        out += R"(,"tool_call_id":)";
        append_json_quoted(out, message.tool_call_id());
    }
    out += R"(,"content":)";
    if (Result<void> appended = append_content(out, message); !appended) {
        return appended;
    }
    append_tool_calls(out, message);
    out += '}';
    return {};
}

/// "tools" and what belongs to them, as they are written.
void append_tools(std::string& out, std::string_view tools_json, std::vector<std::string_view>& taken) {
    static constexpr std::array<std::string_view, 3> kNames{"tools", "tool_choice", "parallel_tool_calls"};
    for (const std::string_view name : kNames) {
        const std::string_view value = plugin::find_json_member(tools_json, name);
        if (!value.empty()) {
            out += ",\"";
            out += name;
            out += "\":";
            out += value;
            taken.emplace_back(name);
        }
    }
}

/// True: the request has the member now.
bool append_response_format(std::string& out, const GenerateRequest& request, ResponseFormat format) {
    if (request.schema_json().empty() || format == ResponseFormat::none) {
        return false;
    }
    if (format == ResponseFormat::json_object) {
        out += R"(,"response_format":{"type":"json_object"})";
        return true;
    }
    out += R"(,"response_format":{"type":"json_schema","json_schema":{"name":)";
    append_json_quoted(out, request.schema_name().empty() ? "answer" : request.schema_name());
    out += R"(,"strict":true,"schema":)";
    out += request.schema_json();
    out += "}}";
    return true;
}

}  // namespace

void append_sampling(std::string& out, const GenerateRequest& request, std::vector<std::string_view>& taken) {
    plugin::append_number_param(out, "temperature", request.temperature(), taken);
    plugin::append_number_param(out, "top_p", request.top_p(), taken);
}

Result<std::string> write_chat_body(const GenerateRequest& request, const Options& options) {
    std::string out;
    out.reserve(estimate(request));
    out += R"({"model":)";
    append_json_quoted(out, request.model());
    out += R"(,"messages":[)";
    bool is_first = true;
    for (const Message message : request.messages()) {
        if (!is_first) {
            out += ',';
        }
        is_first = false;
        if (Result<void> appended = append_message(out, message); !appended) {
            return std::move(appended).error();
        }
    }
    out += ']';
    if (request.is_streamed()) {
        out += options.asks_for_usage ? R"(,"stream":true,"stream_options":{"include_usage":true})" : R"(,"stream":true)";
    }
    std::vector<std::string_view> taken{"model", "messages", "stream", "stream_options"};
    if (append_response_format(out, request, options.response_format)) {
        taken.emplace_back("response_format");
    }
    if (request.max_output_tokens() >= 0) {
        out += ',';
        append_json_quoted(out, options.max_tokens_field);
        out += ':';
        append_json_number(out, request.max_output_tokens());
        taken.emplace_back(options.max_tokens_field);
    }
    append_sampling(out, request, taken);
    if (!request.stop_json().empty()) {
        out += R"(,"stop":)";
        out += request.stop_json();
        taken.emplace_back("stop");
    }
    append_tools(out, request.tools_json(), taken);
    if (Result<void> appended = plugin::append_params(out, request.params_json(), taken); !appended) {
        return std::move(appended).error();
    }
    out += '}';
    return out;
}

}  // namespace eco2::openai
