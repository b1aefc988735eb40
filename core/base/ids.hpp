#pragma once

#include <string>

namespace eco2 {

/// A random UUID (version 4) from the operating system's generator, in lower case.
/// Thread-safety: any thread. Blocks: never, once the system has booted.
std::string new_uuid();

}  // namespace eco2
