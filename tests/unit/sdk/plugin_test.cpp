#include "eco2/plugin/plugin.hpp"

#include "eco2/plugin/health.hpp"
#include "eco2/plugin/provider_info.hpp"
#include "eco2/plugin/sync_reward.hpp"
#include "eco2/testing/fake_host.hpp"
#include "eco2/testing/test_instance.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using namespace eco2::plugin;
using eco2::testing::FakeHost;
using eco2::testing::TestInstance;

/// Its configuration says how it misbehaves.
class Sample final : public Plugin<SyncReward, HealthCheck, ProviderInfo> {
public:
    static constexpr std::string_view kId = "sample";
    static constexpr std::string_view kVersion = "1.2.3";
    static constexpr std::string_view kSchema = "{}";

    static Result<std::unique_ptr<Sample>> create(const Host& host, std::string_view config) {
        if (config == "throws") {
            throw std::runtime_error("thrown in create");
        }
        if (config == "throws int") {
            throw 3;
        }
        if (config == "fails") {
            return fail(Status::invalid_argument, "config", "no such catalogue");
        }
        return std::make_unique<Sample>(host, config);
    }
    Sample(const Host& host, std::string_view config)
        : Plugin(host), config_(config), metric_(host.metrics().define(MetricKind::counter, "calls", "Calls.", {"kind"})) {}

    Result<void> start() override {
        if (config_ == "start throws") {
            throw std::runtime_error("thrown in start");
        }
        if (config_ == "start fails") {
            return fail(Status::unavailable, "no_file", "the file is gone");
        }
        metric_.record(2, {"x"});
        host().log().info("started", {{"at", "once"}});
        return {};
    }
    void stop() override {
        if (config_ == "stop throws") {
            throw std::runtime_error("thrown in stop");
        }
    }
    Result<std::string> decide(const RewardInput&) override { return std::string("{}"); }
    Result<std::string> check_health() override { return std::string(); }
    std::string describe() const override { return R"({"name":"sample"})"; }
    using Plugin::host;

private:
    std::string config_;
    Metric metric_;
};

TEST(Plugin, the_descriptor_says_what_the_type_says) {
    const eco2_descriptor& descriptor = *eco2::plugin::descriptor<Sample>();
    EXPECT_EQ(descriptor.struct_size, sizeof(eco2_descriptor));
    EXPECT_EQ(descriptor.abi_draft, std::uint32_t{ECO2_ABI_DRAFT});
    EXPECT_EQ(from_abi(descriptor.id), "sample");
    EXPECT_EQ(from_abi(descriptor.version), "1.2.3");
    ASSERT_EQ(descriptor.interface_count, 3u);
    EXPECT_EQ(from_abi(descriptor.interfaces[0]), ECO2_REWARD_ID);
    EXPECT_EQ(from_abi(descriptor.interfaces[2]), ECO2_PROVIDER_INFO_ID);
}

TEST(Plugin, interfaces_are_answered_by_id_always_with_the_same_table) {
    FakeHost host;
    const TestInstance instance(host, descriptor<Sample>(), "");
    ASSERT_EQ(instance.status(), ECO2_OK);
    ASSERT_NE(instance.reward(), nullptr);
    EXPECT_EQ(instance.reward(), instance.reward());
    EXPECT_NE(instance.health(), nullptr);
    EXPECT_EQ(from_abi(*instance.provider_info()->describe(instance.provider_info()->self)), R"({"name":"sample"})");
    EXPECT_EQ(instance.provider(), nullptr);
    EXPECT_EQ(instance.table("eco2.unknown/9"), nullptr);
    EXPECT_EQ(instance.table(""), nullptr);
}

TEST(Plugin, a_failed_create_tells_why_and_gives_nothing) {
    FakeHost host;
    const TestInstance failed(host, descriptor<Sample>(), "fails");
    EXPECT_EQ(failed.status(), ECO2_INVALID_ARGUMENT);
    EXPECT_EQ(failed.error(), "no such catalogue");
    const TestInstance thrown(host, descriptor<Sample>(), "throws");
    EXPECT_EQ(thrown.status(), ECO2_INTERNAL);
    EXPECT_EQ(thrown.error(), "thrown in create");
    const TestInstance strange(host, descriptor<Sample>(), "throws int");
    EXPECT_EQ(strange.status(), ECO2_INTERNAL);
    EXPECT_FALSE(strange.error().empty());
}

TEST(Plugin, a_host_of_another_draft_is_refused) {
    FakeHost host;
    eco2_host other = *host.abi();
    other.abi_draft = ECO2_ABI_DRAFT + 1;
    const eco2_plugin* made = nullptr;
    int errors = 0;
    const auto count = [](void* ctx, const eco2_error*) { ++*static_cast<int*>(ctx); };
    EXPECT_EQ(descriptor<Sample>()->create(&other, {}, &errors, count, &made), ECO2_UNSUPPORTED);
    EXPECT_EQ(made, nullptr);
    EXPECT_EQ(errors, 1);
}

TEST(Plugin, a_failed_start_is_logged_and_nothing_escapes) {
    FakeHost host;
    const TestInstance failed(host, descriptor<Sample>(), "start fails");
    EXPECT_EQ(failed.status(), ECO2_UNAVAILABLE);
    EXPECT_EQ(host.log_lines().back(), "the plugin could not start code=no_file reason=the file is gone");
    const TestInstance thrown(host, descriptor<Sample>(), "start throws");
    EXPECT_EQ(thrown.status(), ECO2_INTERNAL);
    const TestInstance stops_badly(host, descriptor<Sample>(), "stop throws");
    EXPECT_EQ(stops_badly.status(), ECO2_OK);
}

TEST(Plugin, lives_in_a_host_that_lacks_any_one_service) {
    for (const char* const service :
         {ECO2_LOG_ID, ECO2_METRICS_ID, ECO2_CLOCK_ID, ECO2_EXECUTOR_ID, ECO2_HTTP_ID, ECO2_SECRETS_ID}) {
        FakeHost host;
        host.hide(service);
        const TestInstance instance(host, descriptor<Sample>(), "");
        EXPECT_EQ(instance.status(), ECO2_OK) << service;
    }
}

TEST(Host, log_metrics_and_secrets_reach_the_host) {
    FakeHost host;
    host.add_secret("password", "hush");
    const TestInstance instance(host, descriptor<Sample>(), "");
    EXPECT_EQ(host.log_lines().back(), "started at=once");
    EXPECT_EQ(host.metric_sum("calls"), 2.0);
    const Host view(host.abi());
    EXPECT_EQ(*view.secrets().resolve("password"), "hush");
    EXPECT_EQ(view.secrets().resolve("other").error().status, Status::not_found);
    EXPECT_EQ(view.clock().monotonic_ns(), host.clock().monotonic_ns());
}

TEST(Host, a_service_older_than_we_know_counts_as_absent) {
    FakeHost host;
    static eco2_clock_service small;
    small = *host.clock().table();
    small.struct_size = sizeof(eco2_clock_service) - sizeof(void*);
    eco2_host old = *host.abi();
    old.get_service = [](void*, const char* id) -> const void* {
        return std::string_view(id) == ECO2_CLOCK_ID ? &small : nullptr;
    };
    const Host view(&old);
    EXPECT_NE(view.clock().monotonic_ns(), host.clock().monotonic_ns());
}

}  // namespace
