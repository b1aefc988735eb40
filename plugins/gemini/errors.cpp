#include "gemini/errors.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/upstream_errors.hpp"
#include "eco2/wire/duration.hpp"
#include "eco2/wire/retry_hint.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace eco2::gemini {

using plugin::ErrorClass;
using plugin::Failure;
using plugin::json_member;
using plugin::json_text;

namespace {

struct Word {
    std::string_view word;
    ErrorClass error_class;
};

constexpr std::array kStatuses{
    Word{"INVALID_ARGUMENT", ErrorClass::caller_fault},
    Word{"FAILED_PRECONDITION", ErrorClass::key_fault},  // no free tier here, or no billing
    Word{"OUT_OF_RANGE", ErrorClass::caller_fault},
    Word{"NOT_FOUND", ErrorClass::caller_fault},
    Word{"PERMISSION_DENIED", ErrorClass::key_fault},
    Word{"UNAUTHENTICATED", ErrorClass::key_fault},
    Word{"RESOURCE_EXHAUSTED", ErrorClass::limited},
    Word{"UNAVAILABLE", ErrorClass::overloaded},
    Word{"INTERNAL", ErrorClass::provider_fault},
    Word{"UNKNOWN", ErrorClass::provider_fault},
    Word{"DEADLINE_EXCEEDED", ErrorClass::provider_fault},
    Word{"CANCELLED", ErrorClass::provider_fault},
};

/// What an error says, its details included.
struct Told {
    std::string_view status;
    std::string_view message;
    std::string_view reason;  // of an ErrorInfo, e.g. API_KEY_INVALID
    int code = 0;
    bool is_daily = false;  // a quota that comes back tomorrow
    std::int64_t retry_ms = -1;
};

void read_detail(Told& told, const boost::json::value& detail) {
    const std::string_view type = json_text(json_member(&detail, "@type")).value_or("");
    if (type.ends_with(".ErrorInfo")) {
        told.reason = json_text(json_member(&detail, "reason")).value_or("");
    } else if (type.ends_with(".RetryInfo")) {
        const auto delay = json_text(json_member(&detail, "retryDelay"));
        told.retry_ms = delay ? wire::parse_duration_ms(*delay).value_or(-1) : -1;
    } else if (type.ends_with(".QuotaFailure")) {
        const boost::json::array* const violations = plugin::json_array(json_member(&detail, "violations"));
        for (std::size_t index = 0; violations != nullptr && index < violations->size(); ++index) {
            const auto quota = json_text(json_member(&(*violations)[index], "quotaId"));
            told.is_daily = told.is_daily || (quota && quota->find("PerDay") != std::string_view::npos);
        }
    }
}

Told read_error(const boost::json::value* error) {
    Told told;
    told.status = json_text(json_member(error, "status")).value_or("");
    told.message = json_text(json_member(error, "message")).value_or("");
    told.code = static_cast<int>(plugin::json_integer(json_member(error, "code")).value_or(0));
    const boost::json::array* const details = plugin::json_array(json_member(error, "details"));
    for (std::size_t index = 0; details != nullptr && index < details->size(); ++index) {
        read_detail(told, (*details)[index]);
    }
    return told;
}

bool has(std::string_view text, std::string_view words) {
    return text.find(words) != std::string_view::npos;
}

ErrorClass classify(const Told& told, int status) {
    if (told.reason.starts_with("API_KEY_") || has(told.message, "API key not valid") || told.is_daily) {
        return ErrorClass::key_fault;  // a bad key comes as INVALID_ARGUMENT
    }
    if (has(told.message, "exceeds the maximum number of tokens")) {
        return ErrorClass::context_length;
    }
    const auto* const known =
        std::find_if(kStatuses.begin(), kStatuses.end(), [&](const Word& row) { return row.word == told.status; });
    if (known != kStatuses.end()) {
        return known->error_class;
    }
    return status == 0 ? ErrorClass::provider_fault : plugin::class_of_http_status(status);
}

Failure build(const Told& told, int status) {
    const ErrorClass error_class = classify(told, status);
    const std::string code = !told.reason.empty()   ? std::string(told.reason)
                             : !told.status.empty() ? std::string(told.status)
                             : status == 0          ? "upstream_error"
                                                    : "http_" + std::to_string(status);
    const bool is_about_key = status == 401 || told.reason.starts_with("API_KEY_");
    Failure failure =
        plugin::upstream_failure(error_class,
                                 code,
                                 is_about_key ? "the upstream did not accept the key"
                                              : std::string(wire::utf8_prefix(told.message, plugin::kReasonBytesMax)));
    failure.retry_after_ms = told.retry_ms;
    return failure;
}

}  // namespace

Failure classify_response(int status, const plugin::Headers& headers, std::string_view body, std::int64_t wall_now_ns) {
    body = plugin::without_byte_order_mark(body);
    plugin::JsonDocument<> document;
    const bool is_json = document.parse(body);
    const boost::json::value* root = is_json ? &document.value() : nullptr;
    if (const boost::json::array* const list = plugin::json_array(root); list != nullptr && !list->empty()) {
        root = &list->front();  // without alt=sse a stream, and its error, is a list
    }
    Told told = read_error(json_member(root, "error"));
    const std::string reason = is_json ? std::string() : plugin::reason_of_plain_body(body);
    told.message = told.message.empty() ? reason : told.message;
    Failure failure = build(told, status);
    if (failure.message.empty()) {
        failure.message = plugin::no_reason(status, headers.find("content-type"), body.size());
    }
    if (status < 400) {
        failure.is_retryable = false;
        failure.message = "HTTP " + std::to_string(status) + " where an answer was due; check base_url";
    }
    const wire::RetryHint hint = wire::read_retry_hint(headers, wall_now_ns);
    failure.retry_after_ms = hint.after_ms >= 0 ? hint.after_ms : failure.retry_after_ms;
    failure.is_retryable = hint.should_retry.value_or(failure.is_retryable);
    return failure;
}

Failure classify_in_stream(const boost::json::value& error) {
    const Told told = read_error(&error);
    Failure failure = build(told, told.code);
    if (failure.message.empty()) {
        failure.message = "the upstream broke its answer off";
    }
    return failure;
}

Failure malformed(std::string_view what) {
    return plugin::provider_fault("malformed", std::string(what));
}

}  // namespace eco2::gemini
