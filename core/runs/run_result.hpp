#pragma once

#include "pipeline/run.hpp"

#include <string>
#include <string_view>

/// What a run comes to, as JSON. Pure.
namespace eco2 {

/// The answer of a run that is over, whatever its end.
std::string run_result(const Run& run);

/// The same shape for a request that never became a run, or for a run of which nothing more is known.
std::string failed_result(std::string_view run_id, const Error& error);

/// The error's own words, or the table's help where it has none.
std::string_view words_of(const Error& error) noexcept;

}  // namespace eco2
