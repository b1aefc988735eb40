#include "unit/plugins/openai/fixture.hpp"

namespace {

using namespace eco2::tests;
using eco2::testing::RecordedDelta;
using eco2::testing::ScriptedExchange;

constexpr std::string_view kRequest = R"({"model":"asked","messages":[{"role":"user","content":"x"}]})";

struct ChatCall : OpenAiCall {
    explicit ChatCall(std::string_view json = kRequest, std::string_view config = kConfig) : OpenAiCall(config) {
        request.chat(json);
    }
    std::string sent() {
        run(stream_of(""));
        return host.http().requests().empty() ? std::string() : host.http().requests().front().body;
    }
    std::vector<RecordedDelta> chats() const { return sink.deltas_of(ECO2_DELTA_CHAT); }
};

std::string data_of(std::string_view event) {
    return std::string(event.substr(6, event.size() - 8));
}

TEST(OpenAiChatRequest, goes_on_as_the_client_wrote_it_but_for_three_members) {
    ChatCall call(
        "{\n  \"temperature\": 1.0, \"model\": \"asked\", \"top_p\":1e0,\"messages\":[{\"role\":\"user\",\"content\":\"\\ud55c "
        "\\/\","
        "\"model\":\"deep\"}],\"stream\":false , \"new_field\":{\"b\":1,\"a\":2,\"b\":3}}");
    EXPECT_EQ(call.sent(),
              "{\n  \"temperature\": 1.0, \"model\": \"test-model\", "
              "\"top_p\":1e0,\"messages\":[{\"role\":\"user\",\"content\":\"\\ud55c "
              "\\/\",\"model\":\"deep\"}],\"stream\":true , "
              "\"new_field\":{\"b\":1,\"a\":2,\"b\":3},\"stream_options\":{\"include_usage\":true}}");
}

TEST(OpenAiChatRequest, asks_for_usage_and_keeps_the_other_options_of_the_stream) {
    ChatCall call(R"({"stream_options":{"include_obfuscation":false,"include_usage":false},"stream":true,"model":"m"})");
    EXPECT_EQ(call.sent(),
              R"({"stream_options":{"include_obfuscation":false,"include_usage":true},"stream":true,"model":"test-model"})");
    ChatCall null(R"({"stream_options":null,"model":"m"})");
    EXPECT_EQ(null.sent(), R"({"stream_options":{"include_usage":true},"model":"test-model","stream":true})");
    ChatCall refusing(R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})",
                      R"({"base_url":"http://127.0.0.1:1","stream_usage":false})");
    EXPECT_EQ(refusing.sent(), R"({"model":"test-model","stream":true})");
}

TEST(OpenAiChatRequest, that_is_wanted_whole_has_no_options_of_a_stream) {
    ChatCall streamed(R"({"model":"m","stream":true,"stream_options":{"include_usage":true},"n":1})");
    streamed.request.streamed(false);
    EXPECT_EQ(streamed.sent(), R"({"model":"test-model","stream":false,"n":1})");
    ChatCall silent(R"({"model":"m"})");
    silent.request.streamed(false);
    EXPECT_EQ(silent.sent(), R"({"model":"test-model"})");
}

TEST(OpenAiChatRequest, that_is_no_object_is_the_callers_fault) {
    for (const std::string_view bad : {"[]", "{", "x", "{\"model\":1"}) {
        ChatCall call(bad);
        EXPECT_EQ(call.sent(), "");
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_CALLER_FAULT) << bad;
    }
}

/// Every event as it came, and nothing else.
void expect_usual_chat(ChatCall& call) {
    EXPECT_EQ(call.sink.text(), kUsualText);
    EXPECT_EQ(call.sink.result().status, ECO2_OK) << call.sink.result().message;
    EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_STOP);
    const std::vector<std::string> events{role_chunk(),
                                          text_chunk(R"({\")"),
                                          text_chunk("한"),
                                          text_chunk(R"(\":\"é)"),
                                          text_chunk(R"(\ud83d\ude00)"),
                                          text_chunk(R"(\n\"})"),
                                          finish_chunk("stop"),
                                          usage_chunk()};
    const auto chats = call.chats();
    ASSERT_EQ(chats.size(), events.size());
    for (std::size_t index = 0; index < events.size(); ++index) {
        EXPECT_EQ(chats[index].meta, data_of(events[index]));
        EXPECT_EQ(chats[index].flags, 0u);
    }
    EXPECT_TRUE(call.sink.deltas_of(ECO2_DELTA_TEXT).empty());
    EXPECT_TRUE(call.sink.deltas_of(ECO2_DELTA_RAW).empty());
    ASSERT_EQ(call.sink.deltas_of(ECO2_DELTA_USAGE).size(), 1u);
    EXPECT_EQ(call.sink.deltas_of(ECO2_DELTA_USAGE)[0].usage.output_tokens, 34);
    EXPECT_EQ(call.sink.deltas_of(ECO2_DELTA_META).at(1).model, "gpt-test-2026");
    call.expect_clean();
}

TEST(OpenAiChatStream, cut_at_every_byte_tells_each_event_as_it_came) {
    const std::string body = usual_stream();
    for (std::size_t cut = 0; cut < body.size(); ++cut) {
        ChatCall call;
        ScriptedExchange script = stream_of(body);
        script.cuts = {cut};
        call.run(std::move(script));
        expect_usual_chat(call);
    }
    ChatCall crumbs;
    ScriptedExchange script = stream_of(body);
    for (std::size_t at = 1; at < body.size(); ++at) {
        script.cuts.push_back(at);
    }
    crumbs.run(std::move(script));
    expect_usual_chat(crumbs);
}

TEST(OpenAiChatStream, ended_or_reset_at_any_byte_before_the_finish_reason_is_a_fault) {
    const std::string body = usual_stream();
    const std::size_t last = body.find(finish_chunk("stop")) + finish_chunk("stop").size() - 1;
    for (const auto end : {ScriptedExchange::End::whole, ScriptedExchange::End::reset}) {
        for (std::size_t size = 0; size < last; ++size) {
            ChatCall call;
            ScriptedExchange script = stream_of(body.substr(0, size));
            script.end = end;
            call.run(std::move(script));
            ASSERT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT) << size;
            ASSERT_TRUE(kUsualText.starts_with(call.sink.text()));
            call.expect_clean();
        }
    }
    ChatCall no_mark;
    no_mark.run(stream_of(body.substr(0, body.size() - kDone.size())));
    expect_usual_chat(no_mark);
    ChatCall papered;
    papered.run(stream_of(role_chunk() + text_chunk("half") + kDone));
    EXPECT_EQ(papered.sink.result().code, "malformed");
}

TEST(OpenAiChatStream, garbage_or_an_error_in_place_of_any_chunk_is_that_failure) {
    const std::vector<std::string> chunks{role_chunk(), text_chunk("a"), text_chunk("b"), finish_chunk("stop"), usage_chunk()};
    for (const std::string bad : {"data: {\"choices\":\n\n",
                                  "data: hello\n\n",
                                  "data: 7\n\n",
                                  "data: {\"choices\":{}}\n\n",
                                  "data: \xFF\n\n",
                                  "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n"}) {
        for (std::size_t place = 0; place < chunks.size(); ++place) {
            std::string body;
            for (std::size_t index = 0; index < chunks.size(); ++index) {
                body += index == place ? bad : chunks[index];
            }
            ChatCall call;
            call.run(stream_of(body));
            const bool was_whole = place + 1 == chunks.size();
            EXPECT_EQ(call.sink.result().error_class, was_whole ? ECO2_CLASS_NONE : ECO2_CLASS_PROVIDER_FAULT) << bad << place;
            EXPECT_EQ(call.chats().size(), place) << "nothing after it, and not itself";
            call.expect_clean();
        }
    }
}

TEST(OpenAiChatStream, pings_and_comments_between_any_two_chunks_say_nothing) {
    const std::string body = usual_stream();
    for (const std::string ping : {"data: {}\n\n", "data:\n\n", ": ping\n\n", "event: ping\ndata: {}\n\n"}) {
        std::string with_pings = ping;
        for (std::size_t at = 0; at < body.size();) {
            const std::size_t end = body.find("\n\n", at) + 2;
            with_pings += body.substr(at, end - at) + ping;
            at = end;
        }
        ChatCall call;
        call.run(stream_of(with_pings));
        expect_usual_chat(call);
    }
}

TEST(OpenAiChatStream, content_besides_the_first_choices_text_is_flagged) {
    const std::pair<const char*, bool> table[] = {
        {R"({"index":0,"delta":{"role":"assistant","content":""}})", false},
        {R"({"index":0,"delta":{"content":"a"}})", false},
        {R"({"index":0,"delta":{"content":"a","tool_calls":[],"refusal":null,"reasoning_content":"","audio":null}})", false},
        {R"({"index":0,"delta":{"tool_calls":[{"index":0,"id":"c"}]}})", true},
        {R"({"index":0,"delta":{"function_call":{"name":"f"}}})", true},
        {R"({"index":0,"delta":{"refusal":"no"}})", true},
        {R"({"index":0,"delta":{"audio":{"id":"a"}}})", true},
        {R"({"index":0,"delta":{"reasoning_content":"hm"}})", true},
        {R"({"index":0,"delta":{"reasoning":"hm"}})", true},
        {R"({"index":1,"delta":{"content":"b"}})", true},
        {R"({"index":1,"delta":{"content":""}})", false},
        {R"({"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}})", true},
        {R"({"index":0,"delta":{"content":[{"type":"text","text":"a"},{"type":"image"}]}})", true}};
    for (const auto& [choices, has_more] : table) {
        ChatCall call;
        const bool has_second = std::string_view(choices).find("\"index\":1") != std::string_view::npos;
        const std::string second_end = R"(data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]})"
                                       "\n\n";
        call.run(stream_of("data: {\"choices\":[" + std::string(choices) + "]}\n\n" + (has_second ? second_end : "") +
                           finish_chunk("stop") + kDone));
        ASSERT_EQ(call.chats().size(), has_second ? 3u : 2u) << choices;
        EXPECT_EQ(call.chats()[0].flags, has_more ? ECO2_DELTA_CONTENT : 0u) << choices;
        EXPECT_EQ(call.chats()[0].text.empty(),
                  std::string_view(choices).find("\"a\"") == std::string_view::npos ||
                      std::string_view(choices).find("audio\":{") != std::string_view::npos)
            << choices;
        EXPECT_EQ(call.sink.result().status, ECO2_OK);
    }
}

TEST(OpenAiChatStream, a_chunk_with_more_teaches_the_shortcut_nothing) {
    const auto thinking = [](std::string_view text) {
        return chunk(R"("delta":{"content":")" + std::string(text) + R"(","reasoning_content":"hm"},"finish_reason":null)");
    };
    ChatCall call;
    call.run(stream_of(thinking("a") + thinking("b") + finish_chunk("stop") + kDone));
    EXPECT_EQ(call.chats().at(1).flags, ECO2_DELTA_CONTENT);
    EXPECT_EQ(call.sink.text(), "ab");
}

TEST(OpenAiChatStream, a_think_block_stays_where_it_is) {
    ChatCall call;
    call.request.schema("s", "{}");
    call.run(stream_of(text_chunk("<think>hm</think>x") + finish_chunk("stop") + kDone));
    EXPECT_EQ(call.sink.text(), "<think>hm</think>x");
}

TEST(OpenAiChatStream, a_refusal_ends_as_refusal) {
    ChatCall call;
    call.run(stream_of(chunk(R"("delta":{"refusal":"I can't"},"finish_reason":null)") + finish_chunk("stop") + kDone));
    EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_REFUSAL);
    EXPECT_TRUE(call.sink.deltas_of(ECO2_DELTA_RAW).empty());
}

TEST(OpenAiChatAnswer, a_whole_answer_is_told_as_it_came) {
    const std::string body =
        R"({"id":"1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi","score":1.0},)"
        R"("finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}})";
    ChatCall call;
    call.request.streamed(false);
    call.run(json_of(200, "\xEF\xBB\xBF" + body));
    ASSERT_EQ(call.chats().size(), 1u);
    EXPECT_EQ(call.chats()[0].meta, body);
    EXPECT_EQ(call.chats()[0].text, "hi");
    EXPECT_EQ(call.chats()[0].flags, 0u);
    EXPECT_EQ(call.sink.deltas_of(ECO2_DELTA_USAGE).at(0).usage.output_tokens, 2);
    call.expect_clean();
    for (std::size_t size = 0; size < body.size(); ++size) {
        ChatCall cut;
        cut.request.streamed(false);
        cut.run(json_of(200, body.substr(0, size)));
        EXPECT_EQ(cut.sink.result().code, "malformed") << size;
        EXPECT_TRUE(cut.chats().empty());
        cut.expect_clean();
    }
    ChatCall calling;
    calling.request.streamed(false);
    calling.run(json_of(
        200, R"({"choices":[{"index":0,"message":{"content":null,"tool_calls":[{"id":"c"}]},"finish_reason":"tool_calls"}]})"));
    EXPECT_EQ(calling.chats().at(0).flags, ECO2_DELTA_CONTENT);
    EXPECT_EQ(calling.sink.result().finish_reason, ECO2_FINISH_TOOL);
}

/// Nothing says that it is whole: another target may have one that does.
TEST(OpenAiChatAnswer, without_a_finish_reason_it_is_no_answer) {
    for (const auto* choice :
         {R"({"index":0,"message":{"content":"hi"},"finish_reason":null})", R"({"index":0,"message":{"content":"hi"}})"}) {
        ChatCall call;
        call.request.streamed(false);
        call.run(json_of(200, std::string(R"({"choices":[)") + choice + "]}"));
        EXPECT_EQ(call.sink.result().code, "malformed") << choice;
        call.expect_clean();
    }
}

TEST(OpenAiChatAnswer, an_upstream_that_ignores_stream_is_told_whole) {
    ChatCall call;
    call.run(json_of(200, R"({"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]})"));
    EXPECT_EQ(call.sink.text(), "hi");
    EXPECT_EQ(call.chats().size(), 1u);
}

TEST(OpenAiChatStream, an_empty_finish_reason_is_none) {
    ChatCall cut;
    cut.run(stream_of(chunk(R"("delta":{"content":"Hi"},"finish_reason":"")") + kDone));
    EXPECT_EQ(cut.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT) << "a cut that ends politely";
    ChatCall whole;
    whole.run(stream_of(chunk(R"("delta":{"content":"Hi"},"finish_reason":"")") + finish_chunk("stop") + kDone));
    EXPECT_EQ(whole.sink.result().status, ECO2_OK);
}

TEST(OpenAiChatStream, every_choice_that_has_begun_must_finish) {
    const std::string second = R"(data: {"choices":[{"index":1,"delta":{"content":"Ho"},"finish_reason":null}]})"
                               "\n\n";
    const std::string second_end = R"(data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]})"
                                   "\n\n";
    ChatCall cut;
    cut.run(stream_of(text_chunk("Hi") + second + finish_chunk("stop") + kDone));
    EXPECT_EQ(cut.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT);
    ChatCall whole;
    whole.run(stream_of(text_chunk("Hi") + second + finish_chunk("stop") + second_end + kDone));
    EXPECT_EQ(whole.sink.result().status, ECO2_OK);
}

TEST(OpenAiChatStream, choices_that_come_one_after_the_other_are_waited_for) {
    constexpr std::string_view kTwo = R"({"model":"asked","n":2,"messages":[{"role":"user","content":"x"}]})";
    const std::string second = R"(data: {"choices":[{"index":1,"delta":{"content":"Ho"},"finish_reason":"stop"}]})"
                               "\n\n";
    auto cut = stream_of(text_chunk("Hi") + finish_chunk("stop"));
    cut.end = ScriptedExchange::End::reset;
    ChatCall early(kTwo);
    early.run(std::move(cut));
    EXPECT_EQ(early.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT) << "the second had not begun";
    auto slow = stream_of(text_chunk("Hi") + finish_chunk("stop"));
    slow.end = ScriptedExchange::End::stall;
    ChatCall waiting(kTwo);
    waiting.run(std::move(slow));
    waiting.host.clock().advance_ns(5'000'000'000);
    waiting.host.run_until_idle();
    EXPECT_FALSE(waiting.sink.is_done());
    waiting.sink.cancel();
    waiting.host.run_until_idle();
    ChatCall whole(kTwo);
    auto both = stream_of(text_chunk("Hi") + finish_chunk("stop") + second);
    both.end = ScriptedExchange::End::reset;
    whole.run(std::move(both));
    EXPECT_EQ(whole.sink.result().status, ECO2_OK);
    ChatCall ignoring(kTwo);
    ignoring.run(stream_of(text_chunk("Hi") + finish_chunk("stop") + kDone));
    EXPECT_EQ(ignoring.sink.result().status, ECO2_OK) << "a server that ignores n";
}

TEST(OpenAiChatStream, a_finish_that_says_error_is_one) {
    for (const std::string_view reason : {"error", "insufficient_system_resource"}) {
        ChatCall call;
        call.run(stream_of(text_chunk("Hi") + finish_chunk(reason) + kDone));
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT) << reason;
        ChatCall whole;
        whole.request.streamed(false);
        whole.run(json_of(
            200, R"({"choices":[{"index":0,"message":{"content":"half"},"finish_reason":")" + std::string(reason) + R"("}]})"));
        EXPECT_EQ(whole.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT) << reason;
    }
}

TEST(OpenAiChatStream, that_is_reset_or_garbled_after_its_finish_is_whole) {
    auto reset = stream_of(text_chunk("Hi") + finish_chunk("stop") + usage_chunk());
    reset.end = ScriptedExchange::End::reset;
    ChatCall call;
    call.run(std::move(reset));
    EXPECT_EQ(call.sink.result().status, ECO2_OK);
    ChatCall garbled;
    garbled.run(stream_of(text_chunk("Hi") + finish_chunk("stop") + "data: [DONE] \n\ndata: {nonsense\n\n"));
    EXPECT_EQ(garbled.sink.result().status, ECO2_OK);
}

}  // namespace
