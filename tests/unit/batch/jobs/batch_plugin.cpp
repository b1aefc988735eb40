#include "batch_plugin.hpp"

#include "base/log.hpp"
#include "openai_batch/dialect.hpp"
#include "plugin_host/batch_provider.hpp"
#include "support/threaded_executor.hpp"

#include "eco2/testing/fake_host.hpp"
#include "eco2/testing/test_instance.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace eco2::batch {
namespace {

class NoHttp final : public HttpClientDoor {
public:
    Result<std::unique_ptr<HttpCall>> start(HttpRequest, HttpObserver&) override {
        return fail(Errc::internal, "no HTTP here");
    }
};

class NoMetrics final : public plugin_host::MetricsDoor {
public:
    std::uint64_t define(Kind, std::string, std::string, std::vector<std::string>) override { return 0; }
    void record(std::uint64_t, double, std::span<const std::string_view>) override {}
};

std::string config_json(const std::string& more) {
    return R"({"base_url":"https://api.test/v1")" + (more.empty() ? "" : "," + more) + "}";
}

plugin_host::InstanceConfig instance_config(std::string_view id, const std::string& more) {
    plugin_host::InstanceConfig config;
    config.id = id;
    config.plugin = "openai_batch";
    config.config_json = config_json(more);
    config.keys = {{"first", "s3cret"}};
    config.key_origins = {"https://api.test:443"};
    return config;
}

}  // namespace

struct BatchPlugin::Parts {
    Parts(const Clock& clock, std::string_view id, const std::string& more)
        : instance(host, plugin::descriptor<openai_batch::Dialect>(), config_json(more)),
          context(std::make_shared<plugin_host::InstanceContext>(plugin_host::Doors{executor, http, clock, null_log(), metrics},
                                                                 instance_config(id, more))) {
        const auto* table = instance.batch_provider();
        if (table == nullptr) {
            ADD_FAILURE() << instance.error();
            std::abort();
        }
        door.emplace(context, *table);
        const auto read = door->read_capabilities();
        EXPECT_TRUE(read) << read.error().detail;
    }

    testing::FakeHost host;
    testing::TestInstance instance;
    test::ThreadedExecutor executor{1};
    NoHttp http;
    NoMetrics metrics;
    std::shared_ptr<plugin_host::InstanceContext> context;
    std::optional<plugin_host::PluginBatchProvider> door;
};

BatchPlugin::BatchPlugin(const Clock& clock, std::string_view id, const std::string& config)
    : parts_(std::make_unique<Parts>(clock, id, config)) {}
BatchPlugin::~BatchPlugin() = default;

BatchProviderDoor& BatchPlugin::door() {
    return *parts_->door;
}

}  // namespace eco2::batch
