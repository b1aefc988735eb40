#include "protocol/chat_collector.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <string>

namespace eco2 {
namespace {

const ChatIdentity kIdentity{"chatcmpl-1", 7, "model-a"};

std::string choice(int index, const std::string& delta, const std::string& finish = "null") {
    return R"({"id":"x","object":"chat.completion.chunk","created":5,"model":"up","system_fingerprint":"fp","choices":[{"index":)" +
           std::to_string(index) + R"(,"delta":)" + delta + R"(,"finish_reason":)" + finish + "}]}";
}

boost::json::value finished(const ChatCollector& collector, FinishReason finish = FinishReason::stop, Usage usage = {}) {
    return boost::json::parse(collector.finish(kIdentity, finish, usage, {}));
}

TEST(ChatCollector, a_whole_answer_is_given_on_byte_for_byte) {
    const std::string text = R"({ "object" : "chat.completion", "choices":[], "temperature": 1.0 })";
    ChatCollector collector;
    ASSERT_TRUE(collector.chat(text));
    EXPECT_EQ(collector.finish(kIdentity, FinishReason::stop, {}, {}), text);
}

TEST(ChatCollector, chunks_become_one_completion) {
    ChatCollector collector;
    for (
        const auto& chunk :
        {choice(0, R"({"role":"assistant","content":""})"),
         choice(1, R"({"role":"assistant","content":null,"refusal":"no"})"),
         choice(0, R"({"content":"ab","reasoning_content":"t"})"),
         choice(
             0,
             R"({"content":"cd","reasoning_content":"u","tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\""}}]})"),
         choice(
             0,
             R"({"tool_calls":[{"index":1,"id":"d","type":"function","function":{"name":"g","arguments":"1"}},{"index":0,"function":{"arguments":":1}"}}]})"),
         choice(1, R"({"refusal":"pe"})", "\"stop\""),
         choice(0, "{}", "\"tool_calls\""),
         std::string(R"({"id":"x","choices":[],"usage":{"prompt_tokens":1,"total_tokens":3}})")}) {
        ASSERT_TRUE(collector.chat(chunk));
    }
    EXPECT_EQ(finished(collector), boost::json::parse(R"({"id":"x","object":"chat.completion","created":5,"model":"up",
        "system_fingerprint":"fp","choices":[
        {"index":0,"message":{"role":"assistant","content":"abcd","refusal":null,"reasoning_content":"tu","tool_calls":[
          {"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
          {"id":"d","type":"function","function":{"name":"g","arguments":"1"}}]},"logprobs":null,"finish_reason":"tool_calls"},
        {"index":1,"message":{"role":"assistant","content":null,"refusal":"nope"},"logprobs":null,"finish_reason":"stop"}],
        "usage":{"prompt_tokens":1,"total_tokens":3}})"));
}

TEST(ChatCollector, logprobs_grow) {
    ChatCollector collector;
    for (const auto* token : {"a", "b"}) {
        ASSERT_TRUE(collector.chat(R"({"choices":[{"index":0,"delta":{"content":")" + std::string(token) +
                                   R"("},"logprobs":{"content":[{"token":")" + token + R"("}],"refusal":null}}]})"));
    }
    EXPECT_EQ(finished(collector).at("choices").at(0).at("logprobs"),
              boost::json::parse(R"({"content":[{"token":"a"},{"token":"b"}],"refusal":null})"));
}

TEST(ChatCollector, neutral_pieces_become_one_completion) {
    ChatCollector collector;
    collector.text("a");
    collector.text("b");
    ASSERT_TRUE(collector.tool(R"({"index":0,"id":"c","function":{"name":"f","arguments":"{"}})"));
    ASSERT_TRUE(collector.tool(R"([{"index":0,"function":{"arguments":"}"}}])"));
    Usage usage;
    usage.input_tokens = 1;
    usage.output_tokens = 2;
    usage.cached_input_tokens = 1;
    const auto made = finished(collector, FinishReason::stop, usage);
    EXPECT_EQ(made.at("id").as_string(), "chatcmpl-1");
    EXPECT_EQ(made.at("model").as_string(), "model-a");
    const auto& first = made.at("choices").at(0);
    EXPECT_EQ(first.at("message").at("content").as_string(), "ab");
    EXPECT_EQ(first.at("message").at("tool_calls").at(0).at("function").at("arguments").as_string(), "{}");
    EXPECT_EQ(first.at("message").at("tool_calls").at(0).at("type").as_string(), "function");
    EXPECT_EQ(first.at("finish_reason").as_string(), "tool_calls");
    EXPECT_EQ(made.at("usage").at("total_tokens").as_int64(), 3);
    EXPECT_EQ(made.at("usage").at("prompt_tokens_details").at("cached_tokens").as_int64(), 1);
    EXPECT_NE(collector.finish(kIdentity, FinishReason::stop, usage, R"({"n":1.0})").find(R"("eco2_result":{"n":1.0}})"),
              std::string::npos);
}

TEST(ChatCollector, after_a_restart_only_the_new_answer_counts) {
    ChatCollector collector;
    collector.text("a");
    collector.restart();
    collector.text("b");
    EXPECT_EQ(finished(collector).at("choices").at(0).at("message").at("content").as_string(), "b");
}

TEST(ChatCollector, an_empty_answer_is_still_a_completion) {
    EXPECT_EQ(finished(ChatCollector()).at("choices").at(0).at("message").at("content").as_string(), "");
}

TEST(ChatCollector, a_chunk_cut_anywhere_is_a_bad_answer) {
    const auto chunk = choice(0, R"({"content":"ab"})", "\"stop\"");
    for (std::size_t size = 0; size < chunk.size(); ++size) {
        ChatCollector collector;
        EXPECT_EQ(collector.chat(chunk.substr(0, size)).error().code, Errc::provider_bad_answer) << size;
    }
    ChatCollector collector;
    EXPECT_FALSE(collector.tool("\"x\""));
    EXPECT_FALSE(collector.tool("{"));
}

TEST(ChatCollector, odd_types_are_no_crash) {
    ChatCollector collector;
    for (const auto* odd :
         {"{\"choices\":{}}",
          "{\"choices\":[1,{},{\"delta\":1},{\"delta\":{\"tool_calls\":1}},{\"delta\":{\"tool_calls\":[1]}}]}",
          "{\"choices\":[{\"index\":\"x\",\"delta\":{\"content\":[1],\"function_call\":{\"arguments\":1}}}]}",
          "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":{}}}]},\"logprobs\":[]}]}"}) {
        EXPECT_TRUE(collector.chat(odd)) << odd;
    }
    EXPECT_NO_THROW(finished(collector));
}

}  // namespace
}  // namespace eco2
