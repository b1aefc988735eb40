#pragma once

#include "config/host_config.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace eco2::runtime {

/// What a running host cannot change: its listener and its threads, its folders, what its stores and its HTTP client were made
/// with. Keys, or tables, of the configuration file.
std::vector<std::string_view> fixed_keys();

/// Puts `running`'s values of those keys into `config`, so that it tells what is in effect. Those that were different.
std::vector<std::string> keep_fixed_keys(const config::HostConfig& running, config::HostConfig& config);

}  // namespace eco2::runtime
