#include "base/limits.hpp"
#include "contract/support.hpp"

namespace eco2::contract {
namespace {

using plugin_host::InstanceState;
using std::chrono::milliseconds;

TEST(PluginLife, configuration_that_the_schema_refuses_never_reaches_create) {
    ManualHost host;
    for (const auto* json : {R"({"unknown":1})", R"({"model":1})", "[]", "{"}) {
        auto config = ManualHost::config("good", json);
        config.id = json;
        const auto loaded = host.host.load(config);
        ASSERT_FALSE(loaded) << json;
        EXPECT_EQ(loaded.error().code, Errc::config_invalid) << json;
    }
    EXPECT_TRUE(host.load("good", R"({"model":"m"})"));
}

TEST(PluginLife, two_instances_share_one_library) {
    ManualHost host;
    auto first = ManualHost::config("odd_provider", odd_config("none"));
    auto second = ManualHost::config("odd_provider", odd_config("fails"));
    first.id = "first";
    second.id = "second";
    ASSERT_TRUE(host.host.load(first));
    ASSERT_TRUE(host.host.load(second));
    Recorder good;
    Recorder bad;
    ASSERT_TRUE(host.generate(*host.host.provider("first"), good));
    ASSERT_TRUE(host.generate(*host.host.provider("second"), bad));
    host.executor.run();
    EXPECT_FALSE(good.has_failed);
    EXPECT_TRUE(bad.has_failed);
    EXPECT_EQ(host.host.provider("first")->name(), "first");
}

TEST(PluginLife, second_instance_with_another_configured_hash_is_refused) {
    ManualHost host;
    ASSERT_TRUE(host.load("good"));
    auto config = ManualHost::config("good");
    config.id = "again";
    config.sha256 = std::string(64, '0');
    const auto loaded = host.host.load(config);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Errc::plugin_refused);
}

TEST(PluginLife, two_instances_of_one_name_are_refused) {
    ManualHost host;
    ASSERT_TRUE(host.load("good"));
    const auto loaded = host.load("good");
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Errc::config_invalid);
    EXPECT_NE(host.host.provider("good"), nullptr) << "the first one is left as it is";
}

TEST(PluginLife, only_declared_doors_are_there) {
    ManualHost host;
    ASSERT_TRUE(host.load("good"));
    EXPECT_NE(host.host.provider("good"), nullptr);
    EXPECT_EQ(host.host.rule_store("good"), nullptr);
    EXPECT_EQ(host.host.reward("good"), nullptr);
    EXPECT_EQ(host.host.provider("nobody"), nullptr);
}

class HealthHost {
public:
    Result<void> load(const std::string& behaviour) {
        return host.load(ManualHost::config("odd_health", odd_config(behaviour)));
    }

    ThreadExecutor executor{1};
    FakeHttp http;
    FakeLog log;
    FakeMetrics metrics;
    plugin_host::PluginHost host{{executor, http, system_clock(), log, metrics}, ManualHost::default_options()};
};

TEST(PluginLife, passed_self_test_makes_the_instance_routable) {
    HealthHost host;
    EXPECT_TRUE(host.load("pass"));
    EXPECT_EQ(host.host.status().front().state, InstanceState::started);
    EXPECT_TRUE(host.host.stop(milliseconds(0)));
}

TEST(PluginLife, failed_self_test_takes_the_instance_down) {
    HealthHost host;
    const auto loaded = host.load("fail");
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Errc::plugin_failed);
    EXPECT_NE(loaded.error().detail.find("no_disk: the disk is gone"), std::string::npos) << loaded.error().detail;
    EXPECT_EQ(host.host.status().front().state, InstanceState::failed);
    EXPECT_EQ(host.host.status().front().calls_open, 0U);
    EXPECT_TRUE(host.log.has("stopped"));
}

TEST(PluginLife, self_test_that_hangs_is_cancelled) {
    HealthHost host;
    const auto loaded = host.load("hang");
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().detail.find("did not end within 2000 ms"), std::string::npos) << loaded.error().detail;
    // The call is cancelled on an I/O thread; the refusal does not wait for it.
    for (int i = 0; i < 500 && host.host.status().front().calls_open != 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(host.host.status().front().calls_open, 0U);
}

}  // namespace
}  // namespace eco2::contract
