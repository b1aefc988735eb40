#include "app/access.hpp"

#include <utility>

namespace eco2::app {

Result<std::shared_ptr<Access>> Access::make(const config::HostConfig& config, Log& log, const Clock& clock) {
    auto access = std::make_shared<Access>(log, clock);
    auto authenticator = access->authenticator_for(config);
    if (!authenticator) {
        return authenticator.error();
    }
    access->authenticator_.set(std::move(authenticator.value()));
    access->quotas_ = std::make_shared<UserQuotas>(config.quota, clock);
    return access;
}

Result<std::shared_ptr<const Authenticator>> Access::authenticator_for(const config::HostConfig& config) {
    if (config.auth.accepts_keys && keys_ == nullptr) {
        auto keys = store::KeyRing::open(config.data_dir / "keys.db", log_, clock_);
        if (!keys) {
            return keys.error();
        }
        keys_ = std::move(keys.value());
    }
    return Authenticator::make(config, config.auth.accepts_keys ? keys_ : nullptr, clock_);
}

Result<std::function<void()>> Access::prepare(const config::HostConfig& config) {
    if (auto allowed = check_listener(config); !allowed) {
        return allowed.error();
    }
    auto authenticator = authenticator_for(config);
    if (!authenticator) {
        return authenticator.error();
    }
    return std::function<void()>([this, made = std::move(authenticator.value()), quota = config.quota] {
        authenticator_.set(made);
        quotas_->set_limits(quota);
    });
}

}  // namespace eco2::app
