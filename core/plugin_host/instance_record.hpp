#pragma once

#include "plugin_host/instance.hpp"
#include "plugin_host/plugin_host.hpp"

#include <chrono>
#include <cstdint>
#include <memory>

namespace eco2::plugin_host {

/// One generation of an instance, or a try that failed, as the PluginHost keeps it.
///
/// Thread-safety: control thread; what `status_of` reads is changed under the PluginHost's lock.
/// Lifetime:      shared by the PluginHost and by whoever holds a share.
struct Record {
    InstanceConfig config;
    std::shared_ptr<const LoadedLibrary> library;
    std::unique_ptr<Instance> instance;  // null: not even loaded
    Error error;
    std::uint64_t generation = 0;
    std::weak_ptr<InstanceShare> share;
    bool is_leaving = false;
    bool are_calls_cancelled = false;
    std::chrono::steady_clock::time_point drained_at{};  // of one that leaves: no call after it

    bool is_in(InstanceState state) const noexcept { return instance != nullptr && instance->state() == state; }
};
using RecordPtr = std::shared_ptr<Record>;

/// The share in this record that all its holders have in common, made where there is none.
SharePtr share_of(const RecordPtr& record);

/// Whether an instance that runs may serve for what is configured: what it was told must be the same. Which hash was asked for
/// does not matter once the library is the same one.
bool is_same(const Record& record, InstanceConfig config, const LoadedLibrary* library);

InstanceStatus status_of(const Record& record);

}  // namespace eco2::plugin_host
