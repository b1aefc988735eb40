#pragma once

#include "base/result.hpp"
#include "plugin_host/instance_context.hpp"

#include <eco2/abi/health.h>

#include <chrono>
#include <memory>

namespace eco2::plugin_host {

/// Runs an instance's self-test and waits for its end.
///
/// Thread-safety: control thread.
/// Blocks:        up to `timeout`, and limits::kCancelGrace more where the test has to be cancelled.
/// Errors:        plugin_failed (the test failed, or took too long), plugin_contract. Where it does not even end after a
/// cancel,
///                the call stays inside the instance's gate.
Result<void> probe_health(const std::shared_ptr<InstanceContext>& context,
                          const eco2_health& table,
                          std::chrono::milliseconds timeout);

}  // namespace eco2::plugin_host
