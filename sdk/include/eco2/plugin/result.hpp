#pragma once

#include "eco2/abi/base.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace eco2::plugin {
inline namespace draft_2 {

enum class Status : std::int32_t {
    ok = ECO2_OK,
    invalid_argument = ECO2_INVALID_ARGUMENT,
    unsupported = ECO2_UNSUPPORTED,
    unavailable = ECO2_UNAVAILABLE,
    deadline_exceeded = ECO2_DEADLINE_EXCEEDED,
    cancelled = ECO2_CANCELLED,
    resource_exhausted = ECO2_RESOURCE_EXHAUSTED,
    unauthenticated = ECO2_UNAUTHENTICATED,
    internal = ECO2_INTERNAL,
    not_found = ECO2_NOT_FOUND,
};

/// What a failure means for whoever decides about another attempt; see ECO2_CLASS_* for each.
enum class ErrorClass : std::int32_t {
    none = ECO2_CLASS_NONE,
    caller_fault = ECO2_CLASS_CALLER_FAULT,
    context_length = ECO2_CLASS_CONTEXT_LENGTH,
    content_policy = ECO2_CLASS_CONTENT_POLICY,
    key_fault = ECO2_CLASS_KEY_FAULT,
    limited = ECO2_CLASS_LIMITED,
    overloaded = ECO2_CLASS_OVERLOADED,
    provider_fault = ECO2_CLASS_PROVIDER_FAULT,
};

enum class FinishReason : std::int32_t {
    none = ECO2_FINISH_NONE,
    stop = ECO2_FINISH_STOP,
    length = ECO2_FINISH_LENGTH,
    tool = ECO2_FINISH_TOOL,
    content_filter = ECO2_FINISH_CONTENT_FILTER,
    refusal = ECO2_FINISH_REFUSAL,
    other = ECO2_FINISH_OTHER,
};

/// Why something did not work.
struct Failure {
    Status status = Status::internal;
    ErrorClass error_class = ErrorClass::none;
    std::string code;              // stable, for programs, e.g. "insufficient_quota"
    std::string message;           // for people: what failed, with which input; no secrets
    int upstream_http_status = 0;  // 0: none
    bool is_retryable = false;
    std::int64_t retry_after_ms = -1;  // -1: no hint
};

inline Failure fail(Status status, std::string code, std::string message) {
    Failure failure;
    failure.status = status;
    failure.code = std::move(code);
    failure.message = std::move(message);
    return failure;
}

/// An upstream that is to blame: reset, silence, an answer that cannot be read. Another attempt may help.
inline Failure provider_fault(std::string code, std::string message) {
    Failure failure = fail(Status::unavailable, std::move(code), std::move(message));
    failure.error_class = ErrorClass::provider_fault;
    failure.is_retryable = true;
    return failure;
}

/// A value or a Failure. `if (!r) return r.error();` is the way through.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}

    explicit operator bool() const noexcept { return state_.index() == 0; }
    bool has_value() const noexcept { return state_.index() == 0; }

    /// Precondition of these: has_value().
    T& operator*() & noexcept { return *std::get_if<0>(&state_); }
    const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
    T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
    T* operator->() noexcept { return std::get_if<0>(&state_); }
    const T* operator->() const noexcept { return std::get_if<0>(&state_); }

    /// Precondition: not has_value().
    Failure& error() & noexcept { return *std::get_if<1>(&state_); }
    const Failure& error() const& noexcept { return *std::get_if<1>(&state_); }
    Failure&& error() && noexcept { return std::move(*std::get_if<1>(&state_)); }

private:
    std::variant<T, Failure> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Failure failure) : failure_(std::move(failure)) {}

    explicit operator bool() const noexcept { return !failure_; }
    bool has_value() const noexcept { return !failure_; }

    Failure& error() & noexcept { return *failure_; }
    const Failure& error() const& noexcept { return *failure_; }
    Failure&& error() && noexcept { return std::move(*failure_); }

private:
    std::optional<Failure> failure_;
};

inline constexpr eco2_str to_abi(std::string_view text) noexcept {
    return eco2_str{text.data(), text.size()};
}
inline constexpr std::string_view from_abi(eco2_str text) noexcept {
    return text.size == 0 ? std::string_view{} : std::string_view{text.data, text.size};
}
inline constexpr eco2_status to_abi(Status status) noexcept {
    return static_cast<eco2_status>(status);
}

/// Lifetime: borrows the texts of `failure`.
inline eco2_error to_abi(const Failure& failure) noexcept {
    eco2_error error{};
    error.struct_size = sizeof error;
    error.status = failure.status == Status::ok ? ECO2_INTERNAL : static_cast<eco2_status>(failure.status);
    error.error_class = static_cast<eco2_error_class>(failure.error_class);
    error.upstream_http_status = failure.upstream_http_status;
    error.flags = failure.is_retryable ? ECO2_ERROR_RETRYABLE : 0u;
    error.retry_after_ms = failure.retry_after_ms;
    error.code = to_abi(std::string_view(failure.code));
    error.message = to_abi(std::string_view(failure.message));
    return error;
}

inline Failure from_abi(const eco2_error& error) {
    Failure failure;
    failure.status = static_cast<Status>(error.status);
    failure.error_class = static_cast<ErrorClass>(error.error_class);
    failure.code = from_abi(error.code);
    failure.message = from_abi(error.message);
    failure.upstream_http_status = error.upstream_http_status;
    failure.is_retryable = (error.flags & ECO2_ERROR_RETRYABLE) != 0;
    failure.retry_after_ms = error.retry_after_ms;
    return failure;
}

}  // namespace draft_2
}  // namespace eco2::plugin
