#pragma once

#include "base/result.hpp"

#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <string_view>

namespace eco2::batch {

/// Reads one line as a JSON object in which no key stands twice. White space around it is allowed.
///
/// Lifetime: the value lives in `memory`. Errors: invalid_field, with the byte where it is not JSON.
Result<boost::json::object> read_json_line(std::string_view line, std::size_t depth_max, boost::json::storage_ptr memory);

/// "true", "a number", "a list": for messages.
std::string_view kind_of(const boost::json::value& value) noexcept;

}  // namespace eco2::batch
