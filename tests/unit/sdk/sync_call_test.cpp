#include "eco2/plugin/health.hpp"
#include "eco2/plugin/plugin.hpp"
#include "eco2/plugin/sync_provider.hpp"
#include "eco2/plugin/sync_reward.hpp"
#include "eco2/plugin/sync_rule_store.hpp"
#include "eco2/testing/fake_host.hpp"
#include "eco2/testing/recording_sink.hpp"
#include "eco2/testing/test_instance.hpp"
#include "eco2/testing/test_request.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using namespace eco2::plugin;
using eco2::testing::FakeHost;
using eco2::testing::RecordingSink;
using eco2::testing::TestInstance;
using eco2::testing::TestRequest;

/// One of everything. The configuration "memory" makes store and reward pure memory.
class Everything final : public Plugin<SyncRuleStore, RuleImport, SyncReward, SyncProvider, HealthCheck> {
public:
    static constexpr std::string_view kId = "everything";
    static constexpr std::string_view kVersion = "1";
    static constexpr std::string_view kSchema = "{}";

    struct Rules : Snapshot {
        std::int64_t version = 7;
    };

    static Result<std::unique_ptr<Everything>> create(const Host& host, std::string_view config) {
        return std::make_unique<Everything>(host, config == "memory");
    }
    Everything(const Host& host, bool is_memory) : Plugin(host) {
        if (is_memory) {
            SyncRuleStore::set_pure_memory();
            SyncReward::set_pure_memory();
        }
    }

    std::shared_ptr<const Snapshot> snapshot() override { return std::make_shared<const Rules>(); }
    Result<std::optional<Rule>> lookup(const Snapshot& snapshot, std::string_view category, std::string_view key) override {
        if (category == "throws") {
            throw std::runtime_error("thrown in lookup");
        }
        if (category == "fails") {
            return fail(Status::unavailable, "db", "the database is locked");
        }
        if (category != "plastic") {
            return std::optional<Rule>();
        }
        return std::optional(Rule{R"({"steps":[]})", "pl\"" + std::string(key), static_cast<const Rules&>(snapshot).version});
    }
    Result<std::string> import_directory(std::string_view directory) override {
        return R"({"imported":1,"from":")" + std::string(directory) + "\"}";
    }
    Result<std::string> decide(const RewardInput& input) override {
        return std::string(input.user_id) + "/" + std::string(input.request_id) + "/" + std::string(input.input_json);
    }
    Result<FinishReason> generate(const GenerateRequest& request, DeltaWriter& out, StopToken stop) override {
        for (int index = 0; index < 5 && !stop.stop_requested(); ++index) {
            out.text(std::to_string(index));
        }
        out.text("");
        if (request.model() == "throws") {
            throw 1;
        }
        return FinishReason::length;
    }
    Result<std::string> check_health() override { return std::string(R"({"rows":3})"); }
};

eco2_rule_query query(const eco2_rule_snapshot* snapshot, std::string_view category, std::string_view key) {
    eco2_rule_query made{};
    made.struct_size = sizeof made;
    made.snapshot = snapshot;
    made.category = to_abi(category);
    made.key = to_abi(key);
    return made;
}

class SyncCalls : public ::testing::TestWithParam<const char*> {
protected:
    FakeHost host_;
    TestInstance instance_{host_, descriptor<Everything>(), GetParam()};
    RecordingSink sink_;

    void look_up(std::string_view category, std::string_view key) {
        const eco2_rule_store* store = instance_.rule_store();
        snapshot_ = store->acquire(store->self);
        query_ = query(snapshot_, category, key);
        ASSERT_EQ(sink_.start([&](auto* sink, auto** out) { return store->lookup(store->self, &query_, sink, out); }), ECO2_OK);
    }
    void drop() { instance_.rule_store()->drop(instance_.rule_store()->self, snapshot_); }

    const eco2_rule_snapshot* snapshot_ = nullptr;
    eco2_rule_query query_{};
};

INSTANTIATE_TEST_SUITE_P(BothWays, SyncCalls, ::testing::Values("memory", "blocking"));

TEST_P(SyncCalls, a_rule_comes_with_its_id_and_version) {
    look_up("plastic", "bottle");
    EXPECT_FALSE(sink_.is_done());
    host_.run_until_idle();
    ASSERT_EQ(sink_.breaches(), std::vector<std::string>{});
    ASSERT_EQ(sink_.deltas().size(), 1u);
    EXPECT_EQ(sink_.deltas()[0].kind, ECO2_DELTA_RESULT);
    EXPECT_EQ(sink_.deltas()[0].text, R"({"steps":[]})");
    EXPECT_EQ(sink_.deltas()[0].meta, R"({"id":"pl\"bottle","version":7})");
    drop();
}

TEST_P(SyncCalls, no_rule_is_success_without_a_result) {
    look_up("unknown", "");
    host_.run_until_idle();
    EXPECT_EQ(sink_.breaches(), std::vector<std::string>{});
    EXPECT_TRUE(sink_.deltas().empty());
    EXPECT_EQ(sink_.result().status, ECO2_OK);
    drop();
}

TEST_P(SyncCalls, failures_and_exceptions_end_the_call_with_their_reason) {
    look_up("fails", "");
    host_.run_until_idle();
    EXPECT_EQ(sink_.result().status, ECO2_UNAVAILABLE);
    EXPECT_EQ(sink_.result().message, "the database is locked");
    drop();
    RecordingSink second;
    const eco2_rule_store* store = instance_.rule_store();
    snapshot_ = store->acquire(store->self);
    query_ = query(snapshot_, "throws", "");
    second.start([&](auto* sink, auto** out) { return store->lookup(store->self, &query_, sink, out); });
    host_.run_until_idle();
    EXPECT_EQ(second.breaches(), std::vector<std::string>{});
    EXPECT_EQ(second.result().status, ECO2_INTERNAL);
    EXPECT_EQ(second.result().message, "thrown in lookup");
    drop();
}

TEST_P(SyncCalls, cancel_before_it_ran_completes_once_as_cancelled) {
    look_up("plastic", "bottle");
    sink_.cancel();
    sink_.cancel();
    host_.run_until_idle();
    EXPECT_EQ(sink_.breaches(), std::vector<std::string>{});
    EXPECT_EQ(sink_.result().status, ECO2_CANCELLED);
    drop();
}

TEST_P(SyncCalls, a_stopping_host_gets_cancelled_calls) {
    look_up("plastic", "bottle");
    host_.executor().set_stopping();
    host_.run_until_idle();
    EXPECT_EQ(sink_.breaches(), std::vector<std::string>{});
    EXPECT_EQ(sink_.result().status, ECO2_CANCELLED);
    drop();
}

TEST_P(SyncCalls, release_may_come_before_and_inside_done) {
    look_up("plastic", "bottle");
    sink_.release();
    host_.run_until_idle();
    EXPECT_EQ(sink_.breaches(), std::vector<std::string>{});
    drop();
    RecordingSink inside;
    inside.done_hook = [&] { inside.release(); };
    const eco2_rule_store* store = instance_.rule_store();
    snapshot_ = store->acquire(store->self);
    query_ = query(snapshot_, "plastic", "");
    inside.start([&](auto* sink, auto** out) { return store->lookup(store->self, &query_, sink, out); });
    host_.run_until_idle();
    EXPECT_EQ(inside.breaches(), std::vector<std::string>{});
    drop();
}

TEST_P(SyncCalls, a_full_executor_refuses_the_start) {
    host_.executor().refuse_with(ECO2_RESOURCE_EXHAUSTED);
    const eco2_reward* reward = instance_.reward();
    eco2_reward_request request{};
    request.struct_size = sizeof request;
    EXPECT_EQ(sink_.start([&](auto* sink, auto** out) { return reward->decide(reward->self, &request, sink, out); }),
              ECO2_RESOURCE_EXHAUSTED);
    EXPECT_FALSE(sink_.is_done());
    request.struct_size = 8;
    EXPECT_EQ(sink_.start([&](auto* sink, auto** out) { return reward->decide(reward->self, &request, sink, out); }),
              ECO2_INVALID_ARGUMENT);
}

TEST_P(SyncCalls, rewards_imports_and_health_give_their_json) {
    eco2_reward_request request{};
    request.struct_size = sizeof request;
    request.request_id = to_abi(std::string_view("r"));
    request.user_id = to_abi(std::string_view("u"));
    request.input_json = to_abi(std::string_view("{}"));
    sink_.start(
        [&](auto* sink, auto** out) { return instance_.reward()->decide(instance_.reward()->self, &request, sink, out); });
    RecordingSink import;
    {
        const std::string directory = "/rules";  // borrowed for the start only
        import.start([&](auto* sink, auto** out) {
            return instance_.rule_import()->import_directory(
                instance_.rule_import()->self, to_abi(std::string_view(directory)), sink, out);
    });
}
RecordingSink health;
health.start([&](auto* sink, auto** out) { return instance_.health()->check(instance_.health()->self, 0, sink, out); });
host_.run_until_idle();
EXPECT_EQ(sink_.deltas().at(0).text, "u/r/{}");
EXPECT_EQ(import.deltas().at(0).text, R"({"imported":1,"from":"/rules"})");
EXPECT_EQ(health.deltas().at(0).text, R"({"rows":3})");
for (const RecordingSink* const sink : {&sink_, &import, &health}) {
    EXPECT_EQ(sink->breaches(), std::vector<std::string>{});
}
}  // namespace

TEST(SyncProviderCalls, text_comes_in_order_and_empty_text_not_at_all) {
    FakeHost host;
    const TestInstance instance(host, descriptor<Everything>(), "");
    TestRequest request;
    RecordingSink sink;
    sink.start(
        [&](auto* to, auto** out) { return instance.provider()->generate(instance.provider()->self, request.abi(), to, out); });
    host.run_until_idle();
    EXPECT_EQ(sink.breaches(), std::vector<std::string>{});
    EXPECT_EQ(sink.text(), "01234");
    EXPECT_EQ(sink.deltas().size(), 5u);
    EXPECT_EQ(sink.result().finish_reason, ECO2_FINISH_LENGTH);
}

TEST(SyncProviderCalls, cancel_at_each_delta_stops_the_work_and_completes_once) {
    for (std::size_t at = 0; at < 5; ++at) {
        FakeHost host;
        const TestInstance instance(host, descriptor<Everything>(), "");
        TestRequest request;
        RecordingSink sink;
        sink.delta_hook = [&](std::size_t index) {
            if (index == at) {
                sink.cancel();
            }
            return index == at ? ECO2_PAUSE : ECO2_CONTINUE;
        };
        sink.start([&](auto* to, auto** out) {
            return instance.provider()->generate(instance.provider()->self, request.abi(), to, out);
        });
        host.run_until_idle();
        EXPECT_EQ(sink.breaches(), std::vector<std::string>{});
        EXPECT_EQ(sink.deltas().size(), at + 1);
        EXPECT_EQ(sink.result().status, ECO2_CANCELLED);
    }
}

TEST(SyncProviderCalls, what_is_thrown_is_a_failure) {
    FakeHost host;
    const TestInstance instance(host, descriptor<Everything>(), "");
    TestRequest request;
    request.model("throws");
    RecordingSink sink;
    sink.start(
        [&](auto* to, auto** out) { return instance.provider()->generate(instance.provider()->self, request.abi(), to, out); });
    host.run_until_idle();
    EXPECT_EQ(sink.breaches(), std::vector<std::string>{});
    EXPECT_EQ(sink.result().status, ECO2_INTERNAL);
}

}  // namespace
