#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace eco2 {

/// SHA-256 as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

/// In a time that does not depend on where they differ. Texts of different lengths differ at once.
bool equal_in_constant_time(std::string_view left, std::string_view right) noexcept;

/// SHA-256 of everything behind an open descriptor, from its start; the file position is left alone.
/// Blocks: reads the whole file. Errors: io_failed.
Result<std::string> sha256_hex_of_fd(int fd);

}  // namespace eco2
