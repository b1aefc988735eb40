#include "app/auth.hpp"

#include "app/cors.hpp"
#include "base/text.hpp"
#include "net/url_guard.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace eco2::app {
namespace {

constexpr std::string_view kKeyPrefix = "eco2_";

/// A header that may come once. Errors: unauthorized. A proxy that appends its header to the client's would otherwise let the
/// client choose.
Result<std::string_view> single_header(const net::ServerRequest& request, std::string_view name) {
    const auto is_it = [&](const auto& header) { return header.first == name; };
    if (std::count_if(request.headers.begin(), request.headers.end(), is_it) > 1) {
        return fail(Errc::unauthorized, "more than one " + std::string(name) + " header");
    }
    return request.header(name);
}

/// The value of a cookie; empty: there is none. Errors: unauthorized (more than one).
Result<std::string_view> cookie_of(const net::ServerRequest& request, std::string_view name) {
    std::optional<std::string_view> found;
    for (const auto& [header, value] : request.headers) {
        std::string_view rest = header == "cookie" ? std::string_view(value) : std::string_view();
        while (!rest.empty()) {
            const auto end = rest.find(';');
            const auto pair = trim(rest.substr(0, end));
            const auto equals = pair.find('=');
            if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
                if (found) {
                    return fail(Errc::unauthorized, "more than one " + std::string(name) + " cookie");
                }
                found = pair.substr(equals + 1);
            }
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        }
    }
    return found.value_or(std::string_view());
}

/// The token of "Authorization: Bearer TOKEN" or "X-Api-Key: TOKEN"; empty: neither is there.
Result<std::string_view> token_of(const net::ServerRequest& request) {
    const auto authorization = single_header(request, "authorization");
    const auto api_key = single_header(request, "x-api-key");
    if (!authorization || !api_key) {
        return authorization ? api_key.error() : authorization.error();
    }
    if (!authorization->empty() && !api_key->empty()) {
        return fail(Errc::unauthorized, "both an authorization and an x-api-key header");
    }
    if (authorization->empty()) {
        return trim(*api_key);
    }
    constexpr std::string_view kScheme = "bearer ";
    if (to_lower_ascii(authorization->substr(0, kScheme.size())) != kScheme) {
        return fail(Errc::unauthorized, "the authorization header must be \"Bearer TOKEN\"");
    }
    return trim(authorization->substr(kScheme.size()));
}

Result<std::string> user_header(const net::ServerRequest& request) {
    const auto user = single_header(request, "x-user-id");
    if (!user) {
        return user.error();
    }
    if (user->empty()) {
        return fail(Errc::unauthorized, "Missing x-user-id header");
    }
    if (!is_uuid(*user)) {
        return fail(Errc::unauthorized, "Invalid x-user-id format");
    }
    return to_lower_ascii(*user);
}

/// What changes nothing; a browser lets other sites' pages read none of it.
bool is_safe(const net::ServerRequest& request) {
    return request.method == "GET" || request.method == "HEAD";
}

bool holds(const std::vector<std::string>& names, std::string_view name) {
    return names.empty() || name.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool Caller::may(std::string_view scope) const noexcept {
    return holds(scopes, scope);
}

bool Caller::may_use_pipeline(std::string_view name) const noexcept {
    return holds(pipelines, name);
}

bool Caller::may_use_model(std::string_view name) const noexcept {
    return models.empty() ||
           std::any_of(models.begin(), models.end(), [&](const auto& glob) { return glob_matches(glob, name); });
}

Result<std::shared_ptr<const Authenticator>> Authenticator::make(const config::HostConfig& config,
                                                                 Log& log,
                                                                 const Clock& clock) {
    std::shared_ptr<store::KeyRing> ring;
    if (config.auth.accepts_keys) {
        auto keys = store::KeyRing::open(config.data_dir / "keys.db", log, clock);
        if (!keys) {
            return keys.error();
        }
        ring = std::move(keys.value());
    }
    return make(config, std::move(ring), clock);
}

Result<std::shared_ptr<const Authenticator>> Authenticator::make(const config::HostConfig& config,
                                                                 std::shared_ptr<store::KeyRing> keys,
                                                                 const Clock& clock) {
    std::shared_ptr<Authenticator> made(new Authenticator(config));
    made->keys_ = std::move(keys);
    if (config.auth.jwt) {
        const auto& jwt = *config.auth.jwt;
        auto verifier = JwtVerifier::make(
            {jwt.algorithm, jwt.key.value.value_or(""), jwt.issuer, jwt.audience, jwt.leeway, jwt.user_claim}, clock);
        if (!verifier) {
            return verifier.error();
        }
        made->jwt_ = std::move(verifier.value());
    }
    return std::shared_ptr<const Authenticator>(std::move(made));
}

Result<Caller> Authenticator::authenticate(const net::ServerRequest& request) const {
    if (auth_.lets_everybody_in()) {
        // Everybody on this machine, that is, and not every site that somebody on it looks at.
        const auto origin = request.header("origin");
        if (!is_safe(request) && !origin.empty() && !is_own_origin(request) && !is_allowed_origin(cors_, origin) &&
            !allows_all_origins(cors_)) {
            return fail(Errc::forbidden, "the request is from another site's page, which is not on the list (cors.origins)");
        }
        Caller nobody;
        nobody.user_id = kNobody;
        nobody.auth_provider = "disabled";
        return nobody;
    }
    const auto token = token_of(request);
    if (!token) {
        return token.error();
    }
    if (!token->empty()) {
        return by_token(*token, request);
    }
    if (jwt_ != nullptr) {
        const auto cookie = cookie_of(request, auth_.jwt->cookie);
        if (!cookie || !cookie->empty()) {
            return cookie ? by_cookie(*cookie, request) : Result<Caller>(cookie.error());
        }
    }
    return auth_.trusts_header ? by_header(request) : fail(Errc::unauthorized, "no credentials: send Authorization: Bearer");
}

Result<Caller> Authenticator::by_token(std::string_view token, const net::ServerRequest& request) const {
    if (token.starts_with(kKeyPrefix)) {
        return keys_ == nullptr ? fail(Errc::unauthorized, "API keys are not accepted here (auth.mode)")
                                : by_key(token, request);
    }
    if (jwt_ == nullptr) {
        return fail(Errc::unauthorized, "this is no API key, and other tokens are not accepted here (auth.mode)");
    }
    auto user = jwt_->verify(token);
    if (!user) {
        return user.error();
    }
    Caller caller;
    caller.user_id = std::move(*user);
    caller.means = Caller::Means::jwt;
    return caller;
}

Result<Caller> Authenticator::by_key(std::string_view token, const net::ServerRequest& request) const {
    auto key = keys_->check(token);
    if (!key) {
        return key.error();
    }
    Caller caller;
    caller.means = Caller::Means::key;
    caller.key_id = key->id;
    caller.user_id = key->user_id;
    caller.scopes = key->scopes;
    caller.pipelines = key->pipelines;
    caller.models = key->models;
    caller.requests_per_minute = key->requests_per_minute;
    caller.tokens_per_minute = key->tokens_per_minute;
    caller.spend_max_picousd = key->spend_max_picousd;
    if (key->is_for_users && !request.header("x-user-id").empty()) {
        auto user = user_header(request);
        if (!user) {
            return user.error();
        }
        caller.user_id = std::move(*user);
    }
    return caller;
}

/// A browser sends cookies along with requests that any site's page makes; such a page's origin tells it apart.
Result<Caller> Authenticator::by_cookie(std::string_view token, const net::ServerRequest& request) const {
    auto user = jwt_->verify(token);
    if (!user) {
        return user.error();
    }
    if (!is_safe(request) && !is_own_origin(request) && !is_allowed_origin(cors_, request.header("origin"))) {
        return fail(Errc::forbidden,
                    "a cookie is not enough here: the request's Origin is missing or not on the list (cors.origins)");
    }
    Caller caller;
    caller.user_id = std::move(*user);
    caller.means = Caller::Means::cookie;
    return caller;
}

Result<Caller> Authenticator::by_header(const net::ServerRequest& request) const {
    const bool is_trusted = std::any_of(auth_.trusted_peers.begin(), auth_.trusted_peers.end(), [&](const auto& range) {
        return range.contains(request.peer);
    });
    if (!is_trusted) {
        return fail(Errc::unauthorized, "this peer may not say who the user is (auth.trusted_peers)");
    }
    auto user = user_header(request);
    if (!user) {
        return user.error();
    }
    Caller caller;
    caller.user_id = std::move(*user);
    caller.means = Caller::Means::header;
    if (const auto provider = request.header("x-auth-provider"); !provider.empty()) {
        caller.auth_provider = shorten(provider, 64);
    }
    return caller;
}

Result<Caller> Authenticator::authorize(const net::ServerRequest& request,
                                        std::string_view scope,
                                        std::string_view pipeline) const {
    auto caller = authenticate(request);
    if (!caller) {
        return caller;
    }
    if (!caller->may(scope)) {
        return fail(Errc::forbidden, "this API key lacks the scope \"" + std::string(scope) + "\"");
    }
    if (!caller->may_use_pipeline(pipeline)) {
        return fail(Errc::forbidden, "this API key is not for pipeline \"" + shorten(pipeline, 80) + "\"");
    }
    return caller;
}

Result<void> check_listener(const config::HostConfig& config) {
    if (config.auth.lets_everybody_in() && !net::is_loopback_host(config.server.listen.host)) {
        return fail(
            Errc::config_invalid,
            config.server.listen.host +
                " is not a loopback address and auth.mode is \"none\": everybody could spend your provider's money; set "
                "auth.mode to \"key\", \"jwt\" or \"header\", or listen on 127.0.0.1");
    }
    return {};
}

}  // namespace eco2::app
