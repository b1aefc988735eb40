#pragma once

#include "config/host_config.hpp"
#include "net/server.hpp"

#include <string_view>

/// Which pages of other sites a browser lets at the API. Pure.
///
/// Source: WHATWG Fetch, "HTTP extensions: CORS protocol".
namespace eco2::app {

bool is_allowed_origin(const config::CorsConfig& cors, std::string_view origin) noexcept;
/// The list is "*": pages of any site may.
bool allows_all_origins(const config::CorsConfig& cors) noexcept;

/// The request's page is of this very host, as the browser says.
bool is_own_origin(const net::ServerRequest& request);

/// An OPTIONS request in which a browser asks whether it may send another.
bool is_preflight(const net::ServerRequest& request) noexcept;
net::ServerResponse preflight_response(const config::CorsConfig& cors, const net::ServerRequest& request);

/// Adds what the browser needs to hand the response to its page. Nothing for origins that are not on the list.
void add_cors_headers(const config::CorsConfig& cors, std::string_view origin, net::ServerResponse& response);

}  // namespace eco2::app
