#include "plugin_host/abi_values.hpp"

#include "base/text.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace eco2::plugin_host {
namespace {

constexpr std::array<std::string_view, 10> kStatusNames = {"OK",
                                                           "INVALID_ARGUMENT",
                                                           "UNSUPPORTED",
                                                           "UNAVAILABLE",
                                                           "DEADLINE_EXCEEDED",
                                                           "CANCELLED",
                                                           "RESOURCE_EXHAUSTED",
                                                           "UNAUTHENTICATED",
                                                           "INTERNAL",
                                                           "NOT_FOUND"};

constexpr std::size_t kMessageBytesMax = 2'000;  // a plugin may quote a whole upstream answer

FaultClass fault_of(eco2_error_class error_class) noexcept {
    switch (error_class) {
        case ECO2_CLASS_NONE: return FaultClass::none;
        case ECO2_CLASS_CALLER_FAULT: return FaultClass::caller_fault;
        case ECO2_CLASS_CONTEXT_LENGTH: return FaultClass::context_length;
        case ECO2_CLASS_CONTENT_POLICY: return FaultClass::content_policy;
        case ECO2_CLASS_KEY_FAULT: return FaultClass::key_fault;
        case ECO2_CLASS_LIMITED: return FaultClass::limited;
        case ECO2_CLASS_OVERLOADED: return FaultClass::overloaded;
        default: return FaultClass::provider_fault;
    }
}

FaultClass fault_of_status(eco2_status status) noexcept {
    switch (status) {
        case ECO2_INVALID_ARGUMENT:
        case ECO2_UNSUPPORTED:
        case ECO2_NOT_FOUND: return FaultClass::caller_fault;
        case ECO2_UNAUTHENTICATED: return FaultClass::key_fault;
        case ECO2_RESOURCE_EXHAUSTED: return FaultClass::overloaded;
        default: return FaultClass::provider_fault;
    }
}

/// The host's own HTTP service names its errors; a provider that passes such a name on loses nothing. "malformed" is the one
/// word of plugins that the ABI gives a meaning.
Errc provider_fault_of(std::string_view code) noexcept {
    if (code == "malformed") {
        return Errc::provider_bad_answer;
    }
    for (const auto passed : {Errc::provider_unreachable,
                              Errc::provider_tls,
                              Errc::provider_reset,
                              Errc::provider_timeout,
                              Errc::provider_bad_answer}) {
        if (info(passed).name == code) {
            return passed;
        }
    }
    return Errc::provider_error;
}

Errc provider_errc(FaultClass fault, std::string_view code) noexcept {
    switch (fault) {
        case FaultClass::caller_fault: return Errc::provider_rejected;
        case FaultClass::context_length: return Errc::provider_context_length;
        case FaultClass::content_policy: return Errc::provider_refused;
        case FaultClass::key_fault: return Errc::provider_key;
        case FaultClass::limited: return Errc::provider_limited;
        case FaultClass::overloaded: return Errc::provider_overloaded;
        default: return provider_fault_of(code);
    }
}

Errc errc_of(CallFamily family, eco2_status status, FaultClass fault, std::string_view code) noexcept {
    if (status == ECO2_CANCELLED) {
        return Errc::cancelled;
    }
    switch (family) {
        case CallFamily::rule_store: return Errc::rule_store_failed;
        case CallFamily::reward: return Errc::reward_failed;
        case CallFamily::provider: break;
    }
    return status == ECO2_DEADLINE_EXCEEDED ? Errc::provider_timeout : provider_errc(fault, code);
}

constexpr eco2_error kNoError = {sizeof(eco2_error), ECO2_INTERNAL, ECO2_CLASS_PROVIDER_FAULT, 0, 0, 0, -1, {}, {}};

}  // namespace

std::string one_line(std::string_view text) {
    std::string out = shorten(text, kMessageBytesMax);
    const bool is_utf8 = is_valid_utf8(out);
    for (char& letter : out) {
        const auto byte = static_cast<unsigned char>(letter);
        if (byte < 0x20 || byte == 0x7F) {
            letter = ' ';
        } else if (byte >= 0x80 && !is_utf8) {
            letter = '?';
        }
    }
    return out;
}

std::int64_t abi_time(Clock::Monotonic time) noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Clock::Monotonic time_of_abi(std::int64_t monotonic_ns) noexcept {
    return Clock::Monotonic(std::chrono::duration_cast<Clock::Monotonic::duration>(std::chrono::nanoseconds(monotonic_ns)));
}

Usage usage_of(const eco2_usage& usage) noexcept {
    const AbiView<eco2_usage> view(&usage, {sizeof(eco2_usage), 0, -1, -1, -1, -1});
    const auto count = [](std::int64_t tokens) { return std::max<std::int64_t>(tokens, -1); };
    return {.input_tokens = count(view->input_tokens),
            .output_tokens = count(view->output_tokens),
            .cached_input_tokens = count(view->cached_input_tokens),
            .reasoning_tokens = count(view->reasoning_tokens),
            .is_estimated = (view->flags & ECO2_USAGE_ESTIMATED) != 0};
}

RateLimits limits_of(const eco2_rate_limits& limits) noexcept {
    const AbiView<eco2_rate_limits> view(&limits, {sizeof(eco2_rate_limits), 0, -1, -1, -1, -1, -1, -1});
    return {.requests_limit = view->requests_limit,
            .requests_remaining = view->requests_remaining,
            .requests_reset_ms = view->requests_reset_ms,
            .tokens_limit = view->tokens_limit,
            .tokens_remaining = view->tokens_remaining,
            .tokens_reset_ms = view->tokens_reset_ms};
}

FinishReason finish_of(eco2_finish_reason reason) noexcept {
    switch (reason) {
        case ECO2_FINISH_NONE: return FinishReason::none;
        case ECO2_FINISH_STOP: return FinishReason::stop;
        case ECO2_FINISH_LENGTH: return FinishReason::length;
        case ECO2_FINISH_TOOL: return FinishReason::tool;
        case ECO2_FINISH_CONTENT_FILTER: return FinishReason::content_filter;
        case ECO2_FINISH_REFUSAL: return FinishReason::refusal;
        default: return FinishReason::other;
    }
}

std::optional<Capabilities> capabilities_of(std::string_view json) {
    boost::system::error_code ec;
    const auto value = boost::json::parse(json, ec);
    const auto* object = ec ? nullptr : value.if_object();
    const auto* told = object == nullptr ? nullptr : object->if_contains("capabilities");
    const auto* capabilities = told == nullptr ? nullptr : told->if_object();
    if (capabilities == nullptr) {
        return std::nullopt;
    }
    const auto has = [&](std::string_view name) {
        const auto* flag = capabilities->if_contains(name);
        return flag != nullptr && flag->is_bool() && flag->get_bool();
    };
    return Capabilities{.has_vision = has("vision"),
                        .has_json_schema = has("json_schema"),
                        .has_streaming = has("streaming"),
                        .has_tools = has("tools"),
                        .has_chat = has("chat")};
}

std::string_view status_name(eco2_status status) noexcept {
    const auto index = static_cast<std::size_t>(status);
    return status >= 0 && index < kStatusNames.size() ? kStatusNames[index] : kStatusNames[ECO2_INTERNAL];
}

std::string describe(eco2_status status, const eco2_error* error) {
    const AbiView<eco2_error> view(error, kNoError);
    std::string text = view ? one_line(text_of(view->code)) : std::string{};
    const std::string message = view ? one_line(text_of(view->message)) : std::string{};
    if (!text.empty() && !message.empty()) {
        text += ": ";
    }
    text += message;
    return text.empty() ? std::string(status_name(status)) : text;
}

CallError call_error_of(CallFamily family, eco2_status status, const eco2_error* error) {
    const AbiView<eco2_error> view(error, kNoError);
    CallError out;
    out.fault = view ? fault_of(view->error_class) : fault_of_status(status);
    if (out.fault == FaultClass::none && status != ECO2_CANCELLED) {
        out.fault = fault_of_status(status);
    }
    const auto code = view ? text_of(view->code) : std::string_view{};
    const auto errc = errc_of(family, status, out.fault, code);
    const bool says_it_twice = view && info(errc).name == code && !text_of(view->message).empty();
    out.error = Error{errc, says_it_twice ? one_line(text_of(view->message)) : describe(status, error), -1};
    out.is_retryable = info(out.error.code).is_retryable;
    if (view) {
        out.error.retry_after_ms = view->retry_after_ms < 0 ? -1 : static_cast<long>(view->retry_after_ms);
        out.upstream_http_status = view->upstream_http_status;
        out.upstream_code = one_line(code);
        out.is_retryable = (view->flags & ECO2_ERROR_RETRYABLE) != 0;
    }
    return out;
}

CallError call_error(Errc code, std::string detail) {
    CallError out;
    out.error = Error{code, std::move(detail), -1};
    out.fault = code == Errc::cancelled ? FaultClass::none : FaultClass::provider_fault;
    out.is_retryable = info(code).is_retryable;
    return out;
}

eco2_status abi_status(Errc code) noexcept {
    switch (code) {
        case Errc::bad_request: return ECO2_INVALID_ARGUMENT;
        case Errc::limit_exceeded:
        case Errc::overloaded: return ECO2_RESOURCE_EXHAUSTED;
        case Errc::cancelled: return ECO2_CANCELLED;
        case Errc::provider_timeout:
        case Errc::deadline_exceeded: return ECO2_DEADLINE_EXCEEDED;
        case Errc::provider_unreachable:
        case Errc::provider_tls:
        case Errc::provider_reset:
        case Errc::provider_bad_answer:
        case Errc::draining: return ECO2_UNAVAILABLE;
        default: return ECO2_INTERNAL;
    }
}

eco2_error abi_error(const Error& error) noexcept {
    eco2_error out = kNoError;
    out.status = abi_status(error.code);
    out.error_class = error.code == Errc::cancelled ? ECO2_CLASS_NONE : ECO2_CLASS_PROVIDER_FAULT;
    out.flags = info(error.code).is_retryable ? ECO2_ERROR_RETRYABLE : 0U;
    out.retry_after_ms = error.retry_after_ms;
    out.code = abi_text(error.name());
    out.message = abi_text(error.detail);
    return out;
}

}  // namespace eco2::plugin_host
