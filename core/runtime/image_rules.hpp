#pragma once

#include "config/host_config.hpp"
#include "net/url_guard.hpp"

namespace eco2::runtime {

/// Which image URLs this host's clients may name.
net::UrlRules image_url_rules(const config::HostConfig& config);

}  // namespace eco2::runtime
