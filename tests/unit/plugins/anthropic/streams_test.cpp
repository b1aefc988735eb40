#include "unit/plugins/anthropic/fixture.hpp"

namespace {

using namespace eco2::tests;
using eco2::testing::ScriptedExchange;

std::string event(std::string_view type, std::string_view members = "") {
    return "event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) + '"' + std::string(members) + "}\n\n";
}
std::string text(std::string_view escaped) {
    return event("content_block_delta", R"(,"index":0,"delta":{"type":"text_delta","text":")" + std::string(escaped) + "\"}");
}
std::string ended(std::string_view reason) {
    return event("message_delta",
                 R"(,"delta":{"stop_reason":")" + std::string(reason) +
                     R"(","stop_sequence":null},"usage":{"output_tokens":34,"output_tokens_details":{"thinking_tokens":8}})");
}
const std::string kStart = event(
    "message_start",
    R"(,"message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-test","content":[],"stop_reason":null,"usage":{"input_tokens":100,"cache_creation_input_tokens":50,"cache_read_input_tokens":1050,"output_tokens":1}})");
const std::string kStop = event("message_stop");
const std::string kText = "{\"한\":\"é😀\n\"}";

std::vector<std::string> usual_events() {
    return {kStart,
            event("content_block_start", R"(,"index":0,"content_block":{"type":"thinking","thinking":""})"),
            event("content_block_delta", R"(,"index":0,"delta":{"type":"thinking_delta","thinking":"hm"})"),
            event("content_block_stop", R"(,"index":0)"),
            event("content_block_start", R"(,"index":1,"content_block":{"type":"text","text":""})"),
            event("ping"),
            text(R"({\"한)"),
            text(R"(\":\"é)"),
            event("something_new", R"(,"a":{})"),
            text(R"(\ud83d\ude00\n\"})"),
            event("content_block_stop", R"(,"index":1)"),
            ended("end_turn"),
            kStop};
}

std::string joined(const std::vector<std::string>& events) {
    std::string out;
    for (const std::string& one : events) {
        out += one;
    }
    return out;
}

std::string whole(std::string_view content, std::string_view reason = "\"end_turn\"") {
    return R"({"id":"msg_1","type":"message","role":"assistant","model":"claude-test","content":[)" + std::string(content) +
           R"(],"stop_reason":)" + std::string(reason) +
           R"(,"usage":{"input_tokens":100,"cache_creation_input_tokens":50,"cache_read_input_tokens":1050,"output_tokens":34,"output_tokens_details":{"thinking_tokens":8}}})";
}

void expect_usual(AnthropicCall& call) {
    EXPECT_EQ(call.sink.text(), kText);
    EXPECT_EQ(call.sink.result().status, ECO2_OK) << call.sink.result().message;
    EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_STOP);
    const auto usage = call.sink.deltas_of(ECO2_DELTA_USAGE);
    ASSERT_EQ(usage.size(), 1u);
    EXPECT_EQ(usage[0].usage.input_tokens, 1200) << "with what the cache gave and took";
    EXPECT_EQ(usage[0].usage.cached_input_tokens, 1050);
    EXPECT_EQ(usage[0].usage.output_tokens, 34);
    EXPECT_EQ(usage[0].usage.reasoning_tokens, 8);
    const auto meta = call.sink.deltas_of(ECO2_DELTA_META);
    ASSERT_EQ(meta.size(), 2u);
    EXPECT_EQ(meta[0].upstream_request_id, "req_abc");
    EXPECT_EQ(meta[1].model, "claude-test");
    call.expect_clean();
}

void expect_malformed(AnthropicCall& call) {
    EXPECT_EQ(call.sink.result().code, "malformed");
    EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT);
    call.expect_clean();
}

TEST(AnthropicStream, cut_at_every_byte_gives_the_same_deltas) {
    const std::string body = joined(usual_events());
    AnthropicCall uncut;
    uncut.run(stream_of(body));
    expect_usual(uncut);
    for (std::size_t cut = 1; cut < body.size(); ++cut) {
        AnthropicCall call;
        ScriptedExchange script = stream_of(body);
        script.cuts = {cut};
        call.run(std::move(script));
        ASSERT_EQ(call.sink.deltas().size(), uncut.sink.deltas().size()) << cut;
        expect_usual(call);
    }
}

TEST(AnthropicStream, ended_or_reset_at_any_byte_before_the_stop_reason_is_a_fault) {
    const std::string body = joined(usual_events());
    const std::size_t last = body.size() - kStop.size() - 1;
    for (const auto end : {ScriptedExchange::End::whole, ScriptedExchange::End::reset}) {
        for (std::size_t size = 0; size < last; ++size) {
            AnthropicCall call;
            ScriptedExchange script = stream_of(body.substr(0, size));
            script.end = end;
            call.run(std::move(script));
            ASSERT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT) << size;
            ASSERT_TRUE(kText.starts_with(call.sink.text()));
            call.expect_clean();
        }
    }
}

TEST(AnthropicStream, the_end_mark_makes_a_reset_harmless_and_a_clean_end_makes_the_mark_needless) {
    const std::string body = joined(usual_events());
    AnthropicCall marked;
    ScriptedExchange script = stream_of(body);
    script.end = ScriptedExchange::End::reset;
    marked.run(std::move(script));
    expect_usual(marked);
    AnthropicCall clean;
    clean.run(stream_of(body.substr(0, body.size() - kStop.size())));
    expect_usual(clean);
    AnthropicCall cut;
    ScriptedExchange unmarked = stream_of(body.substr(0, body.size() - kStop.size()));
    unmarked.end = ScriptedExchange::End::reset;
    cut.run(std::move(unmarked));
    EXPECT_EQ(cut.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT);
    AnthropicCall papered;
    papered.run(stream_of(kStart + text("half") + kStop));
    expect_malformed(papered);
}

TEST(AnthropicStream, garbage_in_place_of_any_event_is_malformed) {
    const auto events = usual_events();
    for (const std::string garbage : {"data: {\"type\":\n\n",
                                      "data: hello\n\n",
                                      "data: 7\n\n",
                                      "data: {\"a\":1}\n\n",
                                      "data: \xFF\n\n",
                                      "data: {\"type\":\"content_block_delta\"}\n\n",
                                      "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\"}}\n\n"}) {
        for (std::size_t place = 0; place < events.size() - 1; ++place) {
            auto broken = events;
            broken[place] = garbage;
            AnthropicCall call;
            call.run(stream_of(joined(broken)));
            expect_malformed(call);
        }
    }
}

TEST(AnthropicStream, an_error_event_at_any_place_is_that_failure) {
    const std::pair<const char*, eco2_error_class> table[] = {{"overloaded_error", ECO2_CLASS_OVERLOADED},
                                                              {"api_error", ECO2_CLASS_PROVIDER_FAULT},
                                                              {"rate_limit_error", ECO2_CLASS_LIMITED},
                                                              {"new_error", ECO2_CLASS_PROVIDER_FAULT}};
    for (const auto& [type, error_class] : table) {
        auto events = usual_events();
        for (std::size_t place = 0; place < events.size(); ++place) {
            auto broken = events;
            broken.insert(broken.begin() + static_cast<std::ptrdiff_t>(place),
                          event("error", R"(,"error":{"type":")" + std::string(type) + R"(","message":"m"})"));
            AnthropicCall call;
            call.run(stream_of(joined(broken)));
            EXPECT_EQ(call.sink.result().error_class, error_class) << type << place;
            EXPECT_EQ(call.sink.result().message, "m");
            call.expect_clean();
        }
    }
}

TEST(AnthropicStream, cancel_and_pause_at_each_delta) {
    AnthropicCall uncut;
    uncut.run(stream_of(joined(usual_events())));
    for (std::size_t at = 0; at < uncut.sink.deltas().size(); ++at) {
        ScriptedExchange script = stream_of(joined(usual_events()));
        for (std::size_t offset = 64; offset < script.body.size(); offset += 64) {
            script.cuts.push_back(offset);
        }
        AnthropicCall cancelled;
        cancelled.sink.delta_hook = [&](std::size_t index) {
            if (index == at) {
                cancelled.sink.cancel();
            }
            return ECO2_CONTINUE;
        };
        cancelled.run(script);
        EXPECT_EQ(cancelled.sink.result().status, ECO2_CANCELLED);
        cancelled.expect_clean();
        AnthropicCall paused;
        paused.sink.delta_hook = [&](std::size_t index) { return index == at ? ECO2_PAUSE : ECO2_CONTINUE; };
        paused.run(script);
        EXPECT_FALSE(paused.sink.is_done());
        paused.sink.resume();
        paused.host.run_until_idle();
        expect_usual(paused);
    }
}

TEST(AnthropicAnswer, stop_reasons_are_mapped) {
    const std::pair<const char*, eco2_finish_reason> table[] = {{"end_turn", ECO2_FINISH_STOP},
                                                                {"stop_sequence", ECO2_FINISH_STOP},
                                                                {"max_tokens", ECO2_FINISH_LENGTH},
                                                                {"model_context_window_exceeded", ECO2_FINISH_LENGTH},
                                                                {"tool_use", ECO2_FINISH_TOOL},
                                                                {"refusal", ECO2_FINISH_REFUSAL},
                                                                {"pause_turn", ECO2_FINISH_OTHER},
                                                                {"something_new", ECO2_FINISH_OTHER}};
    for (const auto& [name, reason] : table) {
        AnthropicCall streamed;
        streamed.run(stream_of(kStart + text("x") + ended(name) + kStop));
        EXPECT_EQ(streamed.sink.result().finish_reason, reason) << name;
        streamed.expect_clean();
        AnthropicCall at_once;
        at_once.request.streamed(false);
        at_once.run(json_of(200, whole(R"({"type":"text","text":"x"})", '"' + std::string(name) + '"')));
        EXPECT_EQ(at_once.sink.result().finish_reason, reason) << name;
        at_once.expect_clean();
    }
}

TEST(AnthropicAnswer, a_whole_answer_is_its_text_blocks) {
    AnthropicCall call;
    call.request.streamed(false);
    call.run(json_of(200,
                     "\xEF\xBB\xBF" + whole(R"({"type":"thinking","thinking":"hm"},{"type":"text","text":"{\"한\":"},)"
                                            R"({"type":"text","text":"\"é😀\n\"}"})")));
    expect_usual(call);
}

TEST(AnthropicAnswer, a_whole_answer_cut_at_any_byte_is_malformed) {
    const std::string body = whole(R"({"type":"text","text":"x"})");
    for (std::size_t size = 0; size < body.size(); ++size) {
        AnthropicCall call;
        call.request.streamed(false);
        call.run(json_of(200, body.substr(0, size)));
        ASSERT_EQ(call.sink.text(), "");
        expect_malformed(call);
    }
    for (const std::string& none : {std::string("[]"), std::string("{}"), whole(R"({"type":"text","text":"x"})", "null")}) {
        AnthropicCall call;
        call.request.streamed(false);
        call.run(json_of(200, none));
        expect_malformed(call);
    }
}

TEST(AnthropicAnswer, by_tool_the_tools_input_is_the_text) {
    constexpr std::string_view config = R"({"base_url":"https://api.test/v1","schema_by":"tool"})";
    AnthropicCall streamed(config);
    streamed.request.schema("vision", "{}");
    const auto json = [](std::string_view escaped) {
        return event("content_block_delta",
                     R"(,"index":0,"delta":{"type":"input_json_delta","partial_json":")" + std::string(escaped) + "\"}");
    };
    streamed.run(stream_of(kStart + text("Let me see") +
                           event("content_block_start", R"(,"content_block":{"type":"tool_use","name":"vision","input":{}})") +
                           json("") + json(R"({\"a\":)") + json("1}") + ended("tool_use") + kStop));
    EXPECT_EQ(streamed.sink.text(), R"({"a":1})");
    EXPECT_EQ(streamed.sink.result().finish_reason, ECO2_FINISH_STOP);
    AnthropicCall at_once(config);
    at_once.request.streamed(false).schema("vision", "{}");
    at_once.run(json_of(
        200,
        whole(R"({"type":"text","text":"Let me see"},{"type":"tool_use","name":"vision","input":{"a":1}})", "\"tool_use\"")));
    EXPECT_EQ(at_once.sink.text(), R"({"a":1})");
    EXPECT_EQ(at_once.sink.result().finish_reason, ECO2_FINISH_STOP);
}

TEST(AnthropicAnswer, rate_limits_are_put_against_the_hosts_clock) {
    AnthropicCall call;
    auto script = stream_of(joined(usual_events()));
    script.headers.emplace_back("anthropic-ratelimit-requests-limit", "50");
    script.headers.emplace_back("anthropic-ratelimit-requests-remaining", "49");
    script.headers.emplace_back("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:31Z");  // the clock stands at 00:00:01
    script.headers.emplace_back("anthropic-ratelimit-input-tokens-limit", "1000");
    script.headers.emplace_back("anthropic-ratelimit-input-tokens-remaining", "900");
    script.headers.emplace_back("anthropic-ratelimit-output-tokens-limit", "100");
    script.headers.emplace_back("anthropic-ratelimit-output-tokens-remaining", "10");
    script.headers.emplace_back("anthropic-ratelimit-output-tokens-reset", "2025-01-01T00:00:00Z");
    call.run(std::move(script));
    const auto meta = call.sink.deltas().at(0);
    ASSERT_TRUE(meta.has_limits);
    EXPECT_EQ(meta.limits.requests_remaining, 49);
    EXPECT_EQ(meta.limits.requests_reset_ms, 30'000);
    EXPECT_EQ(meta.limits.tokens_remaining, 10) << "the scarcer of the two";
    EXPECT_EQ(meta.limits.tokens_reset_ms, 0) << "a time that has passed is now";
}

}  // namespace
