#pragma once

#include "model/run_store.hpp"

#include <string_view>

namespace eco2::app {

/// The value of a name in "a=1&b=2"; empty where it is missing. Percent-encoding is left as it came.
std::string_view query_value(std::string_view query, std::string_view name) noexcept;

/// `limit` (1 to limits::kRunListMax), `before` (a list's next_before) and `status` (processing, completed, failed, cancelled).
/// Errors: invalid_field.
Result<RunFilter> read_run_filter(std::string_view query);

}  // namespace eco2::app
