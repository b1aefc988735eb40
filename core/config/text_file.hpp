#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <string>

namespace eco2::config {

/// A whole file that a person wrote: configuration, prompt, schema, secret.
///
/// Limits: limits::kConfigFileBytesMax. Errors: config_invalid, with the path and the reason. Blocks: a file read.
Result<std::string> read_text_file(const std::filesystem::path& file);

}  // namespace eco2::config
