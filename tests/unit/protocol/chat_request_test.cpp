#include "protocol/chat_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace eco2 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Parsed {
    Result<ChatRequest> request = fail(Errc::internal);
    std::string param;
};

Parsed parse(std::string body) {
    Parsed parsed;
    parsed.request = parse_chat_request(std::make_shared<const std::string>(std::move(body)), parsed.param);
    return parsed;
}

/// A good request with more fields.
std::string with(const std::string& fields, const std::string& messages = R"([{"role":"user","content":"hi"}])") {
    return R"({"model":"m","messages":)" + messages + (fields.empty() ? "" : "," + fields) + "}";
}

ChatRequest good(const std::string& body) {
    auto parsed = parse(body);
    EXPECT_TRUE(parsed.request) << body << " " << (parsed.request ? "" : parsed.request.error().text());
    return parsed.request ? std::move(*parsed.request) : ChatRequest();
}

TEST(ChatRequest, says_all_in_neutral_form_and_keeps_the_bytes) {
    const std::string body = with(
        R"("stream":true,"stream_options":{"include_usage":true},"temperature":0.5,"top_p":1,"stop":["a","b"],)"
        R"("max_tokens":7,"max_completion_tokens":9,"tool_choice":"auto","parallel_tool_calls":false,"seed":1,)"
        R"("tools":[{"type":"function","function":{"name":"f","parameters":{"maximum":1.0}}}],)"
        R"("response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"minimum": 1.0}}})",
        R"([{"role":"system","content":"s"},{"role":"developer","content":[{"type":"text","text":"d"}]},)"
        R"({"role":"user","content":[{"type":"text","text":"u"},{"type":"image_url","image_url":{"url":"https://h/i","detail":"low"}},)"
        R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AAEC"}}]},)"
        R"({"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
        R"({"role":"tool","tool_call_id":"c","content":"42"}])");
    const auto made = good(body);
    const auto& request = made.request;
    EXPECT_EQ(request.model, "m");
    EXPECT_EQ(*request.chat_json, body);
    EXPECT_TRUE(request.is_streamed);
    EXPECT_TRUE(made.wants_usage);
    EXPECT_THAT(made.beyond, IsEmpty());
    EXPECT_EQ(request.temperature, 0.5);
    EXPECT_EQ(request.top_p, 1);
    EXPECT_EQ(request.max_output_tokens, 9);
    EXPECT_EQ(*request.stop_json, R"(["a","b"])");
    EXPECT_EQ(*request.tools_json,
              R"({"tools":[{"type":"function","function":{"name":"f","parameters":{"maximum":1.0}}}],)"
              R"("tool_choice":"auto","parallel_tool_calls":false})");
    EXPECT_EQ(*request.schema_name, "s");
    EXPECT_EQ(*request.schema_json, R"({"minimum": 1.0})");
    ASSERT_EQ(request.messages.size(), 5U);
    EXPECT_EQ(request.messages[0].role, Role::system);
    EXPECT_EQ(request.messages[1].role, Role::system);
    EXPECT_EQ(*request.messages[1].parts.at(0).text, "d");
    const auto& user = request.messages[2].parts;
    ASSERT_EQ(user.size(), 3U);
    EXPECT_EQ(user[1].kind, Part::Kind::image_url);
    EXPECT_EQ(*user[1].text, "https://h/i");
    EXPECT_EQ(user[1].detail, ImageDetail::low);
    EXPECT_EQ(user[2].kind, Part::Kind::image_bytes);
    EXPECT_EQ(user[2].mime, "image/png");
    EXPECT_EQ(*user[2].bytes, std::string("\0\1\2", 3));
    EXPECT_EQ(request.messages[3].parts.at(0).kind, Part::Kind::tool_call);
    EXPECT_EQ(*request.messages[3].parts.at(0).text,
              R"({"id":"c","type":"function","function":{"name":"f","arguments":"{}"}})");
    EXPECT_EQ(request.messages[4].role, Role::tool);
    EXPECT_EQ(request.messages[4].tool_call_id, "c");
    EXPECT_GT(made.tokens_estimate, 9 + 2 * 800);
}

TEST(ChatRequest, null_means_the_default) {
    const auto made = good(with(R"("stream":null,"stream_options":null,"temperature":null,"stop":null,"tools":null,"n":null,)"
                                R"("max_tokens":null,"response_format":null,"logprobs":null,"modalities":null)"));
    EXPECT_FALSE(made.request.is_streamed);
    EXPECT_EQ(made.request.temperature, -1);
    EXPECT_EQ(made.request.max_output_tokens, -1);
    EXPECT_EQ(made.request.tools_json, nullptr);
    EXPECT_THAT(made.beyond, IsEmpty());
}

TEST(ChatRequest, what_the_neutral_form_cannot_say_is_listed_and_passes) {
    EXPECT_THAT(good(with(R"("n":2,"logprobs":true,"audio":{},"modalities":["text","audio"])")).beyond,
                ElementsAre("n", "logprobs", "audio", "modalities"));
    EXPECT_THAT(good(with(R"("n":1,"logprobs":false,"modalities":["text"],"seed":1,"frequency_penalty":-1)")).beyond,
                IsEmpty());
    EXPECT_THAT(good(with(R"("response_format":{"type":"json_object"})")).beyond, ElementsAre("response_format"));
    EXPECT_THAT(good(with(R"("tools":[{"type":"custom"}])")).beyond, ElementsAre("tools[0]"));
    EXPECT_THAT(good(with("", R"([{"role":"critic","content":"x"}])")).beyond, ElementsAre("messages[0].role"));
    EXPECT_THAT(good(with("", R"([{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}])")).beyond,
                ElementsAre("messages[0].content[0]"));
}

TEST(ChatRequest, a_wrong_field_is_named) {
    const std::pair<std::string, std::string> kWrong[] = {
        {R"({"messages":[{"role":"user","content":"x"}]})", "model"},
        {R"({"model":1,"messages":[{"role":"user","content":"x"}]})", "model"},
        {R"({"model":"m"})", "messages"},
        {R"({"model":"m","messages":[]})", "messages"},
        {R"({"model":"m","messages":"x"})", "messages"},
        {with("", "[1]"), "messages[0]"},
        {with("", R"([{"content":"x"}])"), "messages[0].role"},
        {with("", R"([{"role":1,"content":"x"}])"), "messages[0].role"},
        {with("", R"([{"role":"user"}])"), "messages[0].content"},
        {with("", R"([{"role":"user","content":1}])"), "messages[0].content"},
        {with("", R"([{"role":"user","content":[1]}])"), "messages[0].content[0]"},
        {with("", R"([{"role":"user","content":[{"type":"text"}]}])"), "messages[0].content[0].text"},
        {with("", R"([{"role":"user","content":[{"type":"image_url","image_url":"u"}]}])"), "messages[0].content[0].image_url"},
        {with("", R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,A"}}]}])"),
         "messages[0].content[0].image_url.url"},
        {with("", R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,x"}}]}])"),
         "messages[0].content[0].image_url.url"},
        {with("", R"([{"role":"assistant","tool_calls":{}}])"), "messages[0].tool_calls"},
        {with("", R"([{"role":"tool","content":"x"}])"), "messages[0].tool_call_id"},
        {with(R"("stream":1)"), "stream"},
        {with(R"("stream":true,"stream_options":1)"), "stream_options"},
        {with(R"("stream_options":{"include_usage":true})"), "stream_options"},
        {with(R"("stream":true,"stream_options":{"include_usage":1})"), "stream_options.include_usage"},
        {with(R"("temperature":"hot")"), "temperature"},
        {with(R"("temperature":-1)"), "temperature"},
        {with(R"("top_p":[])"), "top_p"},
        {with(R"("max_tokens":0)"), "max_tokens"},
        {with(R"("max_completion_tokens":1.5)"), "max_completion_tokens"},
        {with(R"("stop":[1])"), "stop"},
        {with(R"("tools":{})"), "tools"},
        {with(R"("tools":[{}])"), "tools[0]"},
        {with(R"("tool_choice":1)"), "tool_choice"},
        {with(R"("parallel_tool_calls":"yes")"), "parallel_tool_calls"},
        {with(R"("response_format":"json")"), "response_format"},
        {with(R"("response_format":{"type":"json_schema"})"), "response_format.json_schema"},
        {with(R"("response_format":{"type":"json_schema","json_schema":{"name":"s","schema":1}})"),
         "response_format.json_schema.schema"},
        {with(R"("n":0)"), "n"},
        {with(R"("logprobs":1)"), "logprobs"},
        {with(R"("modalities":"text")"), "modalities"},
    };
    for (const auto& [body, param] : kWrong) {
        const auto parsed = parse(body);
        ASSERT_FALSE(parsed.request) << body;
        EXPECT_EQ(parsed.request.error().code, Errc::invalid_field) << body;
        EXPECT_EQ(parsed.param, param) << body;
    }
}

TEST(ChatRequest, a_field_that_stands_there_twice_is_refused) {
    EXPECT_EQ(parse(with(R"("model":"dear")")).request.error().code, Errc::invalid_field);
    EXPECT_EQ(parse(with(R"("mode\u006c":"dear")")).request.error().code, Errc::invalid_field);
}

TEST(ChatRequest, a_body_cut_anywhere_is_not_json) {
    const auto body = with(R"("stream":true,"stop":"x","tools":[{"type":"function"}])");
    for (std::size_t size = 0; size < body.size(); ++size) {
        EXPECT_EQ(parse(body.substr(0, size)).request.error().code, Errc::invalid_json) << size;
    }
    EXPECT_EQ(parse("[]").request.error().code, Errc::invalid_json);
}

TEST(ChatRequest, a_wrong_type_anywhere_never_passes_silently_into_a_crash) {
    // Each value of a good body is replaced in turn by one of another type.
    const std::string body =
        R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"u"}]}],"stop":"x","stream":true})";
    for (const auto* odd : {"1", "{}", "[]", "null", "true", "\"s\"", "[[]]", "{\"type\":\"text\"}"}) {
        for (const std::string& good_value : {std::string(R"("m")"),
                                              std::string(R"("user")"),
                                              std::string(R"([{"type":"text","text":"u"}])"),
                                              std::string(R"("text")"),
                                              std::string(R"("x")"),
                                              std::string("true")}) {
            auto text = body;
            text.replace(text.find(good_value), good_value.size(), odd);
            const auto parsed = parse(text);
            EXPECT_TRUE(parsed.request || !parsed.param.empty() || parsed.request.error().code == Errc::invalid_json) << text;
        }
    }
}

}  // namespace
}  // namespace eco2
