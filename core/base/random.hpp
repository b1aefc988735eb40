#pragma once

#include <cstddef>
#include <string>

namespace eco2 {

/// `bytes` bytes of the operating system's generator as lower-case hex digits. For secrets. Thread-safety: any thread.
std::string random_hex(std::size_t bytes);

}  // namespace eco2
