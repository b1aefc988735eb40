#include "unit/plugins/gemini/fixture.hpp"

#include <boost/json/parse.hpp>

namespace {

using namespace eco2::tests;

eco2::testing::RecordedHttpRequest sent(GeminiCall& call) {
    call.run(stream_of(""));
    const auto requests = call.host.http().requests();
    return requests.empty() ? eco2::testing::RecordedHttpRequest{} : requests.front();
}

void expect_body(GeminiCall& call, std::string_view expected) {
    boost::json::error_code ec;
    const std::string body = sent(call).body;
    const boost::json::value actual = boost::json::parse(body, ec);
    ASSERT_FALSE(ec) << body;
    EXPECT_EQ(actual, boost::json::parse(expected)) << body;
}

TEST(GeminiRequest, everything_at_once) {
    GeminiCall call;
    const std::vector<std::uint8_t> photo{0xFF, 0xD8, 0xFF, 0x00};
    call.request.message(ECO2_ROLE_SYSTEM)
        .text("Be brief")
        .message(ECO2_ROLE_USER)
        .text("What is it?")
        .image_url("https://images.test/a.png?b=1")
        .image_url("https://images.test/a")
        .image("image/jpeg", photo)
        .message(ECO2_ROLE_ASSISTANT)
        .text("A bottle")
        .schema("vision", R"({"type":"object"})")
        .max_output_tokens(500)
        .temperature(0.25)
        .params(R"({"safetySettings":[],"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}})");
    expect_body(call,
                R"({"contents":[{"role":"user","parts":[{"text":"What is it?"},
                      {"fileData":{"mimeType":"image/png","fileUri":"https://images.test/a.png?b=1"}},
                      {"fileData":{"fileUri":"https://images.test/a"}},
                      {"inlineData":{"mimeType":"image/jpeg","data":"/9j/AA=="}}]},
                      {"role":"model","parts":[{"text":"A bottle"}]}],"systemInstruction":{"parts":[{"text":"Be brief"}]},
                    "safetySettings":[],"generationConfig":{"candidateCount":1,"maxOutputTokens":500,"temperature":0.25,
                      "responseMimeType":"application/json","responseJsonSchema":{"type":"object"},
                      "thinkingConfig":{"thinkingBudget":0}}})");
}

TEST(GeminiRequest, the_path_and_the_head) {
    GeminiCall streamed;
    streamed.request.key(9).model("models/gemini-2.5-flash");
    const auto request = sent(streamed);
    EXPECT_EQ(request.url, "https://api.test/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
    EXPECT_EQ(request.header("x-goog-api-key"), "{eco2:key}");
    EXPECT_EQ(request.header("authorization"), "");
    GeminiCall whole;
    whole.request.streamed(false).model("gemini-x");
    EXPECT_EQ(sent(whole).url, "https://api.test/v1beta/models/gemini-x:generateContent");
}

TEST(GeminiRequest, what_cannot_be_sent_is_the_callers_fault) {
    for (const char* const params :
         {"[]", R"({"contents":1})", R"({"generationConfig":7})", R"({"generationConfig":{"responseSchema":{}}})"}) {
        GeminiCall call;
        call.request.schema("s", "{}").params(params);
        EXPECT_EQ(sent(call).body, "");
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_CALLER_FAULT) << params;
    }
    for (const char* const model : {"", "a/b", "a?b", "..", "a:b", "모델"}) {
        GeminiCall call;
        call.request.model(model);
        EXPECT_EQ(sent(call).body, "");
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_CALLER_FAULT) << model;
    }
    GeminiCall no_urls(R"({"base_url":"https://api.test/v1beta","image_urls":false})");
    no_urls.request.message(ECO2_ROLE_USER).image_url("https://images.test/a");
    EXPECT_EQ(sent(no_urls).body, "");
    EXPECT_NE(no_urls.sink.result().message.find("image_urls"), std::string::npos);
}

TEST(GeminiRequest, the_capabilities_follow_the_configuration) {
    GeminiCall call(R"({"base_url":"https://api.test/v1beta","image_urls":false,"schema_by":"mime_type"})");
    const auto* const info = call.instance.provider_info();
    EXPECT_EQ(
        eco2::plugin::from_abi(*info->describe(info->self)),
        R"({"name":"gemini","capabilities":{"vision":true,"json_schema":false,"streaming":true,"tools":true,"chat":false,"image_urls":false}})");
    EXPECT_FALSE(eco2::gemini::read_options(R"({"base_url":"x"})"));
}

}  // namespace
