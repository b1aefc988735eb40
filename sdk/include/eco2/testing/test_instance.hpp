#pragma once

#include "eco2/abi/batch_provider.h"
#include "eco2/abi/health.h"
#include "eco2/abi/plugin.h"
#include "eco2/abi/provider.h"
#include "eco2/abi/reward.h"
#include "eco2/abi/router.h"
#include "eco2/abi/rule_store.h"
#include "eco2/testing/fake_host.hpp"

#include <string>
#include <string_view>

namespace eco2::testing {

/// One instance of a plugin that is linked into the test, through its ABI tables. Stops and destroys it at the end.
class TestInstance {
public:
    TestInstance(FakeHost& host, const eco2_descriptor* descriptor, std::string_view config_json) {
        const auto keep = [](void* self, const eco2_error* error) {
            static_cast<TestInstance*>(self)->error_.assign(error->message.data, error->message.size);
        };
        status_ = descriptor->create(host.abi(), {config_json.data(), config_json.size()}, this, keep, &plugin_);
        if (plugin_ != nullptr) {
            status_ = plugin_->start(plugin_->self);
        }
    }
    ~TestInstance() {
        if (plugin_ != nullptr) {
            plugin_->stop(plugin_->self);
            plugin_->destroy(plugin_->self);
        }
    }
    TestInstance(const TestInstance&) = delete;
    TestInstance& operator=(const TestInstance&) = delete;

    /// Of create and start.
    eco2_status status() const noexcept { return status_; }
    const std::string& error() const noexcept { return error_; }

    const void* table(const char* interface_id) const {
        return plugin_ == nullptr ? nullptr : plugin_->get_interface(plugin_->self, interface_id);
    }
    const eco2_provider* provider() const { return static_cast<const eco2_provider*>(table(ECO2_PROVIDER_ID)); }
    const eco2_provider_info* provider_info() const {
        return static_cast<const eco2_provider_info*>(table(ECO2_PROVIDER_INFO_ID));
    }
    const eco2_batch_provider* batch_provider() const {
        return static_cast<const eco2_batch_provider*>(table(ECO2_BATCH_PROVIDER_ID));
    }
    const eco2_router* router() const { return static_cast<const eco2_router*>(table(ECO2_ROUTER_ID)); }
    const eco2_rule_store* rule_store() const { return static_cast<const eco2_rule_store*>(table(ECO2_RULE_STORE_ID)); }
    const eco2_rule_import* rule_import() const { return static_cast<const eco2_rule_import*>(table(ECO2_RULE_IMPORT_ID)); }
    const eco2_reward* reward() const { return static_cast<const eco2_reward*>(table(ECO2_REWARD_ID)); }
    const eco2_health* health() const { return static_cast<const eco2_health*>(table(ECO2_HEALTH_ID)); }

private:
    const eco2_plugin* plugin_ = nullptr;
    eco2_status status_ = ECO2_INTERNAL;
    std::string error_;
};

}  // namespace eco2::testing
