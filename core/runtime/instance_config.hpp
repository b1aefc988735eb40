#pragma once

#include "config/host_config.hpp"
#include "plugin_host/plugin_host.hpp"

namespace eco2::runtime {

/// A `[[plugin]]` table as the plugin host takes it: keys that are not set are left out.
plugin_host::InstanceConfig instance_config(const config::PluginConfig& plugin);

/// A key that is missing, or that may not be sent, is told before the first request needs it. Errors: config_invalid.
Result<void> check_keys(const config::PluginConfig& plugin);

}  // namespace eco2::runtime
