#pragma once

#include "model/calls.hpp"
#include "plugin_host/instance_context.hpp"

#include <eco2/abi/provider.h>
#include <eco2/abi/reward.h>
#include <eco2/abi/router.h>
#include <eco2/abi/rule_store.h>

#include <memory>
#include <string_view>

/// The doors of core/model/calls.hpp over the tables of one instance.
///
/// Thread-safety: any I/O thread. Lifetime: the tables live until the instance is destroyed.
/// Errors:        draining once the instance's gate is closed.
namespace eco2::plugin_host {

class PluginProvider final : public ProviderDoor {
public:
    PluginProvider(std::shared_ptr<InstanceContext> context, const eco2_provider& table)
        : context_(std::move(context)), table_(table) {}

    StartedCall generate(std::shared_ptr<const GenerateRequest> request, CallObserver& observer) override;
    std::string_view name() const noexcept override { return context_->id(); }
    Capabilities capabilities() const noexcept override { return capabilities_; }
    /// Before the first call.
    void set_capabilities(const Capabilities& capabilities) noexcept { capabilities_ = capabilities; }

private:
    std::shared_ptr<InstanceContext> context_;
    const eco2_provider& table_;
    Capabilities capabilities_ = ProviderDoor::capabilities();  // until it describes itself
};

class PluginRouter final : public RouterDoor {
public:
    PluginRouter(std::shared_ptr<InstanceContext> context, const eco2_router& table)
        : context_(std::move(context)), table_(table) {}

    std::vector<std::size_t> order(const OrderQuery& query) override;

private:
    std::shared_ptr<InstanceContext> context_;
    const eco2_router& table_;
};

class PluginRuleStore final : public RuleStoreDoor {
public:
    /// `import` may be null: the store cannot import.
    PluginRuleStore(std::shared_ptr<InstanceContext> context, const eco2_rule_store& table, const eco2_rule_import* import)
        : context_(std::move(context)), table_(table), import_(import) {}

    Result<std::shared_ptr<const RuleSnapshot>> acquire() override;
    StartedCall lookup(std::shared_ptr<const RuleSnapshot> snapshot, RuleQuery query, CallObserver& observer) override;
    StartedCall import_directory(std::string directory, CallObserver& observer) override;

private:
    std::shared_ptr<InstanceContext> context_;
    const eco2_rule_store& table_;
    const eco2_rule_import* import_;
};

class PluginReward final : public RewardDoor {
public:
    PluginReward(std::shared_ptr<InstanceContext> context, const eco2_reward& table)
        : context_(std::move(context)), table_(table) {}

    StartedCall decide(RewardRequest request, CallObserver& observer) override;

private:
    std::shared_ptr<InstanceContext> context_;
    const eco2_reward& table_;
};

}  // namespace eco2::plugin_host
