#pragma once

#include "base/result.hpp"
#include "config/node.hpp"

#include <filesystem>
#include <string_view>

namespace eco2::config {

/// Parses TOML text; `file` is for messages. The only user of toml++ here.
///
/// Errors: config_invalid, as `file:line:column: what is wrong`.
Result<Node> parse_toml(std::string_view text, std::string_view file);

/// Errors: config_invalid: cannot be read, too large, not TOML. Blocks: a file read.
Result<Node> read_toml(const std::filesystem::path& file);

}  // namespace eco2::config
