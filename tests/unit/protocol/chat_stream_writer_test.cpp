#include "protocol/chat_stream_writer.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace eco2 {
namespace {

ChatStreamWriter writer(bool wants_usage = false) {
    return ChatStreamWriter({"chatcmpl-1", 1'700'000'000, "model-a"}, wants_usage);
}

Usage usage() {
    Usage made;
    made.input_tokens = 3;
    made.output_tokens = 4;
    return made;
}

std::vector<boost::json::value> frames(const std::string& out) {
    std::vector<boost::json::value> made;
    for (std::size_t at = 0; (at = out.find("data: ", at)) != std::string::npos;) {
        const auto end = out.find("\n\n", at);
        const auto text = out.substr(at + 6, end - at - 6);
        if (text != "[DONE]") {
            made.push_back(boost::json::parse(text));
        }
        at = end;
    }
    return made;
}

const std::string kChunk =
    R"({"id":"x","object":"chat.completion.chunk","created":5,"model":"up","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]})";
const std::string kLast =
    R"({"id":"x","object":"chat.completion.chunk","created":5,"model":"up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";

TEST(ChatStreamWriter, chunks_pass_byte_for_byte) {
    auto made = writer();
    std::string out;
    made.chat(out, kChunk);
    made.chat(out, kLast);
    made.end(out, FinishReason::stop, usage(), {});
    EXPECT_EQ(out, "data: " + kChunk + "\n\ndata: " + kLast + "\n\ndata: [DONE]\n\n");
}

TEST(ChatStreamWriter, usage_that_nobody_asked_for_is_left_out) {
    const std::string head = R"({"id":"x","object":"chat.completion.chunk")";
    const std::string choices = R"("choices":[{"index":0,"delta":{"content":"\"usage\":1"},"finish_reason":"stop"}])";
    const std::pair<std::string, std::string> kCases[] = {
        {head + "," + choices + R"(,"usage":null})", head + "," + choices + "}"},
        {head + R"(,"usage": null ,)" + choices + "}", head + " ," + choices + "}"},
        {R"({"usage":{"a":{}},)" + choices + "}", "{" + choices + "}"},
        {R"({"usage":null , )" + choices + "}", "{ " + choices + "}"},
        {head + "," + choices + R"(,"usage":{"prompt_tokens":1}})", head + "," + choices + "}"},
    };
    for (const auto& [in, expected] : kCases) {
        auto made = writer();
        std::string out;
        made.chat(out, in);
        EXPECT_EQ(out, "data: " + expected + "\n\n") << in;
        EXPECT_NO_THROW(frames(out)) << out;
    }
    auto made = writer();
    std::string out;
    made.chat(out, head + R"(,"choices":[],"usage":{"prompt_tokens":1}})");
    EXPECT_EQ(out, "") << "a chunk of usage alone is dropped";
}

TEST(ChatStreamWriter, usage_that_was_asked_for_comes_once) {
    const std::string told = R"({"choices":[],"usage":{"prompt_tokens":1}})";
    auto passed = writer(true);
    std::string out;
    passed.chat(out, kLast);
    passed.chat(out, told);
    passed.end(out, FinishReason::stop, usage(), {});
    EXPECT_EQ(out, "data: " + kLast + "\n\ndata: " + told + "\n\ndata: [DONE]\n\n");

    auto made = writer(true);
    out.clear();
    made.chat(out, kLast);
    made.end(out, FinishReason::stop, usage(), {});
    const auto last = frames(out).back();
    EXPECT_TRUE(last.at("choices").as_array().empty());
    EXPECT_EQ(last.at("usage").at("total_tokens").as_int64(), 7);
    EXPECT_EQ(last.at("id").as_string(), "x");
}

TEST(ChatStreamWriter, text_and_tools_are_rendered) {
    auto made = writer(true);
    std::string out;
    made.text(out, "a\"\n");
    made.tool(out, R"({"index":0,"id":"c","function":{"name":"f","arguments":""}})");
    made.end(out, FinishReason::stop, usage(), R"({"n":1.0})");
    const auto chunks = frames(out);
    ASSERT_EQ(chunks.size(), 5U);
    for (const auto& chunk : chunks) {
        EXPECT_EQ(chunk.at("id").as_string(), "chatcmpl-1");
        EXPECT_EQ(chunk.at("object").as_string(), "chat.completion.chunk");
        EXPECT_EQ(chunk.at("created").as_int64(), 1'700'000'000);
        EXPECT_EQ(chunk.at("model").as_string(), "model-a");
    }
    const auto delta = [&](std::size_t i) { return chunks[i].at("choices").at(0).at("delta"); };
    EXPECT_EQ(delta(0).at("role").as_string(), "assistant");
    EXPECT_EQ(delta(1).at("content").as_string(), "a\"\n");
    EXPECT_EQ(delta(2).at("tool_calls").at(0).at("id").as_string(), "c");
    EXPECT_EQ(chunks[3].at("choices").at(0).at("finish_reason").as_string(), "tool_calls");
    EXPECT_TRUE(chunks[3].at("usage").is_null());
    EXPECT_NE(out.find(R"("eco2_result":{"n":1.0}})"), std::string::npos) << "byte for byte";
    EXPECT_EQ(chunks[4].at("usage").at("prompt_tokens").as_int64(), 3);
    EXPECT_TRUE(out.ends_with("data: [DONE]\n\n"));
}

TEST(ChatStreamWriter, every_finish_reason_has_openais_word) {
    const std::pair<FinishReason, std::string> kWords[] = {{FinishReason::stop, "stop"},
                                                           {FinishReason::length, "length"},
                                                           {FinishReason::tool, "tool_calls"},
                                                           {FinishReason::content_filter, "content_filter"},
                                                           {FinishReason::refusal, "content_filter"},
                                                           {FinishReason::other, "stop"}};
    for (const auto& [finish, word] : kWords) {
        auto made = writer();
        std::string out;
        made.text(out, "a");
        made.end(out, finish, {}, {});
        EXPECT_EQ(frames(out).back().at("choices").at(0).at("finish_reason").as_string(), word);
    }
}

TEST(ChatStreamWriter, an_answer_that_goes_on_in_neutral_form_keeps_its_id_and_gets_its_end) {
    auto made = writer();
    std::string out;
    made.chat(out, kChunk);
    made.text(out, "b");
    made.end(out, FinishReason::stop, {}, {});
    const auto chunks = frames(out);
    ASSERT_EQ(chunks.size(), 3U) << "no second role chunk: " << out;
    EXPECT_EQ(chunks[1].at("id").as_string(), "x");
    EXPECT_EQ(chunks[1].at("created").as_int64(), 5);
    EXPECT_EQ(chunks[1].at("model").as_string(), "up");
    EXPECT_EQ(chunks[2].at("choices").at(0).at("finish_reason").as_string(), "stop");
}

TEST(ChatStreamWriter, a_restart_is_a_comment_and_the_answer_begins_anew) {
    auto made = writer();
    std::string out;
    made.text(out, "a");
    out.clear();
    made.restart(out);
    EXPECT_EQ(out, ": {\"object\":\"eco2.restart\"}\n\n");
    made.text(out, "b");
    EXPECT_EQ(frames(out).at(0).at("choices").at(0).at("delta").at("role").as_string(), "assistant");
}

TEST(ChatStreamWriter, a_failure_is_an_error_frame_without_an_end_mark) {
    std::string out;
    ChatError error;
    error.message = "a\nb";
    ChatStreamWriter::fail(out, error);
    EXPECT_EQ(out,
              R"(data: {"error":{"message":"a\nb","type":"server_error","param":null,"code":null}})"
              "\n\n");
}

TEST(ChatStreamWriter, a_whole_answer_becomes_chunks) {
    auto made = writer(true);
    std::string out;
    made.chat(
        out,
        R"({"id":"x","object":"chat.completion","created":5,"model":"up","choices":[{"index":0,"message":)"
        R"({"role":"assistant","content":"hi","tool_calls":[{"id":"c"}]},"finish_reason":"stop"}],"usage":{"total_tokens":2}})");
    made.end(out, FinishReason::stop, usage(), {});
    const auto chunks = frames(out);
    ASSERT_EQ(chunks.size(), 2U);
    EXPECT_EQ(chunks[0].at("object").as_string(), "chat.completion.chunk");
    EXPECT_EQ(chunks[0].at("choices").at(0).at("delta").at("content").as_string(), "hi");
    EXPECT_EQ(chunks[0].at("choices").at(0).at("delta").at("tool_calls").at(0).at("index").as_int64(), 0);
    EXPECT_EQ(chunks[1].at("usage").at("total_tokens").as_int64(), 2);
}

TEST(ChatStreamWriter, a_chunk_on_several_lines_stays_one_frame) {
    auto made = writer();
    std::string out;
    made.chat(out, "{\n  \"choices\": [\r\n{} ]\n}");
    EXPECT_EQ(out, "data: {   \"choices\": [  {} ] }\n\n");
}

TEST(ChatStreamWriter, a_chunk_cut_anywhere_passes_or_is_left_whole) {
    const auto text = R"({"a":1,"usage":{"x":"}"},)" + kChunk.substr(1);
    for (std::size_t size = 0; size < text.size(); ++size) {
        auto made = writer();
        std::string out;
        made.chat(out, text.substr(0, size));
        made.text(out, "b");
        made.end(out, FinishReason::stop, {}, {});
        EXPECT_TRUE(out.ends_with("data: [DONE]\n\n")) << size;
    }
}

}  // namespace
}  // namespace eco2
