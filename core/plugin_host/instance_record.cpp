#include "plugin_host/instance_record.hpp"

#include <string>
#include <utility>

namespace eco2::plugin_host {
namespace {

/// Keeps the record, and so the doors, also after the host has taken the instance down.
class HeldInstance final : public InstanceShare {
public:
    explicit HeldInstance(RecordPtr record) : record_(std::move(record)) {}
    const std::string& id() const noexcept override { return record_->config.id; }
    std::uint64_t generation() const noexcept override { return record_->generation; }
    ProviderDoor* provider() noexcept override { return record_->instance->provider(); }
    RuleStoreDoor* rule_store() noexcept override { return record_->instance->rule_store(); }
    RewardDoor* reward() noexcept override { return record_->instance->reward(); }
    RouterDoor* router() noexcept override { return record_->instance->router(); }
    BatchProviderDoor* batch_provider() noexcept override { return record_->instance->batch_provider(); }

private:
    const RecordPtr record_;
};

}  // namespace

SharePtr share_of(const RecordPtr& record) {
    auto share = record->share.lock();
    if (share == nullptr) {
        share = std::make_shared<HeldInstance>(record);
        record->share = share;
    }
    return share;
}

bool is_same(const Record& record, InstanceConfig config, const LoadedLibrary* library) {
    config.is_required = record.config.is_required;
    config.sha256 = record.config.sha256;
    return record.library.get() == library && record.config == config;
}

InstanceStatus status_of(const Record& record) {
    InstanceStatus status;
    status.id = record.config.id;
    status.plugin = record.config.plugin;
    status.is_required = record.config.is_required;
    status.error = record.error;
    status.generation = record.generation;
    status.is_leaving = record.is_leaving;
    if (record.instance != nullptr) {
        auto& context = record.instance->context();
        status.version = record.instance->library().manifest().version;
        status.interfaces = record.instance->library().manifest().interfaces;
        status.state = record.instance->state();
        status.calls_open = context.calls().inside();
        status.contract_violations = context.violations();
        status.slow_calls = context.slow_calls();
        status.is_degraded = context.is_degraded();
    }
    return status;
}

}  // namespace eco2::plugin_host
