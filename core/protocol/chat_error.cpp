#include "protocol/chat_error.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace eco2 {
namespace {

constexpr std::string_view kInvalid = "invalid_request_error";
constexpr std::string_view kServer = "server_error";
constexpr std::string_view kRate = "rate_limit_error";

struct Row {
    Errc error;
    int status;  // 0: the table's
    std::string_view type;
    std::string_view code;  // empty: the table's name in lower case
};

/// Where OpenAI's way of telling differs from the status alone.
constexpr auto kRows = std::to_array<Row>({
    {Errc::invalid_json, 400, kInvalid, "invalid_json"},
    {Errc::invalid_field, 400, kInvalid, "invalid_value"},
    {Errc::unsupported_model, 404, kInvalid, "model_not_found"},
    {Errc::unauthorized, 0, "authentication_error", "invalid_api_key"},
    {Errc::forbidden, 0, "permission_error", "permission_denied"},
    {Errc::quota_exceeded, 0, kRate, "rate_limit_exceeded"},
    {Errc::cancelled, 0, kServer, "cancelled"},
    {Errc::provider_context_length, 0, kInvalid, "context_length_exceeded"},
    {Errc::provider_refused, 400, kInvalid, "content_policy_violation"},
    {Errc::provider_limited, 0, kRate, "rate_limit_exceeded"},
});

std::string_view type_of(int status) {
    switch (status) {
        case 401: return "authentication_error";
        case 403: return "permission_error";
        case 429: return kRate;
        default: return status < 500 ? kInvalid : kServer;
    }
}

bool is_inner(Errc code) {
    return code == Errc::store_failed || code == Errc::io_failed;
}

}  // namespace

ChatError chat_error(const Error& error, std::string_view param) {
    ChatError made;
    made.status = error.http_status();
    made.code = to_lower_ascii(error.name());
    made.type = type_of(made.status);
    const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.error == error.code; });
    if (row != kRows.end()) {
        made.status = row->status == 0 ? made.status : row->status;
        made.type = row->type;
        made.code = row->code;
    }
    made.param = param;
    made.message = error.detail.empty() || is_inner(error.code) ? std::string(info(error.code).help) : error.detail;
    made.retry_after_ms = error.retry_after_ms;
    const bool is_passing = error.code == Errc::draining || error.code == Errc::not_ready || error.code == Errc::overloaded;
    if (made.retry_after_ms < 0 && is_passing) {
        made.retry_after_ms = 1'000;
    }
    return made;
}

ChatError chat_error(const CallError& error) {
    auto made = chat_error(error.error);
    const bool is_callers = error.fault == FaultClass::caller_fault || error.fault == FaultClass::context_length ||
                            error.fault == FaultClass::content_policy;
    if (!is_callers) {
        return made;
    }
    if (!error.upstream_code.empty()) {
        made.code = shorten(error.upstream_code, 80);
        if (made.message.starts_with(error.upstream_code + ": ")) {
            made.message.erase(0, error.upstream_code.size() + 2);
        }
    }
    const int status = error.upstream_http_status;
    // An upstream's 401 would be read as our own.
    if (error.fault == FaultClass::caller_fault && status >= 400 && status < 500 && status != 401 && status != 403 &&
        status != 429) {
        made.status = status;
    } else if (made.status >= 500) {
        made.status = 400;
    }
    made.type = type_of(made.status);
    if (made.code == made.type) {
        made.code.clear();  // the upstream had none, and its type stood in
    }
    return made;
}

std::string chat_error_json(const ChatError& error) {
    std::string out = R"({"error":{"message":")";
    append_json_escaped(out, error.message);
    out += R"(","type":")";
    out += error.type;
    out += R"(","param":)";
    out += error.param.empty() ? "null" : json_quote(error.param);
    out += R"(,"code":)";
    out += error.code.empty() ? "null" : json_quote(error.code);
    return out + "}}";
}

}  // namespace eco2
