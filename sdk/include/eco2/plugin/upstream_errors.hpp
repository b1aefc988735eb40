#pragma once

#include "eco2/plugin/result.hpp"
#include "eco2/wire/utf8.hpp"

#include <cstddef>
#include <string>
#include <string_view>

/// What HTTP providers' errors have in common, whatever their wire format.
namespace eco2::plugin {
inline namespace draft_2 {

inline constexpr std::size_t kReasonBytesMax = 500;  // some upstreams quote the whole request

/// What a status says where the body says nothing better.
inline ErrorClass class_of_http_status(int status) noexcept {
    switch (status) {
        case 401:
        case 402:
        case 403: return ErrorClass::key_fault;
        case 408:
        case 409: return ErrorClass::provider_fault;  // timed out or collided upstream: official clients repeat both
        case 429: return ErrorClass::limited;
        case 503:
        case 529: return ErrorClass::overloaded;
        default: return status >= 400 && status < 500 ? ErrorClass::caller_fault : ErrorClass::provider_fault;
    }
}

inline Status status_of(ErrorClass error_class) noexcept {
    switch (error_class) {
        case ErrorClass::key_fault: return Status::unauthenticated;
        case ErrorClass::limited: return Status::resource_exhausted;
        case ErrorClass::overloaded:
        case ErrorClass::provider_fault: return Status::unavailable;
        default: return Status::invalid_argument;
    }
}

inline bool is_retryable(ErrorClass error_class) noexcept {
    return error_class == ErrorClass::limited || error_class == ErrorClass::overloaded ||
           error_class == ErrorClass::provider_fault;
}

inline Failure upstream_failure(ErrorClass error_class, std::string code, std::string message) {
    Failure failure = fail(status_of(error_class), std::move(code), std::move(message));
    failure.error_class = error_class;
    failure.is_retryable = is_retryable(error_class);
    return failure;
}

/// A request that no upstream would take, found before it is sent.
inline Failure caller_fault(std::string message) {
    return upstream_failure(ErrorClass::caller_fault, "invalid_request", std::move(message));
}

/// `text` without the byte-order mark that some servers put before JSON.
inline std::string_view without_byte_order_mark(std::string_view text) noexcept {
    return text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text;
}

/// The text after the first `"message":` of an error body that is no whole JSON, such as one cut at the layer's limit. Escapes
/// but \" stay as they are: it is for people. Empty: there is none. Limits: kReasonBytesMax.
inline std::string message_of_cut_json(std::string_view body) {
    constexpr std::string_view kBlank = " \t\r\n";
    constexpr std::string_view kName = "\"message\"";
    std::size_t at = body.find(kName);
    at = at == std::string_view::npos ? at : body.find_first_not_of(kBlank, at + kName.size());
    at = at == std::string_view::npos || body[at] != ':' ? std::string_view::npos : body.find_first_not_of(kBlank, at + 1);
    if (at == std::string_view::npos || body[at] != '"') {
        return {};
    }
    std::string out;
    for (++at; at < body.size() && body[at] != '"' && out.size() < kReasonBytesMax; ++at) {
        const bool is_quote = body[at] == '\\' && at + 1 < body.size() && body[at + 1] == '"';
        at += is_quote ? 1 : 0;
        out += body[at];
    }
    out.resize(wire::utf8_prefix(out, out.size() < kReasonBytesMax ? out.size() : kReasonBytesMax - 1).size());
    return wire::is_utf8(out) ? out : std::string();
}

/// The reason in an error body that is no JSON: its words, where it is plain text; empty for pages and binary.
inline std::string reason_of_plain_body(std::string_view body) {
    constexpr std::string_view kBlank = " \t\r\n";
    const std::size_t first = body.find_first_not_of(kBlank);
    if (first == std::string_view::npos || body[first] == '<') {
        return {};
    }
    if (body[first] == '{' || body[first] == '[') {
        return message_of_cut_json(body);
    }
    const std::string_view text = wire::utf8_prefix(body.substr(first), kReasonBytesMax);
    for (const char byte : text) {
        const auto code = static_cast<unsigned char>(byte);
        if (code < 0x20 && kBlank.find(byte) == std::string_view::npos) {
            return {};
        }
    }
    return wire::is_utf8(text) ? std::string(text.substr(0, text.find_last_not_of(kBlank) + 1)) : std::string();
}

/// What to say of a body without a reason.
inline std::string no_reason(int status, std::string_view content_type, std::size_t body_bytes) {
    return "HTTP " + std::to_string(status) + " with a body that names no error (" +
           std::string(wire::utf8_prefix(content_type, 64)) + ", " + std::to_string(body_bytes) + " bytes)";
}

}  // namespace draft_2
}  // namespace eco2::plugin
