#pragma once

#include "app/access.hpp"
#include "runtime/host.hpp"

#include <functional>
#include <memory>
#include <string>

namespace eco2::app {

/// How a host that serves is told to read its configuration anew: by SIGHUP and at the operator's door. One after another, on
/// the host's control thread.
///
/// Thread-safety: any thread. Lifetime: the host outlives it; it outlives the host's control thread.
class Reloads {
public:
    Reloads(runtime::Host& host, std::shared_ptr<Access> access, runtime::Host::ReadConfig read)
        : host_(host), access_(std::move(access)), read_(std::move(read)) {}

    using Done = std::function<void(const Result<runtime::ReloadReport>&)>;
    /// `done` runs once: on the control thread, or at once where no reload can be had.
    /// Errors: as Host::reload; overloaded (too many wait already).
    void request(Done done);

private:
    runtime::Host& host_;
    const std::shared_ptr<Access> access_;
    const runtime::Host::ReadConfig read_;
};

/// {"status":"reloaded","generation":2,"started":[...],"kept":[...],"stopping":[...],"needs_restart":[...]}
std::string reload_json(const runtime::ReloadReport& report);

}  // namespace eco2::app
