#include "openai/request_body.hpp"

#include "eco2/plugin/json_text.hpp"
#include "eco2/wire/base64.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace eco2::openai {

using plugin::append_json_escaped;
using plugin::GenerateRequest;
using plugin::ImageDetail;
using plugin::Message;
using plugin::Part;
using plugin::PartKind;
using plugin::Result;
using plugin::Role;

namespace {

plugin::Failure caller_fault(std::string message) {
    plugin::Failure failure = plugin::fail(plugin::Status::invalid_argument, "invalid_request", std::move(message));
    failure.error_class = plugin::ErrorClass::caller_fault;
    return failure;
}

/// An upper bound for the usual request, so that the body is allocated once.
std::size_t estimate(const GenerateRequest& request) {
    constexpr std::size_t kFrame = 512;
    std::size_t bytes = kFrame + request.schema_json().size() + request.params_json().size();
    for (const Message message : request.messages()) {
        for (const Part part : message.parts()) {
            const std::size_t text = part.text().size();
            bytes += text + text / 8 + wire::base64_size(part.bytes().size()) + 128;
        }
    }
    return bytes;
}

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    append_json_escaped(out, text);
    out += '"';
}

std::string_view role_name(Role role) {
    switch (role) {
        case Role::system: return "system";
        case Role::assistant: return "assistant";
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
            append_quoted(out, part.text());
            out += '}';
            return {};
        case PartKind::image_url:
            out += R"({"type":"image_url","image_url":{"url":)";
            append_quoted(out, part.text());
            break;
        case PartKind::image_bytes:
            out += R"({"type":"image_url","image_url":{"url":"data:)";
            append_json_escaped(out, part.mime());
            out += ";base64,";
            wire::append_base64(out, part.bytes());
            out += '"';
            break;
        default: return caller_fault("a message part of unknown kind");
    }
    append_detail(out, part.detail());
    out += "}}";
    return {};
}

Result<void> append_message(std::string& out, const Message& message) {
    out += R"({"role":")";
    out += role_name(message.role());
    out += R"(","content":)";
    const auto parts = message.parts();
    if (parts.size() == 1 && parts[0].kind() == PartKind::text) {
        append_quoted(out, parts[0].text());
        out += '}';
        return {};
    }
    char separator = '[';
    for (const Part part : parts) {
        out += separator;
        separator = ',';
        if (Result<void> appended = append_part(out, part); !appended) {
            return appended;
        }
    }
    out += separator == '[' ? "[]}" : "]}";
    return {};
}

template <class Number>
void append_number(std::string& out, Number number) {
    std::array<char, 32> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    out.append(digits.data(), end);
}

void append_response_format(std::string& out, const GenerateRequest& request, ResponseFormat format) {
    if (request.schema_json().empty() || format == ResponseFormat::none) {
        return;
    }
    if (format == ResponseFormat::json_object) {
        out += R"(,"response_format":{"type":"json_object"})";
        return;
    }
    out += R"(,"response_format":{"type":"json_schema","json_schema":{"name":)";
    append_quoted(out, request.schema_name().empty() ? "answer" : request.schema_name());
    out += R"(,"strict":true,"schema":)";
    out += request.schema_json();
    out += "}}";
}

/// Puts the members of a JSON object in as further members of ours.
Result<void> append_params(std::string& out, std::string_view params) {
    constexpr std::string_view kBlank = " \t\r\n";
    const std::size_t first = params.find_first_not_of(kBlank);
    if (first == std::string_view::npos) {
        return {};
    }
    params = params.substr(first, params.find_last_not_of(kBlank) - first + 1);
    if (params.size() < 2 || params.front() != '{' || params.back() != '}') {
        return caller_fault("params must be a JSON object");
    }
    params = params.substr(1, params.size() - 2);
    if (params.find_first_not_of(kBlank) != std::string_view::npos) {
        out += ',';
        out += params;
    }
    return {};
}

}  // namespace

Result<std::string> write_body(const GenerateRequest& request, const Options& options) {
    std::string out;
    out.reserve(estimate(request));
    out += R"({"model":)";
    append_quoted(out, request.model());
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
    append_response_format(out, request, options.response_format);
    if (request.max_output_tokens() >= 0) {
        out += ',';
        append_quoted(out, options.max_tokens_field);
        out += ':';
        append_number(out, request.max_output_tokens());
    }
    if (request.temperature() >= 0 && std::isfinite(request.temperature())) {
        out += R"(,"temperature":)";
        append_number(out, request.temperature());
    }
    if (Result<void> appended = append_params(out, request.params_json()); !appended) {
        return std::move(appended).error();
    }
    out += '}';
    return out;
}

}  // namespace eco2::openai
