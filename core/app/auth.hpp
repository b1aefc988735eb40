#pragma once

#include "base/result.hpp"
#include "config/host_config.hpp"
#include "net/server.hpp"

#include <string>

namespace eco2::app {

/// The user whom `auth.mode = none` gives to everybody.
inline constexpr std::string_view kNobody = "00000000-0000-0000-0000-000000000000";

/// Who sent this request. Errors: unauthorized.
Result<std::string> authenticate(const config::AuthConfig& auth, const net::ServerRequest& request);

/// Whether a listener may be opened at all: without users only on loopback. Errors: config_invalid.
Result<void> check_listener(const config::HostConfig& config);

}  // namespace eco2::app
