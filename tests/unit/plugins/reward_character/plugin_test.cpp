#include "eco2/testing/fake_host.hpp"
#include "eco2/testing/recording_sink.hpp"
#include "eco2/testing/test_instance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

extern "C" const eco2_descriptor* eco2_plugin_entry_v1(void);

namespace reward_character {
namespace {

using eco2::testing::FakeHost;
using eco2::testing::RecordingSink;
using eco2::testing::TestInstance;
using ::testing::HasSubstr;

const std::string kConfig = R"({"catalogue":")" ECO2_CONFIG_DIR R"(/data/characters.json"})";

void decide(const TestInstance& instance, FakeHost& host, RecordingSink& sink, std::string_view input_json) {
    eco2_reward_request request{};
    request.struct_size = sizeof request;
    request.input_json = {input_json.data(), input_json.size()};
    const auto start = [&](const eco2_sink* to, const eco2_call** out) {
        return instance.reward()->decide(instance.reward()->self, &request, to, out);
    };
    ASSERT_EQ(sink.start(start), ECO2_OK);
    host.run_until_idle();
    EXPECT_TRUE(sink.breaches().empty()) << sink.breaches().front();
}

TEST(RewardCharacterPlugin, decides_through_the_abi_without_the_blocking_pool) {
    FakeHost host;
    const TestInstance instance(host, eco2_plugin_entry_v1(), kConfig);
    ASSERT_EQ(instance.status(), ECO2_OK) << instance.error();
    RecordingSink sink;
    decide(instance,
           host,
           sink,
           R"({"classification":{"major_category":"재활용폐기물","middle_category":"전지"},"has_rule":true})");
    ASSERT_EQ(sink.result().status, ECO2_OK);
    ASSERT_EQ(sink.deltas_of(ECO2_DELTA_RESULT).size(), 1u);
    EXPECT_THAT(sink.deltas()[0].text, HasSubstr(R"("grant":{"code":"char-battery","name":"배리"})"));
}

TEST(RewardCharacterPlugin, input_of_another_shape_fails_the_call) {
    FakeHost host;
    const TestInstance instance(host, eco2_plugin_entry_v1(), kConfig);
    RecordingSink sink;
    decide(instance, host, sink, "[1]");
    EXPECT_EQ(sink.result().status, ECO2_INVALID_ARGUMENT);
    EXPECT_EQ(sink.result().code, "bad_input");
}

TEST(RewardCharacterPlugin, a_catalogue_that_cannot_be_read_fails_create) {
    FakeHost host;
    const TestInstance instance(host, eco2_plugin_entry_v1(), R"({"catalogue":"/no/such/file.json"})");
    EXPECT_NE(instance.status(), ECO2_OK);
    EXPECT_THAT(instance.error(), HasSubstr("/no/such/file.json"));
}

TEST(RewardCharacterPlugin, the_options_reach_the_policy) {
    FakeHost host;
    const std::string config = kConfig.substr(0, kConfig.size() - 1);
    const TestInstance off(host, eco2_plugin_entry_v1(), config + R"(,"enabled":false})");
    const TestInstance other(host, eco2_plugin_entry_v1(), config + R"(,"recyclable_major":"r"})");
    RecordingSink off_sink, other_sink;
    decide(off, host, off_sink, R"({"has_rule":true})");
    decide(other, host, other_sink, R"({"classification":{"major_category":"r","middle_category":"전지"},"has_rule":true})");
    EXPECT_THAT(off_sink.deltas().at(0).text, HasSubstr("feature_disabled"));
    EXPECT_THAT(other_sink.deltas().at(0).text, HasSubstr("배리"));
}

TEST(RewardCharacterPlugin, is_healthy_with_its_characters) {
    FakeHost host;
    const TestInstance instance(host, eco2_plugin_entry_v1(), kConfig);
    RecordingSink sink;
    const auto start = [&](const eco2_sink* to, const eco2_call** out) {
        return instance.health()->check(instance.health()->self, 0, to, out);
    };
    ASSERT_EQ(sink.start(start), ECO2_OK);
    host.run_until_idle();
    EXPECT_TRUE(sink.breaches().empty());
    EXPECT_EQ(sink.deltas().at(0).text, R"({"characters":13})");
}

}  // namespace
}  // namespace reward_character
