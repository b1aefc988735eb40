#pragma once

#include "config/host_config.hpp"
#include "config/section.hpp"

#include <filesystem>

namespace eco2::config {

/// Reads [auth], [cors] and [quota]: who may use the host, from where, how much.
void read_access(Reading& reading, Section& root, const std::filesystem::path& dir, HostConfig& config);

}  // namespace eco2::config
