#include "app/access.hpp"

#include <utility>

namespace eco2::app {

Result<std::shared_ptr<Access>> Access::make(const config::HostConfig& config, Log& log, const Clock& clock) {
    auto authenticator = Authenticator::make(config, log, clock);
    if (!authenticator) {
        return authenticator.error();
    }
    auto access = std::make_shared<Access>(clock);
    access->authenticator = std::move(authenticator.value());
    access->quotas = std::make_shared<UserQuotas>(config.quota, clock);
    return access;
}

}  // namespace eco2::app
