#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>
#include <vector>

/// How what a person wrote is refused: a typo must never pass as "nothing was asked".
namespace eco2::fake {

/// invalid_field: "key" must be …
Error bad_key(std::string_view key, std::string_view expected);
/// invalid_field: "key" is not a key of `what`, with the nearest one that is.
Error unknown_key(std::string_view key, std::string_view what, const std::vector<std::string>& known);

}  // namespace eco2::fake
