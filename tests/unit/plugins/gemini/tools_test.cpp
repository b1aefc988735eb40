#include "unit/plugins/gemini/fixture.hpp"

#include <boost/json/parse.hpp>

namespace {

using namespace eco2::tests;
using eco2::testing::ScriptedExchange;

constexpr std::string_view kTools =
    R"("tools":[{"type":"function","function":{"name":"weather","description":"d","parameters":{"minimum":1.0}}},)"
    R"({"type":"function","function":{"name":"time"}}])";

std::string sent(GeminiCall& call) {
    call.run(stream_of(""));
    return call.host.http().requests().empty() ? std::string() : call.host.http().requests().front().body;
}

TEST(GeminiTools, become_declarations) {
    GeminiCall call;
    call.request.message(ECO2_ROLE_USER)
        .text("q")
        .tools("{" + std::string(kTools) + R"(,"tool_choice":"auto","parallel_tool_calls":false})")
        .top_p(0.5)
        .stop(R"(["x"])")
        .params(R"({"safetySettings":[]})");
    EXPECT_EQ(boost::json::parse(sent(call)), boost::json::parse(R"({"contents":[{"role":"user","parts":[{"text":"q"}]}],
        "tools":[{"functionDeclarations":[{"name":"weather","description":"d","parametersJsonSchema":{"minimum":1.0}},{"name":"time"}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"AUTO"}},"safetySettings":[],
        "generationConfig":{"candidateCount":1,"topP":0.5,"stopSequences":["x"]}})"));
    GeminiCall taken;
    taken.request.tools("{" + std::string(kTools) + "}").params(R"({"tools":[]})");
    EXPECT_EQ(sent(taken), "");
}

TEST(GeminiTools, choices_are_mapped) {
    const std::pair<const char*, const char*> table[] = {
        {R"("required")", R"({"mode":"ANY"})"},
        {R"("none")", R"({"mode":"NONE"})"},
        {R"({"type":"function","function":{"name":"time"}})", R"({"mode":"ANY","allowedFunctionNames":["time"]})"},
        {R"({"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"time"}}]}})",
         R"({"mode":"VALIDATED","allowedFunctionNames":["time"]})"}};
    for (const auto& [choice, expected] : table) {
        GeminiCall call;
        call.request.tools("{" + std::string(kTools) + ",\"tool_choice\":" + choice + "}");
        EXPECT_EQ(boost::json::parse(sent(call)).at("toolConfig").at("functionCallingConfig"), boost::json::parse(expected));
    }
}

TEST(GeminiTools, results_are_named_after_their_calls) {
    GeminiCall call;
    call.request.message(ECO2_ROLE_USER)
        .text("q")
        .message(ECO2_ROLE_ASSISTANT)
        .tool_call(
            R"({"id":"a","type":"function","function":{"name":"weather","arguments":"{\"t\":1.0}"},"extra_content":{"google":{"thought_signature":"c2ln"}}})")
        .tool_call(R"({"id":"b","type":"function","function":{"name":"time","arguments":""}})")
        .tool_result("a", R"({"sky":1.0})")
        .tool_result("b", "noon")
        .message(ECO2_ROLE_ASSISTANT)
        .tool_call(R"({"id":"a","type":"function","function":{"name":"time","arguments":"{}"}})")
        .tool_result("a", R"(["x"])");
    const std::string body = sent(call);
    EXPECT_NE(body.find(R"("args":{"t":1.0})"), std::string::npos) << "not written again";
    EXPECT_EQ(boost::json::parse(body).at("contents"), boost::json::parse(R"([{"role":"user","parts":[{"text":"q"}]},
        {"role":"model","parts":[{"functionCall":{"name":"weather","args":{"t":1.0}},"thoughtSignature":"c2ln"},
          {"functionCall":{"name":"time","args":{}}}]},
        {"role":"user","parts":[{"functionResponse":{"name":"weather","response":{"sky":1.0}}},
          {"functionResponse":{"name":"time","response":{"output":"noon"}}}]},
        {"role":"model","parts":[{"functionCall":{"name":"time","args":{}}}]},
        {"role":"user","parts":[{"functionResponse":{"name":"time","response":{"output":"[\"x\"]"}}}]}])"));
}

TEST(GeminiTools, that_cannot_be_told_are_the_callers_fault) {
    GeminiCall orphan;
    orphan.request.message(ECO2_ROLE_USER).text("q").tool_result("nobody", "x");
    EXPECT_EQ(sent(orphan), "");
    EXPECT_NE(orphan.sink.result().message.find("nobody"), std::string::npos);
    GeminiCall custom;
    custom.request.tools(R"({"tools":[{"type":"custom","custom":{"name":"x"}}]})");
    EXPECT_EQ(sent(custom), "");
    EXPECT_EQ(custom.sink.result().error_class, ECO2_CLASS_CALLER_FAULT);
}

std::vector<std::string> told(GeminiCall& call) {
    std::vector<std::string> out;
    for (const auto& delta : call.sink.deltas_of(ECO2_DELTA_TOOL)) {
        out.push_back(delta.text);
    }
    return out;
}

const std::string kCalling =
    "data: "
    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\"},{\"functionCall\":{\"name\":\"weather\",\"args\":{\"t\":1}},"
    "\"thoughtSignature\":\"c2ln\"}]}}]}\n\n"
    "data: "
    "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"id\":\"own\",\"name\":\"time\"}}]},\"finishReason\":"
    "\"STOP\"}]}"
    "\n\n";

TEST(GeminiTools, calls_of_an_answer_get_ids_however_it_is_cut) {
    std::string id;
    for (std::size_t cut = 0; cut < kCalling.size(); ++cut) {
        GeminiCall call;
        ScriptedExchange script = stream_of(kCalling);
        script.cuts = {cut};
        call.run(std::move(script));
        const auto tools = told(call);
        ASSERT_EQ(tools.size(), 2u);
        const boost::json::value first = boost::json::parse(tools[0]);
        id = first.at("id").get_string().c_str();
        EXPECT_EQ(first,
                  boost::json::parse(R"({"index":0,"id":")" + id +
                                     R"(","type":"function","function":{"name":"weather","arguments":"{\"t\":1}"},)"
                                     R"("extra_content":{"google":{"thought_signature":"c2ln"}}})"));
        EXPECT_EQ(tools[1], R"({"index":1,"id":"own","type":"function","function":{"name":"time","arguments":"{}"}})");
        EXPECT_EQ(call.sink.text(), "hm");
        EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_TOOL);
        call.expect_clean();
    }
    GeminiCall other;
    other.request.request_id("run-2");
    other.run(stream_of(kCalling));
    EXPECT_EQ(told(other).at(0).find(id), std::string::npos) << "another answer, another id";
    EXPECT_LE(id.size(), 40u);
}

TEST(GeminiTools, calls_that_are_cut_off_by_the_limit_end_as_that) {
    GeminiCall call;
    call.request.streamed(false);
    call.run(
        json_of(200, R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]},"finishReason":"MAX_TOKENS"}]})"));
    EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_LENGTH);
}

}  // namespace
