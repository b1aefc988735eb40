#pragma once

#include "config/section.hpp"
#include "model/route_definition.hpp"

#include <string>

namespace eco2::config {

/// Reads [[account]]: quotas that keys share. Before the plugins, whose keys name accounts.
void read_accounts(Reading& reading, Section& root, RoutingDefinition& to);

/// Reads what a key of a plugin says of accounts and quotas; its secret is read elsewhere. Errors: an account that `routing`
/// does not have.
KeyDefinition read_key(Reading& reading, Section& section, std::string id, const RoutingDefinition& routing);

/// Reads [routing], [[route]] and [prices], after the plugins, which targets name.
void read_routing(Reading& reading, Section& root, RoutingDefinition& to);

}  // namespace eco2::config
