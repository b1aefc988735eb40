#include "unit/plugins/openai/fixture.hpp"

#include <boost/json/parse.hpp>

namespace {

using namespace eco2::tests;
using eco2::testing::ScriptedExchange;

constexpr std::string_view kTools =
    R"({"tools":[{"type":"function","function":{"name":"weather","description":"d","parameters":{"minimum":1.0}}}],)"
    R"("tool_choice":{"type":"function","function":{"name":"weather"}},"parallel_tool_calls":false})";
constexpr std::string_view kCallA = R"({"id":"a","type":"function","function":{"name":"weather","arguments":"{\"t\":1.0}"}})";
constexpr std::string_view kCallB = R"({"id":"b","type":"function","function":{"name":"weather","arguments":"{}"}})";
constexpr std::string_view kResponses = R"({"base_url":"https://api.test/v1","api":"responses"})";

void converse(OpenAiCall& call) {
    call.request.streamed(false)
        .message(ECO2_ROLE_USER)
        .text("q")
        .message(ECO2_ROLE_ASSISTANT)
        .text("let me see")
        .tool_call(kCallA)
        .tool_call(kCallB)
        .tool_result("a", "sun \"1\"")
        .tool_result("b", "rain")
        .message(ECO2_ROLE_ASSISTANT)
        .tool_call(kCallB)
        .tool_result("b", "snow")
        .tools(kTools)
        .top_p(0.5);
}

std::string sent(OpenAiCall& call) {
    call.run(stream_of(""));
    return call.host.http().requests().empty() ? std::string() : call.host.http().requests().front().body;
}

void expect_body(OpenAiCall& call, std::string_view expected) {
    boost::json::error_code ec;
    const std::string body = sent(call);
    const boost::json::value actual = boost::json::parse(body, ec);
    ASSERT_FALSE(ec) << body;
    EXPECT_EQ(actual, boost::json::parse(expected)) << body;
}

TEST(OpenAiTools, of_chat_completions_go_on_as_they_are) {
    OpenAiCall call;
    converse(call);
    call.request.stop(R"(["a","b"])");
    expect_body(call,
                R"({"model":"test-model","messages":[{"role":"user","content":"q"},
            {"role":"assistant","content":"let me see","tool_calls":[
              {"id":"a","type":"function","function":{"name":"weather","arguments":"{\"t\":1.0}"}},
              {"id":"b","type":"function","function":{"name":"weather","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"a","content":"sun \"1\""},{"role":"tool","tool_call_id":"b","content":"rain"},
            {"role":"assistant","content":null,"tool_calls":[
              {"id":"b","type":"function","function":{"name":"weather","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"b","content":"snow"}],"top_p":0.5,"stop":["a","b"],
            "tools":[{"type":"function","function":{"name":"weather","description":"d","parameters":{"minimum":1.0}}}],
            "tool_choice":{"type":"function","function":{"name":"weather"}},"parallel_tool_calls":false})");
    EXPECT_NE(call.host.http().requests().front().body.find(R"("minimum":1.0)"), std::string::npos) << "not written again";
}

TEST(OpenAiTools, of_responses_lie_flat) {
    OpenAiCall call(kResponses);
    converse(call);
    expect_body(call,
                R"({"model":"test-model","input":[{"role":"user","content":[{"type":"input_text","text":"q"}]},
            {"role":"assistant","content":[{"type":"output_text","text":"let me see"}]},
            {"type":"function_call","call_id":"a","name":"weather","arguments":"{\"t\":1.0}"},
            {"type":"function_call","call_id":"b","name":"weather","arguments":"{}"},
            {"type":"function_call_output","call_id":"a","output":"sun \"1\""},
            {"type":"function_call_output","call_id":"b","output":"rain"},
            {"type":"function_call","call_id":"b","name":"weather","arguments":"{}"},
            {"type":"function_call_output","call_id":"b","output":"snow"}],"store":false,"top_p":0.5,
            "tools":[{"type":"function","name":"weather","description":"d","parameters":{"minimum":1.0},"strict":false}],
            "tool_choice":{"type":"function","name":"weather"},"parallel_tool_calls":false})");
}

TEST(OpenAiTools, of_responses_keep_strictness_and_lists_of_allowed_ones) {
    OpenAiCall call(kResponses);
    call.request.streamed(false).tools(
        R"({"tools":[{"type":"function","function":{"name":"f","strict":true}},{"type":"custom","custom":{"name":"c"}}],)"
        R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}}})");
    expect_body(call,
                R"({"model":"test-model","input":[],"store":false,
                    "tools":[{"type":"function","name":"f","strict":true},{"type":"custom","name":"c"}],
                    "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"}]}})");
    OpenAiCall word(kResponses);
    word.request.streamed(false).tools(R"({"tools":[],"tool_choice":"required"})");
    expect_body(word, R"({"model":"test-model","input":[],"store":false,"tools":[],"tool_choice":"required"})");
}

TEST(OpenAiTools, that_cannot_be_told_are_the_callers_fault) {
    for (const std::string_view bad :
         {R"({"tools":[{"type":"function"}]})", R"({"tools":{}})", R"({"tools":[{"function":{}}]})", R"({"tool_choice":7})"}) {
        OpenAiCall call(kResponses);
        call.request.tools(bad);
        EXPECT_EQ(sent(call), "");
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_CALLER_FAULT) << bad;
    }
    OpenAiCall stop(kResponses);
    stop.request.stop(R"(["x"])");
    EXPECT_EQ(sent(stop), "");
    OpenAiCall taken;
    taken.request.tools(kTools).top_p(1).stop("[]").params(R"({"stop":"x"})");
    EXPECT_EQ(sent(taken), "");
    EXPECT_NE(taken.sink.result().message.find("stop"), std::string::npos);
}

TEST(OpenAiTools, whole_calls_get_the_index_that_a_stream_would_have) {
    OpenAiCall call;
    call.request.streamed(false);
    call.run(json_of(200,
                     R"({"choices":[{"index":0,"message":{"content":null,"tool_calls":[{"id":"a"},{"id":"b"}]},)"
                     R"("finish_reason":"tool_calls"}]})"));
    const auto tools = call.sink.deltas_of(ECO2_DELTA_TOOL);
    ASSERT_EQ(tools.size(), 2u);
    EXPECT_EQ(tools[0].text, R"({"index":0,"id":"a"})");
    EXPECT_EQ(tools[1].text, R"({"index":1,"id":"b"})");
}

std::string event(std::string_view type, std::string_view members) {
    return "data: {\"type\":\"" + std::string(type) + '"' + std::string(members) + "}\n\n";
}

const std::string kItem = R"({"type":"function_call","id":"fc_1","call_id":"a","name":"weather","arguments":"{\"t\":1}"})";

std::string calling_stream() {
    return event("response.created", R"(,"response":{"model":"m"})") +
           event("response.output_item.added", R"(,"output_index":0,"item":{"type":"reasoning"})") +
           event("response.output_item.added",
                 R"(,"output_index":1,"item":{"type":"function_call","call_id":"a","name":"weather","arguments":""})") +
           event("response.function_call_arguments.delta", R"(,"output_index":1,"delta":"{\"t\"")") +
           event("response.function_call_arguments.delta", R"(,"output_index":1,"delta":":1}")") +
           event("response.function_call_arguments.done", R"(,"output_index":1,"arguments":"{\"t\":1}")") +
           event("response.output_item.done", R"(,"output_index":1,"item":)" + kItem) +
           event("response.completed", R"(,"response":{"status":"completed","output":[)" + kItem + "]}");
}

TEST(OpenAiTools, calls_of_a_responses_stream_come_in_pieces_however_it_is_cut) {
    const std::string body = calling_stream();
    for (std::size_t cut = 0; cut < body.size(); ++cut) {
        OpenAiCall call(kResponses);
        ScriptedExchange script = stream_of(body);
        script.cuts = {cut};
        call.run(std::move(script));
        const auto tools = call.sink.deltas_of(ECO2_DELTA_TOOL);
        ASSERT_EQ(tools.size(), 3u);
        EXPECT_EQ(tools[0].text, R"({"index":0,"id":"a","type":"function","function":{"name":"weather","arguments":""}})");
        EXPECT_EQ(tools[1].text, R"({"index":0,"function":{"arguments":"{\"t\""}})");
        EXPECT_EQ(tools[2].text, R"({"index":0,"function":{"arguments":":1}"}})");
        EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_TOOL);
        call.expect_clean();
    }
}

TEST(OpenAiTools, a_lost_piece_of_a_call_is_malformed) {
    std::string body = calling_stream();
    const std::string lost = event("response.function_call_arguments.delta", R"(,"output_index":1,"delta":"{\"t\"")");
    body.erase(body.find(lost), lost.size());
    OpenAiCall call(kResponses);
    call.run(stream_of(body));
    EXPECT_EQ(call.sink.result().code, "malformed");
}

TEST(OpenAiTools, calls_of_a_whole_response_come_whole) {
    OpenAiCall call(kResponses);
    call.request.streamed(false);
    call.run(json_of(200,
                     R"({"status":"completed","output":[)" + kItem +
                         R"(,{"type":"custom_tool_call","call_id":"c","name":"sh","input":"ls \"x\""}]})"));
    const auto tools = call.sink.deltas_of(ECO2_DELTA_TOOL);
    ASSERT_EQ(tools.size(), 2u);
    EXPECT_EQ(tools[0].text, R"({"index":0,"id":"a","type":"function","function":{"name":"weather","arguments":"{\"t\":1}"}})");
    EXPECT_EQ(tools[1].text, R"({"index":1,"id":"c","type":"custom","custom":{"name":"sh","input":"ls \"x\""}})");
    EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_TOOL);
}

}  // namespace
