#include "anthropic/errors.hpp"

#include "anthropic/limits.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/upstream_errors.hpp"
#include "eco2/wire/retry_hint.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace eco2::anthropic {

using plugin::ErrorClass;
using plugin::Failure;
using plugin::json_member;
using plugin::json_text;

namespace {

struct Word {
    std::string_view word;
    ErrorClass error_class;
};

constexpr std::array kTypes{
    Word{"invalid_request_error", ErrorClass::caller_fault},
    Word{"authentication_error", ErrorClass::key_fault},
    Word{"billing_error", ErrorClass::key_fault},
    Word{"permission_error", ErrorClass::key_fault},
    Word{"not_found_error", ErrorClass::caller_fault},
    Word{"request_too_large", ErrorClass::caller_fault},
    Word{"rate_limit_error", ErrorClass::limited},
    Word{"timeout_error", ErrorClass::provider_fault},
    Word{"api_error", ErrorClass::provider_fault},
    Word{"overloaded_error", ErrorClass::overloaded},
};

// What types do not tell apart. Money that is spent comes as invalid_request_error or rate_limit_error: waiting does not help.
constexpr std::array kSentences{
    Word{"prompt is too long", ErrorClass::context_length},
    Word{"exceed context limit", ErrorClass::context_length},
    Word{"credit balance is too low", ErrorClass::key_fault},
    Word{"usage limits", ErrorClass::key_fault},
    Word{"spend limit", ErrorClass::key_fault},
    Word{"content filtering policy", ErrorClass::content_policy},
};

ErrorClass classify(std::string_view type, std::string_view message, int status) {
    for (const Word& row : kSentences) {
        if (message.find(row.word) != std::string_view::npos) {
            return row.error_class;
        }
    }
    const auto* const known = std::find_if(kTypes.begin(), kTypes.end(), [&](const Word& row) { return row.word == type; });
    const bool says_less_than_status = type == "api_error" && status != 0;
    if (known != kTypes.end() && !says_less_than_status) {
        return known->error_class;
    }
    return status == 0 ? ErrorClass::provider_fault : plugin::class_of_http_status(status);
}

Failure build(const boost::json::value* error, std::string_view reason, int status) {
    const std::string_view type = json_text(json_member(error, "type")).value_or("");
    const std::string_view message = json_text(json_member(error, "message")).value_or(reason);
    const ErrorClass error_class = classify(type, message, status);
    const std::string code = !type.empty() ? std::string(type)
                             : status == 0 ? "upstream_error"
                                           : "http_" + std::to_string(status);
    if (status == 401) {
        return plugin::upstream_failure(error_class, code, "the upstream did not accept the key");
    }
    return plugin::upstream_failure(error_class, code, std::string(wire::utf8_prefix(message, plugin::kReasonBytesMax)));
}

}  // namespace

Failure classify_response(int status, const plugin::Headers& headers, std::string_view body, std::int64_t wall_now_ns) {
    body = plugin::without_byte_order_mark(body);
    plugin::JsonDocument<> document;
    const bool is_json = document.parse(body);
    const boost::json::value* const error = is_json ? json_member(&document.value(), "error") : nullptr;
    Failure failure = build(error, is_json ? std::string() : plugin::reason_of_plain_body(body), status);
    if (failure.message.empty()) {
        failure.message = plugin::no_reason(status, headers.find("content-type"), body.size());
    }
    if (status < 400) {
        failure.is_retryable = false;
        failure.message = "HTTP " + std::to_string(status) + " where an answer was due; check base_url";
    }
    const wire::RetryHint hint = wire::read_retry_hint(headers, wall_now_ns);
    failure.retry_after_ms = hint.after_ms;
    if (failure.retry_after_ms < 0 && failure.error_class == ErrorClass::limited) {
        failure.retry_after_ms = reset_hint_ms(read_rate_limits(headers, wall_now_ns));
    }
    failure.is_retryable = hint.should_retry.value_or(failure.is_retryable);
    return failure;
}

Failure classify_in_stream(const boost::json::value& error) {
    Failure failure = build(&error, {}, 0);
    if (failure.message.empty()) {
        failure.message = "the upstream broke its answer off";
    }
    return failure;
}

Failure malformed(std::string_view what) {
    return plugin::provider_fault("malformed", std::string(what));
}

}  // namespace eco2::anthropic
