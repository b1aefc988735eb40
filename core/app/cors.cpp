#include "app/cors.hpp"

#include <algorithm>
#include <string>

namespace eco2::app {

bool allows_all_origins(const config::CorsConfig& cors) noexcept {
    return std::find(cors.origins.begin(), cors.origins.end(), "*") != cors.origins.end();
}

bool is_allowed_origin(const config::CorsConfig& cors, std::string_view origin) noexcept {
    return !origin.empty() && std::find(cors.origins.begin(), cors.origins.end(), origin) != cors.origins.end();
}

bool is_own_origin(const net::ServerRequest& request) {
    if (request.header("sec-fetch-site") == "same-origin") {
        return true;
    }
    const auto origin = request.header("origin");
    const auto host = request.header("host");
    const auto scheme = origin.find("://");
    return !host.empty() && scheme != std::string_view::npos && origin.substr(scheme + 3) == host;
}

bool is_preflight(const net::ServerRequest& request) noexcept {
    return request.method == "OPTIONS" && !request.header("access-control-request-method").empty();
}

net::ServerResponse preflight_response(const config::CorsConfig& cors, const net::ServerRequest& request) {
    net::ServerResponse response;
    response.status = 204;
    const auto origin = request.header("origin");
    if (allows_all_origins(cors) || is_allowed_origin(cors, origin)) {
        response.headers = {
            {"access-control-allow-methods", "GET, POST, OPTIONS"},
            {"access-control-allow-headers",
             "authorization, content-type, accept-language, idempotency-key, x-idempotency-key, x-api-key, last-event-id,"
             " prefer, traceparent"},
            {"access-control-max-age", std::to_string(cors.max_age.count())}};
    }
    add_cors_headers(cors, origin, response);
    return response;
}

void add_cors_headers(const config::CorsConfig& cors, std::string_view origin, net::ServerResponse& response) {
    if (cors.origins.empty()) {
        return;
    }
    if (allows_all_origins(cors)) {
        response.headers.emplace_back("access-control-allow-origin", "*");
    } else {
        response.headers.emplace_back("vary", "Origin");
        if (!is_allowed_origin(cors, origin)) {
            return;
        }
        response.headers.emplace_back("access-control-allow-origin", std::string(origin));
        if (cors.allows_credentials) {
            response.headers.emplace_back("access-control-allow-credentials", "true");
        }
    }
    response.headers.emplace_back("access-control-expose-headers", "location, retry-after, x-job-id, idempotent-replayed");
}

}  // namespace eco2::app
