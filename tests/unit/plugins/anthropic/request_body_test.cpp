#include "unit/plugins/anthropic/fixture.hpp"

#include <boost/json/parse.hpp>

namespace {

using namespace eco2::tests;

eco2::testing::RecordedHttpRequest sent(AnthropicCall& call) {
    call.run(stream_of(""));
    const auto requests = call.host.http().requests();
    return requests.empty() ? eco2::testing::RecordedHttpRequest{} : requests.front();
}

void expect_body(AnthropicCall& call, std::string_view expected) {
    boost::json::error_code ec;
    const std::string body = sent(call).body;
    const boost::json::value actual = boost::json::parse(body, ec);
    ASSERT_FALSE(ec) << body;
    EXPECT_EQ(actual, boost::json::parse(expected)) << body;
}

TEST(AnthropicRequest, everything_at_once) {
    AnthropicCall call;
    const std::vector<std::uint8_t> photo{0xFF, 0xD8, 0xFF, 0x00};
    call.request.message(ECO2_ROLE_SYSTEM)
        .text("Be \"brief\"")
        .message(ECO2_ROLE_USER)
        .text("What is it?")
        .image_url("https://images.test/a", ECO2_DETAIL_LOW)
        .image("image/jpeg", photo, ECO2_DETAIL_HIGH)
        .message(ECO2_ROLE_ASSISTANT)
        .text("A bottle")
        .message(ECO2_ROLE_SYSTEM)
        .text("later")
        .schema("vision", R"({"type":"object"})")
        .max_output_tokens(500)
        .temperature(0.25)
        .params(R"({"metadata":{"user_id":"u"}})");
    expect_body(call,
                R"({"model":"test-model","max_tokens":500,"system":[{"type":"text","text":"Be \"brief\""},
                    {"type":"text","text":"later"}],"messages":[{"role":"user","content":[
                      {"type":"text","text":"What is it?"},
                      {"type":"image","source":{"type":"url","url":"https://images.test/a"}},
                      {"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"/9j/AA=="}}]},
                      {"role":"assistant","content":[{"type":"text","text":"A bottle"}]}],"stream":true,
                    "output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}},
                    "temperature":0.25,"metadata":{"user_id":"u"}})");
}

TEST(AnthropicRequest, a_schema_by_tool_and_the_configured_limit) {
    AnthropicCall call(R"({"base_url":"https://api.test/v1","schema_by":"tool","max_tokens":77})");
    call.request.streamed(false).message(ECO2_ROLE_USER).text("x").schema("vision", R"({"type":"object"})");
    expect_body(call,
                R"({"model":"test-model","max_tokens":77,"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],
                    "tools":[{"name":"vision","description":"Gives the answer.","input_schema":{"type":"object"}}],
                    "tool_choice":{"type":"tool","name":"vision"}})");
}

TEST(AnthropicRequest, the_head_carries_the_placeholder_and_the_version) {
    AnthropicCall call(R"({"base_url":"https://api.test/v1","extra_headers":{"Anthropic-Beta":"x"}})");
    call.request.key(9).traceparent("00-abc-def-01");
    const auto request = sent(call);
    EXPECT_EQ(request.url, "https://api.test/v1/messages");
    EXPECT_EQ(request.key, 9u);
    EXPECT_EQ(request.header("x-api-key"), "{eco2:key}");
    EXPECT_EQ(request.header("authorization"), "");
    EXPECT_EQ(request.header("anthropic-version"), "2023-06-01");
    EXPECT_EQ(request.header("anthropic-beta"), "x");
    EXPECT_EQ(request.header("accept"), "text/event-stream");
    AnthropicCall own(R"({"base_url":"https://api.test","version":"v","extra_headers":{"authorization":"Bearer {eco2:key}"}})");
    own.request.key(1);
    const auto other = sent(own);
    EXPECT_EQ(other.header("x-api-key"), "");
    EXPECT_EQ(other.header("authorization"), "Bearer {eco2:key}");
    EXPECT_EQ(other.header("anthropic-version"), "v");
}

TEST(AnthropicRequest, what_cannot_be_sent_is_the_callers_fault) {
    for (const char* const params : {"[]", "{", R"({"model":"x"})", R"({"output_config":{}})", R"({"max_tokens":1})"}) {
        AnthropicCall call;
        call.request.schema("s", "{}").params(params);
        EXPECT_EQ(sent(call).body, "");
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_CALLER_FAULT) << params;
    }
    AnthropicCall call;
    call.request.message(ECO2_ROLE_SYSTEM).image_url("https://images.test/a");
    EXPECT_EQ(sent(call).body, "");
    EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_CALLER_FAULT);
}

TEST(AnthropicRequest, configurations_that_are_none_are_refused) {
    for (const char* const bad : {R"({"base_url":"x"})", R"({"base_url":"https://x?a"})", "not json"}) {
        EXPECT_FALSE(eco2::anthropic::read_options(bad)) << bad;
    }
}

TEST(AnthropicRequest, the_capabilities_are_declared) {
    AnthropicCall call;
    const auto* const info = call.instance.provider_info();
    EXPECT_EQ(
        eco2::plugin::from_abi(*info->describe(info->self)),
        R"({"name":"anthropic","capabilities":{"vision":true,"json_schema":true,"streaming":true,"tools":true,"chat":false}})");
}

}  // namespace
