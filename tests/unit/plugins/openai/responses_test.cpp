#include "unit/plugins/openai/fixture.hpp"

namespace {

using namespace eco2::tests;
using eco2::testing::ScriptedExchange;

constexpr std::string_view kResponses = R"({"base_url":"https://api.test/v1","api":"responses"})";

/// Events with their numbers, as they are added.
class Events {
public:
    Events& add(std::string_view type, std::string_view members) {
        events_.push_back("event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) +
                          "\",\"sequence_number\":" + std::to_string(events_.size()) + std::string(members) + "}\n\n");
        return *this;
    }
    Events& text(std::string_view escaped) {
        return add("response.output_text.delta",
                   R"(,"item_id":"msg_1","output_index":0,"content_index":0,"delta":")" + std::string(escaped) + '"');
    }
    Events& text_done(std::string_view escaped) {
        return add("response.output_text.done",
                   R"(,"item_id":"msg_1","output_index":0,"content_index":0,"text":")" + std::string(escaped) + '"');
    }
    std::string all() const {
        std::string out;
        for (const std::string& event : events_) {
            out += event;
        }
        return out;
    }
    const std::vector<std::string>& list() const { return events_; }

private:
    std::vector<std::string> events_;
};

const std::string kMessage =
    R"({"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","annotations":[],"text":"{\"한\":\"é😀\n\"}"}]})";

std::string response(std::string_view status, std::string_view output, std::string_view more = "") {
    return R"({"id":"resp_1","object":"response","created_at":1767225600,"model":"gpt-test-2026","status":")" +
           std::string(status) + R"(","error":null,"output":[)" + std::string(output) +
           R"(],"usage":{"input_tokens":1200,"input_tokens_details":{"cached_tokens":1024},"output_tokens":34,)"
           R"("output_tokens_details":{"reasoning_tokens":8},"total_tokens":1234})" +
           std::string(more) + "}";
}

Events begun() {
    Events events;
    events.add("response.created", R"(,"response":{"id":"resp_1","model":"gpt-test-2026","status":"in_progress","output":[]})");
    events.add("response.in_progress", R"(,"response":{"id":"resp_1","model":"gpt-test-2026","status":"in_progress"})");
    events.add("response.output_item.added", R"(,"output_index":0,"item":{"type":"message"})");
    events.add("response.content_part.added", R"(,"part":{"type":"output_text","text":""})");
    return events;
}

Events usual_events() {
    Events events = begun();
    events.text(R"({\")")
        .text("한")
        .text(R"(\":\"é)")
        .add("response.something.new", "")
        .text(R"(\ud83d\ude00)")
        .text(R"(\n\"})");
    events.text_done(R"({\"한\":\"é😀\n\"})");
    events.add("response.content_part.done", "").add("response.output_item.done", ",\"item\":" + kMessage);
    events.add("response.completed", ",\"response\":" + response("completed", kMessage));
    return events;
}

struct Call : OpenAiCall {
    explicit Call(bool is_streamed = true) : OpenAiCall(kResponses) { request.streamed(is_streamed); }
};

void expect_usual(OpenAiCall& call) {
    EXPECT_EQ(call.sink.text(), kUsualText);
    EXPECT_EQ(call.sink.result().status, ECO2_OK) << call.sink.result().message;
    EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_STOP);
    const auto usage = call.sink.deltas_of(ECO2_DELTA_USAGE);
    ASSERT_EQ(usage.size(), 1u);
    EXPECT_EQ(usage[0].usage.input_tokens, 1200);
    EXPECT_EQ(usage[0].usage.output_tokens, 34);
    EXPECT_EQ(usage[0].usage.cached_input_tokens, 1024);
    EXPECT_EQ(usage[0].usage.reasoning_tokens, 8);
    const auto meta = call.sink.deltas_of(ECO2_DELTA_META);
    ASSERT_EQ(meta.size(), 2u);
    EXPECT_EQ(meta[0].upstream_request_id, "req_abc");
    EXPECT_EQ(meta[1].model, "gpt-test-2026");
    call.expect_clean();
}

void expect_malformed(OpenAiCall& call) {
    EXPECT_EQ(call.sink.result().code, "malformed");
    EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT);
    call.expect_clean();
}

TEST(OpenAiResponses, a_stream_cut_at_every_byte_gives_the_same_deltas) {
    const std::string body = usual_events().all();
    Call whole;
    whole.run(stream_of(body));
    expect_usual(whole);
    EXPECT_EQ(whole.sink.deltas_of(ECO2_DELTA_TEXT).size(), 5u);
    for (std::size_t cut = 1; cut < body.size(); ++cut) {
        Call call;
        ScriptedExchange script = stream_of(body);
        script.cuts = {cut};
        call.run(std::move(script));
        ASSERT_EQ(call.sink.deltas().size(), whole.sink.deltas().size()) << cut;
        expect_usual(call);
    }
}

TEST(OpenAiResponses, ended_or_reset_at_any_byte_before_the_last_event_is_a_fault) {
    const std::string body = usual_events().all();
    for (const auto end : {ScriptedExchange::End::whole, ScriptedExchange::End::reset}) {
        for (std::size_t size = 0; size < body.size() - 1; ++size) {
            Call call;
            ScriptedExchange script = stream_of(body.substr(0, size));
            script.end = end;
            call.run(std::move(script));
            ASSERT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT) << size;
            ASSERT_TRUE(kUsualText.starts_with(call.sink.text()));
            call.expect_clean();
        }
    }
    Call after;
    ScriptedExchange script = stream_of(body);
    script.end = ScriptedExchange::End::reset;
    after.run(std::move(script));
    expect_usual(after);
}

TEST(OpenAiResponses, a_lost_or_repeated_event_is_malformed) {
    const Events events = usual_events();
    for (std::size_t twice = 1; twice < events.list().size() - 1; ++twice) {
        std::string body;
        for (std::size_t index = 0; index < events.list().size(); ++index) {
            body += events.list()[index];
            body += index == twice ? events.list()[index] : "";
        }
        Call call;
        call.run(stream_of(body));
        expect_malformed(call);
    }
    for (std::size_t lost = 4; lost < 9; ++lost) {
        if (lost == 7) {
            continue;  // the unknown one: nothing of ours is lost with it
        }
        std::string body;
        for (std::size_t index = 0; index < events.list().size(); ++index) {
            body += index == lost ? "" : events.list()[index];
        }
        Call call;
        call.run(stream_of(body));
        expect_malformed(call);
    }
}

TEST(OpenAiResponses, a_server_without_numbers_or_deltas_is_read_from_what_it_tells) {
    Call call;
    call.run(stream_of("data: {\"type\":\"response.completed\",\"response\":" + response("completed", kMessage) + "}\n\n" +
                       "data: [DONE]\n\n"));
    expect_usual(call);
    Call done_only;
    done_only.run(
        stream_of("data: {\"type\":\"response.output_text.done\",\"text\":\"hi\"}\n\n"
                  "data: {\"type\":\"response.completed\",\"response\":" +
                  response("completed", kMessage) + "}\n\n"));
    EXPECT_EQ(done_only.sink.text(), "hi");
}

TEST(OpenAiResponses, garbage_in_place_of_any_event_is_malformed) {
    const Events events = usual_events();
    for (const std::string garbage : {"data: {\"type\":\n\n",
                                      "data: hello\n\n",
                                      "data: 7\n\n",
                                      "data: {\"a\":1}\n\n",
                                      "data: \xFF\n\n",
                                      "data: {\"type\":\"response.output_text.delta\"}\n\n",
                                      "data: {\"type\":\"response.completed\"}\n\n"}) {
        for (std::size_t place = 0; place < events.list().size(); ++place) {
            std::string body;
            for (std::size_t index = 0; index < events.list().size(); ++index) {
                body += index == place ? garbage : events.list()[index];
            }
            Call call;
            call.run(stream_of(body));
            expect_malformed(call);
        }
    }
}

TEST(OpenAiResponses, cancel_and_pause_at_each_delta) {
    Call whole;
    whole.run(stream_of(usual_events().all()));
    for (std::size_t at = 0; at < whole.sink.deltas().size(); ++at) {
        ScriptedExchange script = stream_of(usual_events().all());
        for (std::size_t offset = 64; offset < script.body.size(); offset += 64) {
            script.cuts.push_back(offset);
        }
        Call cancelled;
        cancelled.sink.delta_hook = [&](std::size_t index) {
            if (index == at) {
                cancelled.sink.cancel();
            }
            return ECO2_CONTINUE;
        };
        cancelled.run(script);
        EXPECT_EQ(cancelled.sink.result().status, ECO2_CANCELLED);
        cancelled.expect_clean();
        Call paused;
        paused.sink.delta_hook = [&](std::size_t index) { return index == at ? ECO2_PAUSE : ECO2_CONTINUE; };
        paused.run(script);
        EXPECT_FALSE(paused.sink.is_done());
        paused.sink.resume();
        paused.host.run_until_idle();
        expect_usual(paused);
    }
}

TEST(OpenAiResponses, errors_in_the_stream_are_that_failure_wherever_they_come) {
    const std::pair<std::string, eco2_error_class> table[] = {
        {R"(data: {"type":"error","sequence_number":99,"code":"rate_limit_exceeded","message":"m","param":null})",
         ECO2_CLASS_LIMITED},
        {R"(data: {"type":"error","error":{"type":"x","code":"insufficient_quota","message":"m"}})", ECO2_CLASS_KEY_FAULT},
        {R"(data: {"type":"error","code":"server_error","message":"m"})", ECO2_CLASS_PROVIDER_FAULT},
        {R"(data: {"error":{"message":"m","code":503}})", ECO2_CLASS_OVERLOADED},
        {R"(data: {"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"m"}}})",
         ECO2_CLASS_PROVIDER_FAULT},
        {R"(data: {"type":"response.failed","response":{"status":"failed","error":{"code":"invalid_prompt","message":"m"}}})",
         ECO2_CLASS_CONTENT_POLICY},
        {R"(data: {"type":"response.failed","response":{"status":"failed","error":{"code":"image_too_large","message":"m"}}})",
         ECO2_CLASS_CALLER_FAULT}};
    const Events events = usual_events();
    for (const auto& [error, error_class] : table) {
        std::string body;
        for (const std::string& event : events.list()) {
            Call call;
            call.run(stream_of(body + error + "\n\n"));
            EXPECT_EQ(call.sink.result().error_class, error_class) << error;
            EXPECT_EQ(call.sink.result().message, "m");
            call.expect_clean();
            body += event;
        }
    }
}

TEST(OpenAiResponses, endings_are_mapped) {
    struct Row {
        const char* status;
        const char* more;
        eco2_finish_reason reason;
    };
    for (const Row& row :
         {Row{"completed", "", ECO2_FINISH_STOP},
          Row{"incomplete", R"(,"incomplete_details":{"reason":"max_output_tokens"})", ECO2_FINISH_LENGTH},
          Row{"incomplete", R"(,"incomplete_details":{"reason":"content_filter"})", ECO2_FINISH_CONTENT_FILTER},
          Row{"incomplete", R"(,"incomplete_details":{"reason":"new"})", ECO2_FINISH_OTHER},
          Row{"incomplete", "", ECO2_FINISH_OTHER}}) {
        Call streamed;
        Events events = begun();
        events.text("x").add("response." + std::string(row.status),
                             ",\"response\":" + response(row.status, kMessage, row.more));
        streamed.run(stream_of(events.all()));
        EXPECT_EQ(streamed.sink.result().finish_reason, row.reason);
        streamed.expect_clean();
        Call whole(false);
        whole.run(json_of(200, response(row.status, kMessage, row.more)));
        EXPECT_EQ(whole.sink.result().finish_reason, row.reason);
        EXPECT_EQ(whole.sink.text(), kUsualText);
        whole.expect_clean();
    }
}

TEST(OpenAiResponses, a_refusal_is_no_text_and_ends_as_refusal) {
    const std::string message = R"({"type":"message","content":[{"type":"refusal","refusal":"I can't"}]})";
    Call streamed;
    Events events = begun();
    events.add("response.refusal.delta", R"(,"delta":"I can't")").add("response.refusal.done", R"(,"refusal":"I can't")");
    events.add("response.completed", ",\"response\":" + response("completed", message));
    streamed.run(stream_of(events.all()));
    Call whole(false);
    whole.run(json_of(200, response("completed", message)));
    for (OpenAiCall* const call : {static_cast<OpenAiCall*>(&streamed), static_cast<OpenAiCall*>(&whole)}) {
        EXPECT_EQ(call->sink.text(), "");
        EXPECT_EQ(call->sink.result().finish_reason, ECO2_FINISH_REFUSAL);
        ASSERT_EQ(call->sink.deltas_of(ECO2_DELTA_RAW).size(), 1u);
        EXPECT_EQ(call->sink.deltas_of(ECO2_DELTA_RAW).at(0).text, R"({"refusal":"I can't"})");
        call->expect_clean();
    }
}

TEST(OpenAiResponses, a_function_call_is_a_tool_delta) {
    const std::string item = R"({"type":"function_call","call_id":"c1","name":"f","arguments":"{}"})";
    Call streamed;
    Events events = begun();
    events.add("response.output_item.done", ",\"item\":" + item);
    events.add("response.completed", ",\"response\":" + response("completed", item));
    streamed.run(stream_of(events.all()));
    EXPECT_EQ(streamed.sink.deltas_of(ECO2_DELTA_TOOL).size(), 1u);
    EXPECT_EQ(streamed.sink.result().finish_reason, ECO2_FINISH_TOOL);
    Call whole(false);
    whole.run(json_of(200, response("completed", item)));
    EXPECT_EQ(whole.sink.deltas_of(ECO2_DELTA_TOOL).size(), 1u);
    EXPECT_EQ(whole.sink.result().finish_reason, ECO2_FINISH_TOOL);
}

TEST(OpenAiResponses, a_whole_answer_cut_at_any_byte_is_malformed) {
    const std::string body = response("completed", kMessage);
    for (std::size_t size = 0; size < body.size(); ++size) {
        Call call(false);
        call.run(json_of(200, body.substr(0, size)));
        ASSERT_EQ(call.sink.text(), "");
        expect_malformed(call);
    }
}

TEST(OpenAiResponses, whole_answers_that_are_none) {
    for (const std::string& body : {std::string("[]"),
                                    std::string("{}"),
                                    std::string(R"({"status":"completed"})"),
                                    std::string(R"({"output":[]})"),
                                    response("in_progress", kMessage),
                                    response("cancelled", kMessage),
                                    response("queued", "")}) {
        Call call(false);
        call.run(json_of(200, body));
        expect_malformed(call);
    }
    Call failed(false);
    failed.run(json_of(200, R"({"status":"failed","error":{"code":"rate_limit_exceeded","message":"m"},"output":[]})"));
    EXPECT_EQ(failed.sink.result().error_class, ECO2_CLASS_LIMITED);
}

TEST(OpenAiResponses, errors_are_classified_as_for_chat) {
    Call call;
    call.run(json_of(429, R"({"error":{"message":"quota","type":"insufficient_quota","code":"insufficient_quota"}})"));
    EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_KEY_FAULT);
}

TEST(OpenAiResponses, an_event_without_end_closes_the_upstream) {
    Call call;
    call.run(stream_of(begun().all() + "data: " + std::string(8'500'000, 'x')));
    EXPECT_EQ(call.host.http().cancel_count(), 1u);
    expect_malformed(call);
}

}  // namespace
