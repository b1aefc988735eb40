#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eco2 {

/// The candidate that a person has probably meant: one that begins alike, or is few letters away. Empty: none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace eco2
