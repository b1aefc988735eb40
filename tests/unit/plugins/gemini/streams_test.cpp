#include "unit/plugins/gemini/fixture.hpp"

namespace {

using namespace eco2::tests;
using eco2::testing::ScriptedExchange;

std::string answer(std::string_view parts, std::string_view finish = "", int output = 26) {
    const std::string reason = finish.empty() ? "" : R"(,"finishReason":")" + std::string(finish) + '"';
    return R"({"candidates":[{"content":{"parts":[)" + std::string(parts) + R"(],"role":"model"})" + reason +
           R"(,"index":0}],"usageMetadata":{"promptTokenCount":1200,"cachedContentTokenCount":1024,"candidatesTokenCount":)" +
           std::to_string(output) + R"(,"thoughtsTokenCount":8},"modelVersion":"gemini-test","responseId":"r"})";
}
std::string frame(std::string_view json) {
    return "data: " + std::string(json) + "\n\n";
}
std::string text(std::string_view escaped) {
    return R"({"text":")" + std::string(escaped) + "\"}";
}
const std::string kText = "{\"한\":\"é😀\n\"}";

std::vector<std::string> usual() {
    return {frame(answer(R"({"text":"hm","thought":true})", "", 0)),
            frame(answer(text(R"({\"한)"), "", 3)),
            frame(answer(text(R"(\":\"é)"), "", 9)),
            frame(answer(text(R"(\ud83d\ude00\n\"})"), "STOP"))};
}
std::string joined(const std::vector<std::string>& frames) {
    std::string out;
    for (const std::string& one : frames) {
        out += one;
    }
    return out;
}

void expect_usual(GeminiCall& call) {
    EXPECT_EQ(call.sink.text(), kText);
    EXPECT_EQ(call.sink.result().status, ECO2_OK) << call.sink.result().message;
    EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_STOP);
    const auto usage = call.sink.deltas_of(ECO2_DELTA_USAGE);
    ASSERT_EQ(usage.size(), 1u);
    EXPECT_EQ(usage[0].usage.input_tokens, 1200);
    EXPECT_EQ(usage[0].usage.output_tokens, 34) << "thoughts are output";
    EXPECT_EQ(usage[0].usage.cached_input_tokens, 1024);
    EXPECT_EQ(usage[0].usage.reasoning_tokens, 8);
    call.expect_clean();
}

TEST(GeminiStream, cut_at_every_byte_gives_the_same_deltas) {
    const std::string body = joined(usual());
    for (std::size_t cut = 1; cut < body.size(); ++cut) {
        GeminiCall call;
        ScriptedExchange script = stream_of(body);
        script.cuts = {cut};
        call.run(std::move(script));
        expect_usual(call);
    }
}

TEST(GeminiStream, ended_or_reset_at_any_byte_before_the_finish_reason_is_a_fault) {
    const std::string body = joined(usual());
    for (const auto end : {ScriptedExchange::End::whole, ScriptedExchange::End::reset}) {
        for (std::size_t size = 0; size < body.size() - 1; ++size) {
            GeminiCall call;
            ScriptedExchange script = stream_of(body.substr(0, size));
            script.end = end;
            call.run(std::move(script));
            ASSERT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT) << size;
            ASSERT_TRUE(kText.starts_with(call.sink.text()));
            call.expect_clean();
        }
    }
}

TEST(GeminiStream, garbage_in_place_of_any_frame_is_malformed) {
    for (const std::string garbage : {"data: {\"candidates\":\n\n",
                                      "data: hello\n\n",
                                      "data: 7\n\n",
                                      "data: []\n\n",
                                      "data: {\"a\":1}\n\n",
                                      "data: \xFF\n\n"}) {
        for (std::size_t place = 0; place < usual().size(); ++place) {
            auto frames = usual();
            frames[place] = garbage;
            GeminiCall call;
            call.run(stream_of(joined(frames)));
            EXPECT_EQ(call.sink.result().code, "malformed") << garbage << place;
            call.expect_clean();
        }
    }
}

TEST(GeminiStream, an_error_at_any_place_is_that_failure) {
    for (std::size_t place = 0; place <= usual().size(); ++place) {
        auto frames = usual();
        frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(place),
                      frame(R"({"error":{"code":503,"message":"m","status":"UNAVAILABLE"}})"));
        GeminiCall call;
        call.run(stream_of(joined(frames)));
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_OVERLOADED);
        EXPECT_EQ(call.sink.result().message, "m");
        call.expect_clean();
    }
}

TEST(GeminiAnswer, finish_reasons_are_mapped) {
    const std::pair<const char*, eco2_finish_reason> table[] = {{"STOP", ECO2_FINISH_STOP},
                                                                {"MAX_TOKENS", ECO2_FINISH_LENGTH},
                                                                {"SAFETY", ECO2_FINISH_CONTENT_FILTER},
                                                                {"RECITATION", ECO2_FINISH_CONTENT_FILTER},
                                                                {"BLOCKLIST", ECO2_FINISH_CONTENT_FILTER},
                                                                {"PROHIBITED_CONTENT", ECO2_FINISH_CONTENT_FILTER},
                                                                {"SPII", ECO2_FINISH_CONTENT_FILTER},
                                                                {"LANGUAGE", ECO2_FINISH_OTHER},
                                                                {"MALFORMED_FUNCTION_CALL", ECO2_FINISH_OTHER},
                                                                {"NEW", ECO2_FINISH_OTHER}};
    for (const auto& [name, reason] : table) {
        GeminiCall streamed;
        streamed.run(stream_of(frame(answer(text("x"), name))));
        EXPECT_EQ(streamed.sink.result().finish_reason, reason) << name;
        GeminiCall at_once;
        at_once.request.streamed(false);
        at_once.run(json_of(200, "\xEF\xBB\xBF" + answer(text("x"), name)));
        EXPECT_EQ(at_once.sink.result().finish_reason, reason) << name;
        at_once.expect_clean();
    }
}

TEST(GeminiAnswer, a_blocked_prompt_is_filtered_and_says_why) {
    GeminiCall call;
    call.request.streamed(false);
    call.run(json_of(200, R"({"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":5}})"));
    EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_CONTENT_FILTER);
    EXPECT_NE(call.sink.deltas_of(ECO2_DELTA_RAW).at(0).text.find("SAFETY"), std::string::npos);
}

TEST(GeminiAnswer, a_whole_answer_cut_at_any_byte_is_malformed) {
    const std::string body = answer(text("x"), "STOP");
    for (std::size_t size = 0; size < body.size(); ++size) {
        GeminiCall call;
        call.request.streamed(false);
        call.run(json_of(200, body.substr(0, size)));
        EXPECT_EQ(call.sink.result().code, "malformed") << size;
        EXPECT_EQ(call.sink.text(), "");
        call.expect_clean();
    }
    for (const std::string& none : {std::string("{}"), std::string(R"({"candidates":[]})"), answer(text("x"))}) {
        GeminiCall call;
        call.request.streamed(false);
        call.run(json_of(200, none));
        EXPECT_EQ(call.sink.result().code, "malformed") << none;
    }
}

}  // namespace
