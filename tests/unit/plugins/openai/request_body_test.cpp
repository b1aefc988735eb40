#include "unit/plugins/openai/fixture.hpp"

#include "eco2/plugin/json.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <vector>

namespace {

using namespace eco2::tests;

eco2::testing::RecordedHttpRequest sent(OpenAiCall& call) {
    EXPECT_EQ(call.start(stream_of("")), ECO2_OK);
    call.host.run_until_idle();
    const auto requests = call.host.http().requests();
    return requests.empty() ? eco2::testing::RecordedHttpRequest{} : requests.front();
}

/// Compared as JSON, so that order and spaces do not matter.
void expect_body(OpenAiCall& call, std::string_view expected) {
    boost::json::error_code ec;
    const std::string body = sent(call).body;
    const boost::json::value actual = boost::json::parse(body, ec);
    ASSERT_FALSE(ec) << body;
    EXPECT_EQ(actual, boost::json::parse(expected)) << body;
}

TEST(OpenAiRequest, a_plain_streamed_question) {
    OpenAiCall call;
    call.request.message(ECO2_ROLE_SYSTEM).text("Be \"brief\"\n").message(ECO2_ROLE_USER).text("안녕");
    expect_body(
        call,
        R"({"model":"test-model","messages":[{"role":"system","content":"Be \"brief\"\n"},{"role":"user","content":"안녕"}],
                    "stream":true,"stream_options":{"include_usage":true}})");
}

TEST(OpenAiRequest, everything_at_once) {
    OpenAiCall call;
    const std::vector<std::uint8_t> photo{0xFF, 0xD8, 0xFF, 0x00};
    call.request.streamed(false)
        .message(ECO2_ROLE_USER)
        .text("What is it?")
        .image_url("https://images.test/a?b=\"c\"", ECO2_DETAIL_LOW)
        .image("image/jpeg", photo, ECO2_DETAIL_HIGH)
        .image_url("https://images.test/d")
        .message(ECO2_ROLE_ASSISTANT)
        .text("A bottle")
        .schema("vision", R"({"type":"object"})")
        .max_output_tokens(500)
        .temperature(0.25)
        .params(" {\"seed\": 7, \"service_tier\": \"flex\"}\n");
    expect_body(call,
                R"({"model":"test-model","messages":[{"role":"user","content":[
                      {"type":"text","text":"What is it?"},
                      {"type":"image_url","image_url":{"url":"https://images.test/a?b=\"c\"","detail":"low"}},
                      {"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/AA==","detail":"high"}},
                      {"type":"image_url","image_url":{"url":"https://images.test/d"}}]},
                      {"role":"assistant","content":"A bottle"}],
                    "response_format":{"type":"json_schema","json_schema":{"name":"vision","strict":true,"schema":{"type":"object"}}},
                    "max_completion_tokens":500,"temperature":0.25,"seed":7,"service_tier":"flex"})");
}

TEST(OpenAiRequest, compatible_servers_get_the_words_they_know) {
    OpenAiCall call(
        R"({"base_url":"http://127.0.0.1:1","max_tokens_field":"max_tokens","response_format":"json_object","stream_usage":false})");
    call.request.message(ECO2_ROLE_USER).text("x").schema("s", "{}").max_output_tokens(0).params("{}");
    expect_body(call,
                R"({"model":"test-model","messages":[{"role":"user","content":"x"}],"stream":true,
                    "response_format":{"type":"json_object"},"max_tokens":0})");
}

TEST(OpenAiRequest, headers_carry_the_placeholder_and_the_trace) {
    OpenAiCall call(
        R"({"base_url":"https://api.test/v1","organization":"org","project":"proj","extra_headers":{"X-Team":"blue"}})");
    call.request.key(9).request_id("run-7").traceparent("00-abc-def-01");
    const auto request = sent(call);
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.url, "https://api.test/v1/chat/completions");
    EXPECT_EQ(request.key, 9u);
    EXPECT_EQ(request.header("authorization"), "Bearer {eco2:key}");
    EXPECT_EQ(request.header("content-type"), "application/json");
    EXPECT_EQ(request.header("accept"), "text/event-stream");
    EXPECT_EQ(request.header("openai-organization"), "org");
    EXPECT_EQ(request.header("openai-project"), "proj");
    EXPECT_EQ(request.header("x-request-id"), "run-7");
    EXPECT_EQ(request.header("traceparent"), "00-abc-def-01");
    EXPECT_EQ(request.header("x-team"), "blue");
}

TEST(OpenAiRequest, without_a_key_or_with_a_header_for_it_no_bearer_is_sent) {
    OpenAiCall keyless;
    const auto plain = sent(keyless);
    EXPECT_EQ(plain.header("authorization"), "");
    EXPECT_EQ(plain.header("traceparent"), "");
    OpenAiCall own(R"({"base_url":"https://api.test/v1","extra_headers":{"api-key":"{eco2:key}"}})");
    own.request.key(3);
    const auto request = sent(own);
    EXPECT_EQ(request.header("authorization"), "");
    EXPECT_EQ(request.header("api-key"), "{eco2:key}");
}

TEST(OpenAiRequest, what_cannot_be_sent_is_the_callers_fault) {
    for (const char* const params : {"[]", "{", "null", "x"}) {
        OpenAiCall call;
        call.request.params(params);
        EXPECT_EQ(sent(call).body, "");
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_CALLER_FAULT) << params;
        call.expect_clean();
    }
}

TEST(OpenAiRequest, the_capabilities_follow_the_configuration) {
    OpenAiCall usual;
    const auto describe = [](OpenAiCall& call) {
        return eco2::plugin::from_abi(*call.instance.provider_info()->describe(call.instance.provider_info()->self));
    };
    EXPECT_EQ(
        describe(usual),
        R"({"name":"openai","capabilities":{"vision":true,"json_schema":true,"streaming":true,"tools":true,"chat":true}})");
    OpenAiCall none(R"({"base_url":"http://127.0.0.1:1","response_format":"none"})");
    EXPECT_EQ(
        describe(none),
        R"({"name":"openai","capabilities":{"vision":true,"json_schema":false,"streaming":true,"tools":true,"chat":true}})");
    OpenAiCall responses(R"({"base_url":"http://127.0.0.1:1","api":"responses"})");
    EXPECT_EQ(
        describe(responses),
        R"({"name":"openai","capabilities":{"vision":true,"json_schema":true,"streaming":true,"tools":true,"chat":false}})");
}

TEST(OpenAiRequest, params_that_name_a_member_of_ours_are_refused_with_its_name) {
    for (const char* const key :
         {"model", "messages", "stream", "stream_options", "response_format", "temperature", "max_completion_tokens"}) {
        OpenAiCall call;
        call.request.schema("s", "{}").temperature(0).max_output_tokens(1).params("{\"a\":1,\"" + std::string(key) + "\":1}");
        EXPECT_EQ(sent(call).body, "");
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_CALLER_FAULT) << key;
        EXPECT_NE(call.sink.result().message.find(key), std::string::npos);
        call.expect_clean();
    }
    OpenAiCall free;
    free.request.params(R"({"temperature":1,"response_format":{"type":"text"}})");
    EXPECT_NE(sent(free).body.find(R"("temperature":1)"), std::string::npos) << "not ours in this request";
}

TEST(OpenAiRequest, responses_put_everything_in_its_own_place) {
    OpenAiCall call(R"({"base_url":"https://api.test/v1","api":"responses"})");
    const std::vector<std::uint8_t> photo{0xFF, 0xD8, 0xFF, 0x00};
    call.request.streamed(false)
        .message(ECO2_ROLE_SYSTEM)
        .text("Be brief")
        .message(ECO2_ROLE_USER)
        .text("What is it?")
        .image_url("https://images.test/a", ECO2_DETAIL_LOW)
        .image("image/jpeg", photo, ECO2_DETAIL_HIGH)
        .image_url("https://images.test/d")
        .message(ECO2_ROLE_ASSISTANT)
        .text("A bottle")
        .schema("vision", R"({"type":"object"})")
        .max_output_tokens(500)
        .temperature(0.25)
        .params(R"({"reasoning":{"effort":"low"}})");
    expect_body(call,
                R"({"model":"test-model","instructions":"Be brief","input":[{"role":"user","content":[
                      {"type":"input_text","text":"What is it?"},
                      {"type":"input_image","image_url":"https://images.test/a","detail":"low"},
                      {"type":"input_image","image_url":"data:image/jpeg;base64,/9j/AA==","detail":"high"},
                      {"type":"input_image","image_url":"https://images.test/d","detail":"auto"}]},
                      {"role":"assistant","content":[{"type":"output_text","text":"A bottle"}]}],"store":false,
                    "text":{"format":{"type":"json_schema","name":"vision","strict":true,"schema":{"type":"object"}}},
                    "max_output_tokens":500,"temperature":0.25,"reasoning":{"effort":"low"}})");
}

TEST(OpenAiRequest, responses_streamed_with_a_later_system_message) {
    OpenAiCall call(R"({"base_url":"https://api.test/v1","api":"responses","response_format":"json_object"})");
    call.request.message(ECO2_ROLE_USER).text("x").message(ECO2_ROLE_SYSTEM).text("y").schema("s", "{}");
    expect_body(call,
                R"({"model":"test-model","input":[{"role":"user","content":[{"type":"input_text","text":"x"}]},
                    {"role":"system","content":[{"type":"input_text","text":"y"}]}],"store":false,"stream":true,
                    "text":{"format":{"type":"json_object"}}})");
    EXPECT_EQ(call.host.http().requests().at(0).url, "https://api.test/v1/responses");
}

TEST(OpenAiRequest, responses_refuse_params_that_name_a_member_of_theirs) {
    for (const char* const key : {"model", "input", "instructions", "store", "stream", "text"}) {
        OpenAiCall call(R"({"base_url":"https://api.test/v1","api":"responses"})");
        call.request.schema("s", "{}").params("{\"" + std::string(key) + "\":1}");
        EXPECT_EQ(sent(call).body, "");
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_CALLER_FAULT) << key;
    }
}

/// The configurations of the plugin's README, and where and how they ask.
TEST(OpenAiRequest, servers_of_other_houses_are_asked_as_they_want) {
    OpenAiCall azure(
        R"({"base_url":"https://house.openai.azure.com/openai/deployments/my-gpt","query":{"api-version":"2024-10-21"},)"
        R"("extra_headers":{"api-key":"{eco2:key}"}})");
    azure.request.key(1);
    const auto asked = sent(azure);
    EXPECT_EQ(asked.url, "https://house.openai.azure.com/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21");
    EXPECT_EQ(asked.header("api-key"), "{eco2:key}");
    EXPECT_EQ(asked.header("authorization"), "");

    OpenAiCall responses(
        R"({"base_url":"https://house.openai.azure.com/openai","api":"responses","query":{"api-version":"2025-03-01-preview"},)"
        R"("extra_headers":{"api-key":"{eco2:key}"}})");
    EXPECT_EQ(sent(responses).url, "https://house.openai.azure.com/openai/responses?api-version=2025-03-01-preview");

    OpenAiCall vllm(R"({"base_url":"http://127.0.0.1:8000/v1","max_tokens_field":"max_tokens"})");
    vllm.request.schema("s", R"({"type":"object"})").max_output_tokens(9);
    const auto local = sent(vllm);
    EXPECT_EQ(local.url, "http://127.0.0.1:8000/v1/chat/completions");
    EXPECT_EQ(local.header("authorization"), "");
    EXPECT_NE(local.body.find(R"("max_tokens":9)"), std::string::npos);
    EXPECT_NE(local.body.find(R"("json_schema")"), std::string::npos);

    OpenAiCall ollama(R"({"base_url":"http://127.0.0.1:11434/v1","max_tokens_field":"max_tokens"})");
    EXPECT_EQ(sent(ollama).url, "http://127.0.0.1:11434/v1/chat/completions");

    OpenAiCall llama_cpp(R"({"base_url":"http://127.0.0.1:8080/v1","max_tokens_field":"max_tokens"})");
    llama_cpp.request.key(2);
    EXPECT_EQ(sent(llama_cpp).header("authorization"), "Bearer {eco2:key}") << "llama-server --api-key";
}

}  // namespace
