#include "openai/request_body.hpp"
#include "openai/responses_tools.hpp"

#include "eco2/plugin/json_text.hpp"
#include "eco2/plugin/request_params.hpp"
#include "eco2/wire/base64.hpp"

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

std::string_view role_name(Role role) {
    switch (role) {
        case Role::system: return "system";
        case Role::assistant: return "assistant";
        case Role::tool:  // has an item of its own
        case Role::user: break;
    }
    return "user";
}

std::string_view detail_name(ImageDetail detail) {
    switch (detail) {
        case ImageDetail::low: return "low";
        case ImageDetail::high: return "high";
        case ImageDetail::automatic: break;
    }
    return "auto";
}

Result<void> append_part(std::string& out, const Part& part, Role role) {
    switch (part.kind()) {
        case PartKind::text:
            out += role == Role::assistant ? R"({"type":"output_text","text":)" : R"({"type":"input_text","text":)";
            append_json_quoted(out, part.text());
            out += '}';
            return {};
        case PartKind::image_url:
            out += R"({"type":"input_image","image_url":)";
            append_json_quoted(out, part.text());
            break;
        case PartKind::image_bytes:
            out += R"({"type":"input_image","image_url":"data:)";
            append_json_escaped(out, part.mime());
            out += ";base64,";
            wire::append_base64(out, part.bytes());
            out += '"';
            break;
        default: return plugin::caller_fault("a message part of unknown kind");
    }
    out += R"(,"detail":")";
    out += detail_name(part.detail());
    out += "\"}";
    return {};
}

/// What a message says, then what it calls; a tool's result is an item of its own.
Result<void> append_items(std::string& out, const Message& message) {
    const auto separate = [&] { out += out.ends_with('[') ? "" : ","; };
    if (message.role() == Role::tool) {
        separate();
        append_call_output(out, message);
        return {};
    }
    std::size_t said = 0;
    for (const Part part : message.parts()) {
        if (part.kind() == PartKind::tool_call) {
            continue;
        }
        if (said++ == 0) {
            separate();
            out += R"({"role":")";
            out += role_name(message.role());
            out += R"(","content":[)";
        }
        separate();
        if (Result<void> appended = append_part(out, part, message.role()); !appended) {
            return appended;
        }
    }
    out += said > 0 ? "]}" : "";
    for (const Part part : message.parts()) {
        if (part.kind() == PartKind::tool_call) {
            separate();
            if (Result<void> appended = append_call(out, part.text()); !appended) {
                return appended;
            }
        }
    }
    return {};
}

bool is_instructions(const Message& message) {
    return message.role() == Role::system && message.parts().size() == 1 && message.parts()[0].kind() == PartKind::text;
}

Result<void> append_input(std::string& out, const GenerateRequest& request) {
    const auto messages = request.messages();
    const std::size_t first = messages.size() > 0 && is_instructions(messages[0]) ? 1 : 0;
    if (first == 1) {
        out += R"(,"instructions":)";
        append_json_quoted(out, messages[0].parts()[0].text());
    }
    out += R"(,"input":[)";
    for (std::size_t index = first; index < messages.size(); ++index) {
        if (Result<void> appended = append_items(out, messages[index]); !appended) {
            return appended;
        }
    }
    out += ']';
    return {};
}

/// True: the request has the member now.
bool append_text_format(std::string& out, const GenerateRequest& request, ResponseFormat format) {
    if (request.schema_json().empty() || format == ResponseFormat::none) {
        return false;
    }
    if (format == ResponseFormat::json_object) {
        out += R"(,"text":{"format":{"type":"json_object"}})";
        return true;
    }
    out += R"(,"text":{"format":{"type":"json_schema","name":)";
    append_json_quoted(out, request.schema_name().empty() ? "answer" : request.schema_name());
    out += R"(,"strict":true,"schema":)";
    out += request.schema_json();
    out += "}}";
    return true;
}

}  // namespace

Result<std::string> write_responses_body(const GenerateRequest& request, const Options& options) {
    if (!request.stop_json().empty()) {
        return plugin::caller_fault("the Responses API knows no stop texts");
    }
    std::string out = R"({"model":)";
    append_json_quoted(out, request.model());
    if (Result<void> appended = append_input(out, request); !appended) {
        return std::move(appended).error();
    }
    out += R"(,"store":false)";
    if (request.is_streamed()) {
        out += R"(,"stream":true)";
    }
    std::vector<std::string_view> taken{"model", "input", "instructions", "store", "stream"};
    if (append_text_format(out, request, options.response_format)) {
        taken.emplace_back("text");
    }
    if (request.max_output_tokens() >= 0) {
        out += R"(,"max_output_tokens":)";
        append_json_number(out, request.max_output_tokens());
        taken.emplace_back("max_output_tokens");
    }
    append_sampling(out, request, taken);
    if (Result<void> appended = append_responses_tools(out, request.tools_json(), taken); !appended) {
        return std::move(appended).error();
    }
    if (Result<void> appended = plugin::append_params(out, request.params_json(), taken); !appended) {
        return std::move(appended).error();
    }
    out += '}';
    return out;
}

}  // namespace eco2::openai
