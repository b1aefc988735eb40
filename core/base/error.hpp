#pragma once

#include <span>
#include <string>
#include <string_view>

namespace eco2 {

/// The closed list of errors; `errors.def` is the only place to add one.
enum class Errc {
#define ECO2_ERROR(name, string, http, retryable, help) name,
#include "base/errors.def"
#undef ECO2_ERROR
};

/// One row of the table.
struct ErrorInfo {
    Errc code;
    std::string_view name;  ///< the stable string, e.g. "PROVIDER_RESET"
    int http_status;        ///< where the error answers a whole request
    bool is_retryable;      ///< the same request may succeed later
    std::string_view help;  ///< what the reader can do
};

/// All rows, in the table's order. Lifetime: static.
std::span<const ErrorInfo> all_errors() noexcept;

const ErrorInfo& info(Errc code) noexcept;

/// What went wrong, once.
///
/// `detail` says what failed, with which input (shortened) and what to do; lower case, no full stop, never a secret.
struct Error {
    Errc code = Errc::internal;
    std::string detail;
    long retry_after_ms = -1;  ///< -1: no hint

    std::string_view name() const noexcept { return info(code).name; }
    int http_status() const noexcept { return info(code).http_status; }
    /// "NAME: detail", or the table's help where there is no detail.
    std::string text() const;
};

}  // namespace eco2
