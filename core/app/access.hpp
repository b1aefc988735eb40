#pragma once

#include "app/auth.hpp"
#include "app/quota.hpp"
#include "app/stream_tokens.hpp"
#include "config/host_config.hpp"

#include <memory>

namespace eco2::app {

/// Everything that decides who may use a host, and how much. Shared by the endpoints.
///
/// Thread-safety: any thread. Lifetime: the configuration and the clock outlive it.
struct Access {
    /// Blocks. Errors: as Authenticator::make.
    static Result<std::shared_ptr<Access>> make(const config::HostConfig& config, Log& log, const Clock& clock);

    std::shared_ptr<const Authenticator> authenticator;
    std::shared_ptr<UserQuotas> quotas;
    StreamTokens stream_tokens;

    explicit Access(const Clock& clock) : stream_tokens(clock) {}
};

}  // namespace eco2::app
