#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace eco2 {

/// SHA-256 as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

/// SHA-256 of everything behind an open descriptor, from its start; the file position is left alone.
/// Blocks: reads the whole file. Errors: io_failed.
Result<std::string> sha256_hex_of_fd(int fd);

}  // namespace eco2
