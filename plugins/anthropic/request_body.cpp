#include "anthropic/request_body.hpp"

#include "eco2/plugin/json_text.hpp"
#include "eco2/plugin/request_params.hpp"
#include "eco2/wire/base64.hpp"

#include <cmath>
#include <vector>

namespace eco2::anthropic {

using plugin::append_json_number;
using plugin::append_json_quoted;
using plugin::GenerateRequest;
using plugin::Message;
using plugin::Part;
using plugin::PartKind;
using plugin::Result;
using plugin::Role;

namespace {

/// The API has no levels of detail: an image costs by its size.
Result<void> append_part(std::string& out, const Part& part) {
    switch (part.kind()) {
        case PartKind::text:
            out += R"({"type":"text","text":)";
            append_json_quoted(out, part.text());
            out += '}';
            return {};
        case PartKind::image_url:
            out += R"({"type":"image","source":{"type":"url","url":)";
            append_json_quoted(out, part.text());
            out += "}}";
            return {};
        case PartKind::image_bytes:
            out += R"({"type":"image","source":{"type":"base64","media_type":)";
            append_json_quoted(out, part.mime());
            out += R"(,"data":")";
            wire::append_base64(out, part.bytes());
            out += "\"}}";
            return {};
    }
    return plugin::caller_fault("a message part of unknown kind");
}

Result<void> append_parts(std::string& out, const Message& message, bool& is_first) {
    for (const Part part : message.parts()) {
        if (message.role() == Role::system && part.kind() != PartKind::text) {
            return plugin::caller_fault("a system message may hold text only");
        }
        out += is_first ? "" : ",";
        is_first = false;
        if (Result<void> appended = append_part(out, part); !appended) {
            return appended;
        }
    }
    return {};
}

Result<void> append_system(std::string& out, const GenerateRequest& request) {
    std::string blocks;
    bool is_first = true;
    for (const Message message : request.messages()) {
        if (message.role() != Role::system) {
            continue;
        }
        if (Result<void> appended = append_parts(blocks, message, is_first); !appended) {
            return appended;
        }
    }
    if (!blocks.empty()) {
        out += R"(,"system":[)" + blocks + ']';
    }
    return {};
}

Result<void> append_messages(std::string& out, const GenerateRequest& request) {
    out += R"(,"messages":[)";
    bool is_first_message = true;
    for (const Message message : request.messages()) {
        if (message.role() == Role::system) {
            continue;
        }
        out += is_first_message ? "" : ",";
        is_first_message = false;
        out += message.role() == Role::assistant ? R"({"role":"assistant","content":[)" : R"({"role":"user","content":[)";
        bool is_first = true;
        if (Result<void> appended = append_parts(out, message, is_first); !appended) {
            return appended;
        }
        out += "]}";
    }
    out += ']';
    return {};
}

void append_schema(std::string& out, const GenerateRequest& request, SchemaBy by, std::vector<std::string_view>& taken) {
    if (request.schema_json().empty() || by == SchemaBy::none) {
        return;
    }
    if (by == SchemaBy::format) {
        out += R"(,"output_config":{"format":{"type":"json_schema","schema":)";
        out += request.schema_json();
        out += "}}";
        taken.emplace_back("output_config");
        return;
    }
    const std::string_view name = request.schema_name().empty() ? "answer" : request.schema_name();
    out += R"(,"tools":[{"name":)";
    append_json_quoted(out, name);
    out += R"(,"description":"Gives the answer.","input_schema":)";
    out += request.schema_json();
    out += R"(}],"tool_choice":{"type":"tool","name":)";
    append_json_quoted(out, name);
    out += '}';
    taken.insert(taken.end(), {"tools", "tool_choice"});
}

}  // namespace

Result<std::string> write_body(const GenerateRequest& request, const Options& options) {
    std::vector<std::string_view> taken{"model", "max_tokens", "system", "messages", "stream"};
    std::string out = R"({"model":)";
    append_json_quoted(out, request.model());
    out += R"(,"max_tokens":)";
    append_json_number(out, request.max_output_tokens() >= 0 ? request.max_output_tokens() : options.max_tokens);
    if (Result<void> appended = append_system(out, request); !appended) {
        return std::move(appended).error();
    }
    if (Result<void> appended = append_messages(out, request); !appended) {
        return std::move(appended).error();
    }
    out += request.is_streamed() ? R"(,"stream":true)" : "";
    append_schema(out, request, options.schema_by, taken);
    if (request.temperature() >= 0 && std::isfinite(request.temperature())) {
        out += R"(,"temperature":)";
        append_json_number(out, request.temperature());
        taken.emplace_back("temperature");
    }
    if (Result<void> appended = plugin::append_params(out, request.params_json(), taken); !appended) {
        return std::move(appended).error();
    }
    out += '}';
    return out;
}

}  // namespace eco2::anthropic
