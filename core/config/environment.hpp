#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace eco2::config {

/// Looks up an environment variable; tests bring their own.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

/// The process's. Thread-safety: nobody may change the environment meanwhile.
Environment process_environment();

}  // namespace eco2::config
