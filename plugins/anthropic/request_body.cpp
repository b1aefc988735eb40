#include "anthropic/request_body.hpp"

#include "anthropic/tools.hpp"

#include "eco2/plugin/json_text.hpp"
#include "eco2/plugin/request_params.hpp"
#include "eco2/wire/base64.hpp"

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
        case PartKind::tool_call: return append_tool_use(out, part.text());
    }
    return plugin::caller_fault("a message part of unknown kind");
}

Result<void> append_parts(std::string& out, const Message& message) {
    for (const Part part : message.parts()) {
        if (message.role() == Role::system && part.kind() != PartKind::text) {
            return plugin::caller_fault("a system message may hold text only");
        }
        if (part.kind() == PartKind::text && part.text().empty() && message.role() != Role::user) {
            continue;  // the API refuses empty blocks, and other APIs write them beside tool calls
        }
        out += out.empty() || out.ends_with('[') ? "" : ",";
        if (Result<void> appended = append_part(out, part); !appended) {
            return appended;
        }
    }
    return {};
}

Result<void> append_system(std::string& out, const GenerateRequest& request) {
    std::string blocks;
    for (const Message message : request.messages()) {
        if (message.role() != Role::system) {
            continue;
        }
        if (Result<void> appended = append_parts(blocks, message); !appended) {
            return appended;
        }
    }
    if (!blocks.empty()) {
        out += R"(,"system":[)" + blocks + ']';
    }
    return {};
}

/// A tool's result is a block of the user's turn.
Result<void> append_result(std::string& out, const Message& message) {
    std::string content;
    if (Result<void> appended = append_parts(content, message); !appended) {
        return appended;
    }
    out += out.ends_with('[') ? "" : ",";
    out += R"({"type":"tool_result","tool_use_id":)";
    append_json_quoted(out, tool_use_id(message.tool_call_id()));
    if (!content.empty()) {
        out += R"(,"content":[)" + content + ']';
    }
    out += '}';
    return {};
}

/// Messages of the same side stand in one turn: the results of several calls must, and the API wants the sides to alternate.
Result<void> append_messages(std::string& out, const GenerateRequest& request) {
    out += R"(,"messages":[)";
    std::string turn;
    std::string_view side;
    const auto close = [&] {
        if (turn.size() > 1) {
            out += out.ends_with('[') ? "" : ",";
            out += R"({"role":")" + std::string(side) + R"(","content":)" + turn + "]}";
        }
        turn = "[";
    };
    for (const Message message : request.messages()) {
        if (message.role() == Role::system) {
            continue;
        }
        const std::string_view next = message.role() == Role::assistant ? "assistant" : "user";
        if (next != side) {
            close();
            side = next;
        }
        Result<void> appended = message.role() == Role::tool ? append_result(turn, message) : append_parts(turn, message);
        if (!appended) {
            return appended;
        }
    }
    close();
    out += ']';
    return {};
}

void append_format(std::string& out, const GenerateRequest& request, SchemaBy by, std::vector<std::string_view>& taken) {
    if (!request.schema_json().empty() && by == SchemaBy::format) {
        out += R"(,"output_config":{"format":{"type":"json_schema","schema":)";
        out += request.schema_json();
        out += "}}";
        taken.emplace_back("output_config");
    }
}

void append_sampling(std::string& out, const GenerateRequest& request, std::vector<std::string_view>& taken) {
    plugin::append_number_param(out, "temperature", request.temperature(), taken);
    plugin::append_number_param(out, "top_p", request.top_p(), taken);
    if (!request.stop_json().empty()) {
        out += R"(,"stop_sequences":)";
        out += request.stop_json();
        taken.emplace_back("stop_sequences");
    }
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
    append_format(out, request, options.schema_by, taken);
    if (Result<void> appended = append_tools(out, request, options, taken); !appended) {
        return std::move(appended).error();
    }
    append_sampling(out, request, taken);
    if (Result<void> appended = plugin::append_params(out, request.params_json(), taken); !appended) {
        return std::move(appended).error();
    }
    out += '}';
    return out;
}

}  // namespace eco2::anthropic
