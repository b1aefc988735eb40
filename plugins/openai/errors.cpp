#include "openai/errors.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/upstream_errors.hpp"
#include "eco2/wire/rate_limits.hpp"
#include "eco2/wire/retry_hint.hpp"
#include "eco2/wire/utf8.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace eco2::openai {

using plugin::ErrorClass;
using plugin::Failure;
using plugin::Headers;
using plugin::json_array;
using plugin::json_integer;
using plugin::json_member;
using plugin::json_text;

namespace {

struct Word {
    std::string_view word;
    ErrorClass error_class;
};

// Codes and types that say more than the HTTP status; they win over it.
constexpr std::array kWords{
    Word{"insufficient_quota", ErrorClass::key_fault},  // sent with 429, but waiting does not help
    Word{"billing_hard_limit_reached", ErrorClass::key_fault},
    Word{"billing_not_active", ErrorClass::key_fault},
    Word{"account_deactivated", ErrorClass::key_fault},
    Word{"access_terminated", ErrorClass::key_fault},
    Word{"invalid_api_key", ErrorClass::key_fault},
    Word{"invalid_organization", ErrorClass::key_fault},
    Word{"authentication_error", ErrorClass::key_fault},
    Word{"permission_error", ErrorClass::key_fault},
    Word{"context_length_exceeded", ErrorClass::context_length},
    Word{"exceed_context_size_error", ErrorClass::context_length},  // llama.cpp
    Word{"content_filter", ErrorClass::content_policy},
    Word{"content_policy_violation", ErrorClass::content_policy},
    Word{"moderation_blocked", ErrorClass::content_policy},
    Word{"invalid_prompt", ErrorClass::content_policy},  // Responses: "your prompt was flagged"
    Word{"image_content_policy_violation", ErrorClass::content_policy},
    Word{"rate_limit_exceeded", ErrorClass::limited},
    Word{"rate_limit_error", ErrorClass::limited},
    Word{"slow_down", ErrorClass::limited},
    Word{"model_not_found", ErrorClass::caller_fault},
    Word{"invalid_image", ErrorClass::caller_fault},  // these: Responses, in a response that failed after a 200
    Word{"invalid_image_format", ErrorClass::caller_fault},
    Word{"invalid_base64_image", ErrorClass::caller_fault},
    Word{"invalid_image_url", ErrorClass::caller_fault},
    Word{"image_too_large", ErrorClass::caller_fault},
    Word{"image_too_small", ErrorClass::caller_fault},
    Word{"image_parse_error", ErrorClass::caller_fault},
    Word{"image_file_too_large", ErrorClass::caller_fault},
    Word{"unsupported_image_media_type", ErrorClass::caller_fault},
    Word{"empty_image_file", ErrorClass::caller_fault},
    Word{"failed_to_download_image", ErrorClass::caller_fault},
    Word{"overloaded_error", ErrorClass::overloaded},
    Word{"overloaded", ErrorClass::overloaded},
    Word{"server_error", ErrorClass::provider_fault},
    Word{"invalid_request_error", ErrorClass::caller_fault},
};

// What compatible servers (vLLM, llama.cpp) say of a prompt that is too long; they have no code for it, and some send it with
// 500.
constexpr std::array<std::string_view, 4> kTooLong{
    "maximum context length", "maximum model length", "exceeds the available context size", "Context size has been exceeded"};

// What compatible doors (Google's, Anthropic's) say of a key or its account with a 400.
constexpr std::array<std::string_view, 2> kBadKey{"API key not valid", "credit balance is too low"};

/// What an upstream says of an error, in whichever of the usual forms.
struct Told {
    std::string_view code;
    std::string_view type;
    std::string_view message;
    int status = 0;              // a code that is a number
    std::int64_t retry_ms = -1;  // of a RetryInfo: Google's, behind its OpenAI door
};

const Word* find_word(std::string_view text) {
    const auto* const found = std::find_if(kWords.begin(), kWords.end(), [&](const Word& row) { return row.word == text; });
    return found == kWords.end() ? nullptr : found;
}

/// `type` is a coarse word: it decides only where the status says nothing.
ErrorClass classify(const Told& told, int status) {
    const Word* const word = find_word(told.code);
    const bool is_coarse = word != nullptr && word->word == "invalid_request_error";  // DeepSeek's code with every status
    if (word != nullptr && !is_coarse) {
        return word->error_class;
    }
    const Word* const type = find_word(told.type);
    if (type != nullptr && (type->word == "insufficient_quota" || type->error_class == ErrorClass::context_length)) {
        return type->error_class;
    }
    const auto is_said = [&](std::string_view words) { return told.message.find(words) != std::string_view::npos; };
    if (std::any_of(kTooLong.begin(), kTooLong.end(), is_said)) {
        return ErrorClass::context_length;
    }
    if (status >= 400 && status < 500 && std::any_of(kBadKey.begin(), kBadKey.end(), is_said)) {
        return ErrorClass::key_fault;
    }
    if (status != 0) {
        return plugin::class_of_http_status(status);
    }
    const Word* const said = type != nullptr ? type : word;
    return said != nullptr ? said->error_class : ErrorClass::provider_fault;
}

Told read_error(const boost::json::value& error) {
    Told told;
    if (const auto text = json_text(&error)) {
        told.message = *text;
        return told;
    }
    const boost::json::value* const code = json_member(&error, "code");
    told.code = json_text(code).value_or("");
    told.type = json_text(json_member(&error, "type")).value_or("");
    told.message = json_text(json_member(&error, "message")).value_or("");
    const boost::json::array* const details = json_array(json_member(&error, "details"));
    for (std::size_t index = 0; details != nullptr && index < details->size(); ++index) {
        const auto delay = json_text(json_member(&(*details)[index], "retryDelay"));
        told.retry_ms = delay ? wire::parse_duration_ms(*delay).value_or(-1) : told.retry_ms;
    }
    if (const auto number = json_integer(code); number && *number >= 400 && *number < 600) {
        told.status = static_cast<int>(*number);
    }
    return told;
}

/// "detail" as text, or as a list of mistakes of which the first is told.
std::string_view detail_of(const boost::json::value* detail) {
    const boost::json::array* const list = json_array(detail);
    if (list == nullptr) {
        return json_text(detail).value_or("");
    }
    return list->empty() ? "" : json_text(json_member(&list->front(), "msg")).value_or(json_text(&list->front()).value_or(""));
}

/// {"error": ...} as OpenAI has it, or the error itself as the whole body, or {"detail": ...}.
Told read_body(const boost::json::value& body) {
    if (const boost::json::array* const list = json_array(&body); list != nullptr && !list->empty()) {
        return read_body(list->front());  // Google wraps its errors so
    }
    if (const boost::json::value* const error = json_member(&body, "error")) {
        return read_error(*error);
    }
    Told told = read_error(body);
    if (told.message.empty()) {
        told.message = detail_of(json_member(&body, "detail"));
    }
    return told;
}

std::string shown_code(const Told& told, int status) {
    if (!told.code.empty()) {
        return std::string(told.code);
    }
    if (!told.type.empty()) {
        return std::string(told.type);
    }
    return status == 0 ? "upstream_error" : "http_" + std::to_string(status);
}

Failure build(const Told& told, int status) {
    Failure failure;
    failure.error_class = classify(told, status);
    failure.status = plugin::status_of(failure.error_class);
    failure.is_retryable = plugin::is_retryable(failure.error_class);
    failure.retry_after_ms = told.retry_ms;
    failure.code = shown_code(told, status);
    if (failure.error_class == ErrorClass::key_fault && status == 401) {
        failure.message = "the upstream did not accept the key";  // its own words quote a part of the key
    } else {
        failure.message = wire::utf8_prefix(told.message, plugin::kReasonBytesMax);
    }
    return failure;
}

std::int64_t reset_hint_ms(const Headers& headers) {
    const wire::RateLimits limits = wire::read_rate_limits(headers);
    std::int64_t hint = -1;
    if (limits.requests_remaining == 0) {
        hint = std::max(hint, limits.requests_reset_ms);
    }
    if (limits.tokens_remaining == 0) {
        hint = std::max(hint, limits.tokens_reset_ms);
    }
    return hint;
}

}  // namespace

Failure classify_response(int status, const Headers& headers, std::string_view body, std::int64_t wall_now_ns) {
    body = plugin::without_byte_order_mark(body);
    plugin::JsonDocument<> document;
    Failure failure;
    if (document.parse(body)) {
        failure = build(read_body(document.value()), status);
    } else {
        Told told;
        const std::string reason = plugin::reason_of_plain_body(body);
        told.message = reason;
        failure = build(told, status);
    }
    if (failure.message.empty()) {
        failure.message = plugin::no_reason(status, headers.find("content-type"), body.size());
    }
    if (status < 400) {
        failure.is_retryable = false;
        failure.message = "HTTP " + std::to_string(status) + " where an answer was due; check base_url";
    }
    const wire::RetryHint hint = wire::read_retry_hint(headers, wall_now_ns);
    if (hint.after_ms >= 0) {
        failure.retry_after_ms = hint.after_ms;
    }
    if (failure.retry_after_ms < 0 && failure.error_class == ErrorClass::limited) {
        failure.retry_after_ms = reset_hint_ms(headers);
    }
    failure.is_retryable = hint.should_retry.value_or(failure.is_retryable);
    return failure;
}

Failure classify_in_stream(const boost::json::value& error) {
    const Told told = read_error(error);
    Failure failure = build(told, told.status);
    if (failure.message.empty()) {
        failure.message = "the upstream broke its answer off";
    }
    return failure;
}

Failure malformed(std::string_view what) {
    return plugin::provider_fault("malformed", std::string(what));
}

}  // namespace eco2::openai
