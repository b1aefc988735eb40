#pragma once

#include "plugin_host/batch_provider.hpp"
#include "plugin_host/calls.hpp"
#include "plugin_host/instance_context.hpp"
#include "plugin_host/instance_state.hpp"
#include "plugin_host/loaded_library.hpp"
#include "plugin_host/services.hpp"

#include <eco2/abi/health.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

namespace eco2::plugin_host {

/// One configured instance of a plugin and its life.
///
/// Thread-safety: start_up, drain, finish: control thread. Doors, state, calls_open: any thread, once started.
/// Lifetime:      the doors are valid until finish; what is open inside the plugin keeps the context, not the instance.
class Instance {
public:
    Instance(Doors doors, InstanceConfig config, std::shared_ptr<const LoadedLibrary> library);
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    /// Checks the configuration against the plugin's schema, then create, get_interface, start, self-test. Blocks.
    /// Errors: config_invalid, plugin_failed, plugin_contract. What exists is then destroyed, unless frames are inside.
    Result<void> start_up();

    /// No new call from here on.
    void drain();
    /// Waits for the open calls. False: some are still open.
    bool wait_for_calls(std::chrono::steady_clock::time_point deadline) { return context_->calls().wait_until(deadline); }
    void cancel_calls() { context_->cancel_calls(); }
    /// Ends tasks and exchanges, then stop and destroy. Errors: limit_exceeded: frames are inside; the plugin is left alone.
    Result<void> finish();

    InstanceState state() const noexcept { return state_; }
    InstanceContext& context() noexcept { return *context_; }
    const LoadedLibrary& library() const noexcept { return *library_; }

    ProviderDoor* provider() noexcept { return provider_ ? &*provider_ : nullptr; }
    RuleStoreDoor* rule_store() noexcept { return rule_store_ ? &*rule_store_ : nullptr; }
    RewardDoor* reward() noexcept { return reward_ ? &*reward_ : nullptr; }
    RouterDoor* router() noexcept { return router_ ? &*router_ : nullptr; }
    BatchProviderDoor* batch_provider() noexcept { return batch_provider_ ? &*batch_provider_ : nullptr; }

private:
    Result<void> check_config() const;
    Result<void> create();
    Result<void> take_interfaces();
    Result<void> take_interface(const std::string& id, const void* table);
    Result<void> read_capabilities();
    Result<void> start();
    bool is_quiet();
    Error give_up(Error error);
    void move_to(InstanceState state) noexcept;

    /// Runs a life-cycle function of the plugin's. False: it threw.
    template <class Function>
    bool guarded(std::string_view name, Function&& function);

    std::shared_ptr<InstanceContext> context_;
    std::shared_ptr<HostServices> services_;
    std::shared_ptr<const LoadedLibrary> library_;
    const eco2_plugin* plugin_ = nullptr;
    const eco2_health* health_ = nullptr;
    const eco2_provider_info* info_table_ = nullptr;
    const eco2_rule_store* rule_table_ = nullptr;
    const eco2_rule_import* import_table_ = nullptr;
    std::optional<PluginProvider> provider_;
    std::optional<PluginRuleStore> rule_store_;
    std::optional<PluginReward> reward_;
    std::optional<PluginRouter> router_;
    std::optional<PluginBatchProvider> batch_provider_;
    std::atomic<InstanceState> state_{InstanceState::loaded};
};

}  // namespace eco2::plugin_host
