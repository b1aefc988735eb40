#pragma once

#include "app/jwt_verifier.hpp"
#include "base/result.hpp"
#include "config/host_config.hpp"
#include "net/server.hpp"
#include "store/key_ring.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::app {

/// The user whom `auth.mode = none` gives to everybody.
inline constexpr std::string_view kNobody = "00000000-0000-0000-0000-000000000000";

/// What a caller may do, as keys name it.
inline constexpr std::string_view kScopeRun = "run";    // start and cancel their own
inline constexpr std::string_view kScopeRead = "read";  // see their own
inline constexpr std::string_view kScopeChat = "chat";  // use the front door

/// Who sent a request, and how that is known.
struct Caller {
    enum class Means { none, header, key, jwt, cookie };

    std::string user_id;
    std::string auth_provider = "unknown";
    Means means = Means::none;
    std::string key_id;                  // of an API key
    std::vector<std::string> scopes;     // empty: all
    std::vector<std::string> pipelines;  // empty: all
    // of an API key, for the front door; 0: no limit
    std::vector<std::string> models;  // globs; empty: all
    std::int64_t requests_per_minute = 0;
    std::int64_t tokens_per_minute = 0;
    std::int64_t spend_max_picousd = 0;

    bool may(std::string_view scope) const noexcept;
    bool may_use_pipeline(std::string_view name) const noexcept;
    bool may_use_model(std::string_view name) const noexcept;
};

/// Who sent a request.
///
/// Thread-safety: any thread (immutable). Lifetime: the clock outlives it.
class Authenticator {
public:
    /// Opens the key file where keys are accepted. Blocks. Errors: store_failed, config_invalid.
    static Result<std::shared_ptr<const Authenticator>> make(const config::HostConfig& config, Log& log, const Clock& clock);
    /// With a key file that is open; null: keys are not accepted. Errors: config_invalid.
    static Result<std::shared_ptr<const Authenticator>> make(const config::HostConfig& config,
                                                             std::shared_ptr<store::KeyRing> keys,
                                                             const Clock& clock);

    /// What a request brings with it must be good: wrong credentials are never passed over for weaker ones.
    /// Errors: unauthorized; forbidden (a request that another site's page may have made, without credentials of its own).
    Result<Caller> authenticate(const net::ServerRequest& request) const;

    /// As authenticate, and the caller may do this with this pipeline (empty: with any). Errors: also forbidden.
    Result<Caller> authorize(const net::ServerRequest& request, std::string_view scope, std::string_view pipeline) const;

private:
    explicit Authenticator(const config::HostConfig& config) : auth_(config.auth), cors_(config.cors) {}

    Result<Caller> by_token(std::string_view token, const net::ServerRequest& request) const;
    Result<Caller> by_key(std::string_view token, const net::ServerRequest& request) const;
    Result<Caller> by_cookie(std::string_view token, const net::ServerRequest& request) const;
    Result<Caller> by_header(const net::ServerRequest& request) const;

    const config::AuthConfig auth_;
    const config::CorsConfig cors_;
    std::shared_ptr<store::KeyRing> keys_;  // null: keys are not accepted
    std::unique_ptr<JwtVerifier> jwt_;      // null: tokens are not accepted
};

/// Whether a listener may be opened at all: without users only on loopback. Errors: config_invalid.
Result<void> check_listener(const config::HostConfig& config);

}  // namespace eco2::app
