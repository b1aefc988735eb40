#include "unit/plugins/openai/fixture.hpp"

namespace {

using namespace eco2::tests;

std::string whole(std::string_view message, std::string_view finish = "\"stop\"") {
    return R"({"id":"chatcmpl-1","object":"chat.completion","model":"gpt-test","choices":[{"index":0,"message":)" +
           std::string(message) + R"(,"finish_reason":)" + std::string(finish) +
           R"(}],"usage":{"prompt_tokens":10,"completion_tokens":20,"prompt_tokens_details":{"cached_tokens":5}}})";
}

TEST(OpenAiAnswer, a_whole_answer_is_one_text_usage_and_model) {
    OpenAiCall call;
    call.request.streamed(false);
    call.run(json_of(200, whole(R"({"role":"assistant","content":"{\"a\":1}","refusal":null})")));
    EXPECT_EQ(call.sink.text(), R"({"a":1})");
    EXPECT_EQ(call.sink.deltas_of(ECO2_DELTA_TEXT).size(), 1u);
    EXPECT_EQ(call.sink.deltas_of(ECO2_DELTA_USAGE).at(0).usage.cached_input_tokens, 5);
    EXPECT_EQ(call.sink.deltas_of(ECO2_DELTA_USAGE).at(0).usage.reasoning_tokens, -1);
    EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_STOP);
    call.expect_clean();
}

TEST(OpenAiAnswer, a_whole_answer_cut_at_any_byte_is_malformed) {
    const std::string body = whole(R"({"role":"assistant","content":"x"})");
    for (std::size_t size = 0; size < body.size(); ++size) {
        OpenAiCall call;
        call.request.streamed(false);
        call.run(json_of(200, body.substr(0, size)));
        EXPECT_EQ(call.sink.result().code, "malformed") << size;
        EXPECT_EQ(call.sink.text(), "");
        call.expect_clean();
    }
}

TEST(OpenAiAnswer, finish_reasons_are_mapped) {
    const std::pair<const char*, eco2_finish_reason> table[] = {{"stop", ECO2_FINISH_STOP},
                                                                {"length", ECO2_FINISH_LENGTH},
                                                                {"content_filter", ECO2_FINISH_CONTENT_FILTER},
                                                                {"tool_calls", ECO2_FINISH_TOOL},
                                                                {"function_call", ECO2_FINISH_TOOL},
                                                                {"something_new", ECO2_FINISH_OTHER}};
    for (const auto& [name, reason] : table) {
        OpenAiCall streamed;
        streamed.run(stream_of(text_chunk("x") + finish_chunk(name) + kDone));
        EXPECT_EQ(streamed.sink.result().finish_reason, reason) << name;
        streamed.expect_clean();
        OpenAiCall at_once;
        at_once.request.streamed(false);
        at_once.run(json_of(200, whole(R"({"content":"x"})", '"' + std::string(name) + '"')));
        EXPECT_EQ(at_once.sink.result().finish_reason, reason) << name;
        at_once.expect_clean();
    }
}

TEST(OpenAiAnswer, a_refusal_is_no_text_and_ends_as_refusal) {
    OpenAiCall streamed;
    streamed.run(stream_of(role_chunk() + chunk(R"("delta":{"refusal":"I can't"},"finish_reason":null)") +
                           finish_chunk("stop") + kDone));
    EXPECT_EQ(streamed.sink.text(), "");
    EXPECT_EQ(streamed.sink.result().finish_reason, ECO2_FINISH_REFUSAL);
    EXPECT_EQ(streamed.sink.deltas_of(ECO2_DELTA_RAW).at(0).text, R"({"refusal":"I can't"})");
    streamed.expect_clean();
    OpenAiCall at_once;
    at_once.request.streamed(false);
    at_once.run(json_of(200, whole(R"({"content":null,"refusal":"no"})")));
    EXPECT_EQ(at_once.sink.result().finish_reason, ECO2_FINISH_REFUSAL);
    at_once.expect_clean();
}

TEST(OpenAiAnswer, no_choices_no_finish_reason_or_an_error_are_failures) {
    for (const std::string body : {R"({"choices":[]})",
                                   R"({"object":"x"})",
                                   R"([])",
                                   R"({"choices":[{"index":1}]})",
                                   R"({"choices":[{"message":{"content":""},"finish_reason":null}]})",
                                   R"({"choices":[{"message":{"content":[{"type":"image"}]},"finish_reason":null}]})"}) {
        OpenAiCall call;
        call.request.streamed(false);
        call.run(json_of(200, body));
        EXPECT_EQ(call.sink.result().code, "malformed") << body;
        call.expect_clean();
    }
    OpenAiCall call;
    call.request.streamed(false);
    call.run(json_of(200, R"({"error":{"message":"upstream gone","code":502}})"));
    EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT);
    EXPECT_EQ(call.sink.result().message, "upstream gone");
    call.expect_clean();
}

TEST(OpenAiAnswer, tool_calls_are_passed_on_as_json) {
    OpenAiCall call;
    call.run(stream_of(chunk(R"("delta":{"tool_calls":[{"index":0,"id":"c1"}]},"finish_reason":null)") +
                       finish_chunk("tool_calls") + kDone));
    EXPECT_EQ(call.sink.deltas_of(ECO2_DELTA_TOOL).at(0).text, R"({"index":0,"id":"c1"})");
    call.expect_clean();
}

TEST(OpenAiAnswer, rate_limits_of_the_head_are_reported) {
    OpenAiCall call;
    auto script = stream_of(usual_stream());
    script.headers.emplace_back("x-ratelimit-remaining-requests", "3");
    script.headers.emplace_back("x-ratelimit-reset-tokens", "6m0s");
    call.run(std::move(script));
    const auto meta = call.sink.deltas().at(0);
    ASSERT_TRUE(meta.has_limits);
    EXPECT_EQ(meta.limits.requests_remaining, 3);
    EXPECT_EQ(meta.limits.tokens_reset_ms, 360'000);
    EXPECT_EQ(meta.limits.tokens_limit, -1);
    call.expect_clean();
}

TEST(OpenAiAnswer, a_whole_answer_without_a_finish_reason_is_stopped_and_says_why) {
    OpenAiCall call;
    call.request.streamed(false);
    call.run(json_of(200, whole(R"({"content":"x"})", "null")));
    EXPECT_EQ(call.sink.text(), "x");
    EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_STOP);
    EXPECT_NE(call.sink.deltas_of(ECO2_DELTA_RAW).at(0).text.find("without a finish reason"), std::string::npos);
    call.expect_clean();
}

TEST(OpenAiAnswer, a_byte_order_mark_before_a_body_or_a_stream_says_nothing) {
    OpenAiCall at_once;
    at_once.request.streamed(false);
    at_once.run(json_of(200, "\xEF\xBB\xBF" + whole(R"({"content":"x"})")));
    EXPECT_EQ(at_once.sink.text(), "x");
    OpenAiCall streamed;
    streamed.run(stream_of("\xEF\xBB\xBF" + usual_stream()));
    EXPECT_EQ(streamed.sink.text(), kUsualText);
    EXPECT_EQ(streamed.sink.result().status, ECO2_OK);
}

TEST(OpenAiAnswer, a_content_in_parts_is_the_texts_of_its_parts) {
    const std::string parts = R"([{"type":"thinking","thinking":[]},{"type":"text","text":"a"},{"type":"text","text":"b"}])";
    OpenAiCall at_once;
    at_once.request.streamed(false);
    at_once.run(json_of(200, whole(R"({"content":)" + parts + "}")));
    EXPECT_EQ(at_once.sink.text(), "ab");
    OpenAiCall streamed;
    streamed.run(
        stream_of(chunk(R"("delta":{"content":)" + parts + R"(},"finish_reason":null)") + finish_chunk("stop") + kDone));
    EXPECT_EQ(streamed.sink.text(), "ab");
    EXPECT_EQ(streamed.sink.result().status, ECO2_OK);
}

}  // namespace
