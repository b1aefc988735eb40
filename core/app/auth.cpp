#include "app/auth.hpp"

#include "base/text.hpp"
#include "net/url_guard.hpp"

#include <algorithm>

namespace eco2::app {

Result<std::string> authenticate(const config::AuthConfig& auth, const net::ServerRequest& request) {
    if (auth.mode == config::AuthMode::none) {
        return std::string(kNobody);
    }
    const bool is_trusted = std::any_of(
        auth.trusted_peers.begin(), auth.trusted_peers.end(), [&](const auto& range) { return range.contains(request.peer); });
    if (!is_trusted) {
        return fail(Errc::unauthorized, "this peer may not say who the user is (auth.trusted_peers)");
    }
    const auto user = request.header("x-user-id");
    if (user.empty()) {
        return fail(Errc::unauthorized, "Missing x-user-id header");
    }
    // A proxy that appends its header to the client's would otherwise let the client choose.
    if (std::count_if(request.headers.begin(), request.headers.end(), [](const auto& h) { return h.first == "x-user-id"; }) >
        1) {
        return fail(Errc::unauthorized, "more than one x-user-id header");
    }
    if (!is_uuid(user)) {
        return fail(Errc::unauthorized, "Invalid x-user-id format");
    }
    return to_lower_ascii(user);
}

Result<void> check_listener(const config::HostConfig& config) {
    if (config.auth.mode == config::AuthMode::none && !net::is_loopback_host(config.server.listen.host)) {
        return fail(
            Errc::config_invalid,
            config.server.listen.host +
                " is not a loopback address and auth.mode is \"none\": everybody could spend your provider's money; set "
                "auth.mode = \"header\" and auth.trusted_peers, or listen on 127.0.0.1");
    }
    return {};
}

}  // namespace eco2::app
