#pragma once

#include "app/auth.hpp"
#include "app/quota.hpp"
#include "app/stream_tokens.hpp"
#include "base/snapshot.hpp"
#include "config/host_config.hpp"

#include <functional>
#include <memory>

namespace eco2::app {

/// Everything that decides who may use a host, and how much. Shared by the endpoints; a reload changes what is in it.
///
/// Thread-safety: any thread; make and prepare: control thread. Lifetime: the log and the clock outlive it.
class Access {
public:
    /// Blocks. Errors: as Authenticator::make.
    static Result<std::shared_ptr<Access>> make(const config::HostConfig& config, Log& log, const Clock& clock);

    /// Makes what another configuration asks for; calling the result puts it in force. Quotas go on counting, stream tokens
    /// stay good. Blocks. Errors: as Authenticator::make, as check_listener.
    Result<std::function<void()>> prepare(const config::HostConfig& config);

    std::shared_ptr<const Authenticator> authenticator() const { return authenticator_.get(); }
    UserQuotas& quotas() noexcept { return *quotas_; }
    StreamTokens& stream_tokens() noexcept { return stream_tokens_; }

    Access(Log& log, const Clock& clock) : log_(log), clock_(clock), stream_tokens_(clock) {}

private:
    Result<std::shared_ptr<const Authenticator>> authenticator_for(const config::HostConfig& config);

    Log& log_;
    const Clock& clock_;
    std::shared_ptr<store::KeyRing> keys_;  // once opened it stays: it ends a thread, which no request's thread may wait for
    Snapshot<Authenticator> authenticator_;
    std::shared_ptr<UserQuotas> quotas_;
    StreamTokens stream_tokens_;
};

}  // namespace eco2::app
