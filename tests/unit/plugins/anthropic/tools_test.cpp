#include "unit/plugins/anthropic/fixture.hpp"

#include <boost/json/parse.hpp>

namespace {

using namespace eco2::tests;
using eco2::testing::ScriptedExchange;

constexpr std::string_view kWeather =
    R"({"type":"function","function":{"name":"weather","description":"d","parameters":{"minimum":1.0},"strict":true}})";
constexpr std::string_view kTime = R"({"type":"function","function":{"name":"time"}})";
constexpr std::string_view kByTool = R"({"base_url":"https://api.test/v1","schema_by":"tool"})";

std::string tools(std::string_view more = "") {
    return "{\"tools\":[" + std::string(kWeather) + "," + std::string(kTime) + "]" + std::string(more) + "}";
}

std::string sent(AnthropicCall& call) {
    call.run(stream_of(""));
    return call.host.http().requests().empty() ? std::string() : call.host.http().requests().front().body;
}

boost::json::value sent_json(AnthropicCall& call) {
    boost::json::error_code ec;
    const std::string body = sent(call);
    boost::json::value value = boost::json::parse(body, ec);
    EXPECT_FALSE(ec) << body;
    return value.is_object() ? value : boost::json::value(boost::json::object());
}

void expect_member(AnthropicCall& call, std::string_view name, std::string_view expected) {
    const boost::json::value body = sent_json(call);
    const boost::json::value* const member = body.get_object().if_contains(name);
    ASSERT_NE(member, nullptr) << name;
    EXPECT_EQ(*member, boost::json::parse(expected)) << name;
}

TEST(AnthropicTools, become_tools_with_input_schemas) {
    AnthropicCall call;
    call.request.message(ECO2_ROLE_USER).text("q").tools(tools()).top_p(0.5).stop(R"(["x"])");
    const boost::json::value body = sent_json(call);
    EXPECT_EQ(body.at("tools"),
              boost::json::parse(R"([{"name":"weather","description":"d","strict":true,"input_schema":{"minimum":1.0}},
                     {"name":"time","input_schema":{"type":"object","properties":{}}}])"));
    EXPECT_FALSE(body.get_object().contains("tool_choice"));
    EXPECT_EQ(body.at("stop_sequences"), boost::json::parse(R"(["x"])"));
    EXPECT_EQ(body.at("top_p"), 0.5);
}

TEST(AnthropicTools, choices_are_mapped) {
    const std::pair<const char*, const char*> table[] = {
        {R"(,"tool_choice":"auto")", R"({"type":"auto"})"},
        {R"(,"tool_choice":"required")", R"({"type":"any"})"},
        {R"(,"tool_choice":"none","parallel_tool_calls":false)", R"({"type":"none"})"},
        {R"(,"tool_choice":{"type":"function","function":{"name":"time"}})", R"({"type":"tool","name":"time"})"},
        {R"(,"parallel_tool_calls":false)", R"({"type":"auto","disable_parallel_tool_use":true})"},
        {R"(,"tool_choice":"required","parallel_tool_calls":false)", R"({"type":"any","disable_parallel_tool_use":true})"}};
    for (const auto& [told, expected] : table) {
        AnthropicCall call;
        call.request.tools(tools(told));
        expect_member(call, "tool_choice", expected);
    }
    AnthropicCall listed;
    listed.request.tools(tools(
        R"(,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"time"}}]}})"));
    const boost::json::value body = sent_json(listed);
    EXPECT_EQ(body.at("tool_choice"), boost::json::parse(R"({"type":"any"})"));
    EXPECT_EQ(body.at("tools").get_array().size(), 1u);
}

TEST(AnthropicTools, calls_and_results_stand_in_alternating_turns) {
    AnthropicCall call;
    call.request.message(ECO2_ROLE_USER)
        .text("q")
        .message(ECO2_ROLE_ASSISTANT)
        .text("")
        .tool_call(R"({"id":"functions.weather:0","type":"function","function":{"name":"weather","arguments":"{\"t\":1.0}"}})")
        .tool_call(R"({"id":"b","function":{"name":"time","arguments":""}})")
        .tool_result("functions.weather:0", "sun")
        .tool_result("b", "")
        .message(ECO2_ROLE_USER)
        .text("and?")
        .message(ECO2_ROLE_ASSISTANT)
        .text("It")
        .message(ECO2_ROLE_ASSISTANT)
        .text("is");
    const std::string body = sent(call);
    EXPECT_NE(body.find(R"("input":{"t":1.0})"), std::string::npos) << "not written again";
    EXPECT_EQ(boost::json::parse(body).at("messages"), boost::json::parse(R"([
        {"role":"user","content":[{"type":"text","text":"q"}]},
        {"role":"assistant","content":[{"type":"tool_use","id":"functions_weather_0","name":"weather","input":{"t":1.0}},
          {"type":"tool_use","id":"b","name":"time","input":{}}]},
        {"role":"user","content":[
          {"type":"tool_result","tool_use_id":"functions_weather_0","content":[{"type":"text","text":"sun"}]},
          {"type":"tool_result","tool_use_id":"b"},{"type":"text","text":"and?"}]},
        {"role":"assistant","content":[{"type":"text","text":"It"},{"type":"text","text":"is"}]}])"));
}

TEST(AnthropicTools, that_cannot_be_told_are_the_callers_fault) {
    for (const std::string_view bad : {R"({"tools":[{"type":"custom","custom":{"name":"x"}}]})",
                                       R"({"tools":{}})",
                                       R"({"tools":[{"type":"function","function":{}}]})",
                                       R"({"tools":[],"tool_choice":"sometimes"})"}) {
        AnthropicCall call;
        call.request.tools(bad);
        EXPECT_EQ(sent(call), "");
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_CALLER_FAULT) << bad;
    }
    for (const std::string_view bad : {R"({"id":"a","function":{"name":"f","arguments":"[]"}})",
                                       R"({"id":"a","function":{"name":"f","arguments":"{\"a\":"}})",
                                       R"({"id":"a","function":{}})",
                                       "{"}) {
        AnthropicCall call;
        call.request.message(ECO2_ROLE_ASSISTANT).tool_call(bad);
        EXPECT_EQ(sent(call), "");
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_CALLER_FAULT) << bad;
    }
}

TEST(AnthropicTools, a_schema_by_tool_stands_beside_them) {
    AnthropicCall call(kByTool);
    call.request.schema("vision", R"({"type":"object"})").tools(tools());
    const boost::json::value body = sent_json(call);
    EXPECT_EQ(body.at("tools").get_array().size(), 3u);
    EXPECT_EQ(body.at("tool_choice"), boost::json::parse(R"({"type":"any"})"));
    AnthropicCall none(kByTool);
    none.request.schema("vision", R"({"type":"object"})").tools(tools(R"(,"tool_choice":"none")"));
    expect_member(none, "tool_choice", R"({"type":"tool","name":"vision"})");
}

std::string event(std::string_view type, std::string_view members = "") {
    return "data: {\"type\":\"" + std::string(type) + '"' + std::string(members) + "}\n\n";
}
std::string started(int block, std::string_view id, std::string_view name, std::string_view input = "{}") {
    return event("content_block_start",
                 ",\"index\":" + std::to_string(block) + R"(,"content_block":{"type":"tool_use","id":")" + std::string(id) +
                     R"(","name":")" + std::string(name) + R"(","input":)" + std::string(input) + "}");
}
std::string json_piece(int block, std::string_view escaped) {
    return event("content_block_delta",
                 ",\"index\":" + std::to_string(block) + R"(,"delta":{"type":"input_json_delta","partial_json":")" +
                     std::string(escaped) + "\"}");
}
std::string stopped(int block) {
    return event("content_block_stop", ",\"index\":" + std::to_string(block));
}
const std::string kEnd =
    event("message_delta", R"(,"delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":3})") + event("message_stop");

std::vector<std::string> told(AnthropicCall& call) {
    std::vector<std::string> out;
    for (const auto& delta : call.sink.deltas_of(ECO2_DELTA_TOOL)) {
        out.push_back(delta.text);
    }
    return out;
}

TEST(AnthropicTools, uses_are_told_as_calls_however_the_stream_is_cut) {
    const std::string body = event("message_start", R"(,"message":{"model":"m"})") +
                             event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})") +
                             event("content_block_delta", R"(,"index":0,"delta":{"type":"text_delta","text":"hm"})") +
                             stopped(0) + started(1, "toolu_1", "weather") + json_piece(1, "") + json_piece(1, R"({\"t\":)") +
                             json_piece(1, "1}") + stopped(1) + started(2, "toolu_2", "time") + json_piece(2, "") + stopped(2) +
                             kEnd;
    for (std::size_t cut = 0; cut < body.size(); ++cut) {
        AnthropicCall call;
        ScriptedExchange script = stream_of(body);
        script.cuts = {cut};
        call.run(std::move(script));
        ASSERT_EQ(told(call),
                  (std::vector<std::string>{
                      R"({"index":0,"id":"toolu_1","type":"function","function":{"name":"weather","arguments":""}})",
                      R"({"index":0,"function":{"arguments":"{\"t\":"}})",
                      R"({"index":0,"function":{"arguments":"1}"}})",
                      R"({"index":1,"id":"toolu_2","type":"function","function":{"name":"time","arguments":""}})",
                      R"({"index":1,"function":{"arguments":"{}"}})"}));
        EXPECT_EQ(call.sink.text(), "hm");
        EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_TOOL);
        call.expect_clean();
    }
}

TEST(AnthropicTools, an_input_that_comes_at_once_is_told_once) {
    AnthropicCall call;
    call.run(stream_of(started(0, "a", "f", R"({"t":2})") + kEnd));
    EXPECT_EQ(told(call).at(1), R"({"index":0,"function":{"arguments":"{\"t\":2}"}})");
    EXPECT_EQ(told(call).size(), 2u);
    AnthropicCall whole;
    whole.request.streamed(false);
    whole.run(json_of(
        200,
        R"({"type":"message","content":[{"type":"tool_use","id":"a","name":"f","input":{"t":2}},{"type":"tool_use","id":"b","name":"g"}],"stop_reason":"tool_use"})"));
    EXPECT_EQ(
        told(whole),
        (std::vector<std::string>{R"({"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{\"t\":2}"}})",
                                  R"({"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{}"}})"}));
    EXPECT_EQ(whole.sink.result().finish_reason, ECO2_FINISH_TOOL);
}

TEST(AnthropicTools, a_call_beside_a_schema_by_tool_is_a_call) {
    AnthropicCall call(kByTool);
    call.request.schema("vision", "{}").tools(tools());
    call.run(stream_of(started(0, "a", "time") + stopped(0) + kEnd));
    EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_TOOL);
    EXPECT_EQ(told(call).size(), 2u);
    AnthropicCall answered(kByTool);
    answered.request.schema("vision", "{}").tools(tools());
    answered.run(stream_of(started(0, "a", "vision") + json_piece(0, R"({\"a\":1})") + stopped(0) + kEnd));
    EXPECT_EQ(answered.sink.result().finish_reason, ECO2_FINISH_STOP);
    EXPECT_EQ(answered.sink.text(), R"({"a":1})");
    EXPECT_TRUE(told(answered).empty());
}

}  // namespace
