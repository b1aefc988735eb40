#include "unit/plugins/openai/fixture.hpp"

namespace {

using namespace eco2::tests;
using eco2::testing::ScriptedExchange;

void expect_usual(OpenAiCall& call) {
    EXPECT_EQ(call.sink.text(), kUsualText);
    EXPECT_EQ(call.sink.result().status, ECO2_OK);
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

TEST(OpenAiStream, cut_at_every_byte_gives_the_same_deltas) {
    const std::string body = usual_stream();
    OpenAiCall whole;
    whole.run(stream_of(body));
    expect_usual(whole);
    for (std::size_t cut = 1; cut < body.size(); ++cut) {
        OpenAiCall call;
        ScriptedExchange script = stream_of(body);
        script.cuts = {cut};
        call.run(std::move(script));
        ASSERT_EQ(call.sink.deltas().size(), whole.sink.deltas().size()) << cut;
        expect_usual(call);
    }
}

TEST(OpenAiStream, one_byte_at_a_time_gives_the_same_deltas) {
    ScriptedExchange script = stream_of(usual_stream());
    for (std::size_t at = 1; at < script.body.size(); ++at) {
        script.cuts.push_back(at);
    }
    OpenAiCall call;
    call.run(std::move(script));
    expect_usual(call);
}

TEST(OpenAiStream, line_ends_of_any_kind_give_the_same) {
    for (const std::string end : {"\r\n", "\r"}) {
        std::string body;
        for (const char byte : usual_stream()) {
            body += byte == '\n' ? end : std::string(1, byte);
        }
        OpenAiCall call;
        call.run(stream_of(body));
        expect_usual(call);
    }
}

TEST(OpenAiStream, whole_without_the_done_mark_when_a_finish_reason_has_come) {
    OpenAiCall call;
    const std::string body = usual_stream();
    call.run(stream_of(body.substr(0, body.size() - kDone.size())));
    expect_usual(call);
}

TEST(OpenAiStream, ended_or_reset_at_any_byte_before_the_finish_reason_is_a_fault) {
    const std::string body = usual_stream();
    const std::size_t last = body.find(finish_chunk("stop")) + finish_chunk("stop").size() - 1;
    for (const auto end : {ScriptedExchange::End::whole, ScriptedExchange::End::reset}) {
        for (std::size_t size = 0; size < last; ++size) {
            OpenAiCall call;
            ScriptedExchange script = stream_of(body.substr(0, size));
            script.end = end;
            call.run(std::move(script));
            ASSERT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT) << size;
            ASSERT_TRUE(kUsualText.starts_with(call.sink.text()));
            call.expect_clean();
        }
    }
}

TEST(OpenAiStream, a_reset_after_the_finish_reason_is_none) {
    const std::string body = usual_stream();
    for (const std::string& told : {body.substr(0, body.size() - kDone.size()), body}) {
        OpenAiCall call;
        ScriptedExchange script = stream_of(told);
        script.end = ScriptedExchange::End::reset;
        call.run(std::move(script));
        expect_usual(call);
    }
}

TEST(OpenAiStream, a_done_mark_without_a_finish_reason_is_a_papered_over_cut) {
    OpenAiCall call;
    call.run(stream_of(role_chunk() + text_chunk("half") + kDone));
    EXPECT_EQ(call.sink.result().code, "malformed");
    EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT);
    call.expect_clean();
}

TEST(OpenAiStream, cancel_at_each_delta_completes_once_and_says_nothing_more) {
    OpenAiCall whole;
    whole.run(stream_of(usual_stream()));
    const std::size_t count = whole.sink.deltas().size();
    for (std::size_t at = 0; at < count; ++at) {
        OpenAiCall call;
        ScriptedExchange script = stream_of(usual_stream());
        for (std::size_t offset = 64; offset < script.body.size(); offset += 64) {
            script.cuts.push_back(offset);
        }
        call.sink.delta_hook = [&](std::size_t index) {
            if (index == at) {
                call.sink.cancel();
            }
            return ECO2_CONTINUE;
        };
        call.run(std::move(script));
        EXPECT_EQ(call.sink.result().status, ECO2_CANCELLED);
        EXPECT_EQ(call.sink.deltas().size(), at + 1);
        call.expect_clean();
    }
}

TEST(OpenAiStream, pause_at_each_delta_and_resume_gives_the_same) {
    OpenAiCall whole;
    whole.run(stream_of(usual_stream()));
    for (std::size_t at = 0; at < whole.sink.deltas().size(); ++at) {
        OpenAiCall call;
        ScriptedExchange script = stream_of(usual_stream());
        for (std::size_t offset = 64; offset < script.body.size(); offset += 64) {
            script.cuts.push_back(offset);
        }
        call.sink.delta_hook = [&](std::size_t index) { return index == at ? ECO2_PAUSE : ECO2_CONTINUE; };
        call.run(std::move(script));
        EXPECT_FALSE(call.sink.is_done());
        EXPECT_EQ(call.sink.deltas().size(), at + 1);
        call.sink.resume();
        call.host.run_until_idle();
        expect_usual(call);
    }
}

TEST(OpenAiStream, release_inside_done_leaves_nothing) {
    OpenAiCall call;
    call.sink.done_hook = [&] { call.sink.release(); };
    call.run(stream_of(usual_stream()));
    expect_usual(call);
}

TEST(OpenAiStream, an_error_inside_the_stream_at_any_place_is_that_failure) {
    const std::vector<std::string> chunks{
        role_chunk(), text_chunk("a"), text_chunk("b"), finish_chunk("stop"), usage_chunk(), kDone};
    const std::string error = R"(data: {"error":{"message":"The server is overloaded","type":"server_error","code":null}})"
                              "\n\n";
    constexpr std::size_t kFinish = 3;
    for (std::size_t place = 0; place < chunks.size() - 1; ++place) {
        std::string body;
        for (std::size_t index = 0; index < chunks.size(); ++index) {
            body += index == place ? error : "";
            body += chunks[index];
        }
        OpenAiCall call;
        call.run(stream_of(body));
        if (place > kFinish) {
            EXPECT_EQ(call.sink.result().status, ECO2_OK) << "the answer was whole before it";
            continue;
        }
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT) << place;
        EXPECT_EQ(call.sink.result().message, "The server is overloaded");
        EXPECT_EQ(call.sink.result().upstream_http_status, 200);
        EXPECT_EQ(call.host.http().cancel_count(), 1u);
        call.expect_clean();
    }
}

TEST(OpenAiStream, an_error_inside_the_stream_is_judged_by_its_code_where_nothing_else_is_told) {
    OpenAiCall call;
    call.run(stream_of(role_chunk() + "data: {\"error\":{\"message\":\"m\",\"code\":\"invalid_request_error\"}}\n\n"));
    EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_CALLER_FAULT);
}

TEST(OpenAiStream, garbage_in_place_of_any_chunk_is_malformed) {
    const std::vector<std::string> chunks{role_chunk(), text_chunk("a"), text_chunk("b"), finish_chunk("stop"), usage_chunk()};
    for (const std::string garbage : {"data: {\"choices\":\n\n",
                                      "data: hello\n\n",
                                      "data: 7\n\n",
                                      "data: []\n\n",
                                      "data: {\"object\":\"x\"}\n\n",
                                      "data: {\"choices\":{}}\n\n",
                                      "data: \xFF\n\n"}) {
        for (std::size_t place = 0; place < chunks.size(); ++place) {
            std::string body;
            for (std::size_t index = 0; index < chunks.size(); ++index) {
                body += index == place ? garbage : chunks[index];
            }
            OpenAiCall call;
            call.run(stream_of(body));
            if (place + 1 == chunks.size()) {
                EXPECT_EQ(call.sink.result().status, ECO2_OK) << "the answer was whole before it";
                continue;
            }
            EXPECT_EQ(call.sink.result().code, "malformed") << garbage << place;
            EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT);
            call.expect_clean();
        }
    }
}

TEST(OpenAiStream, an_html_page_with_status_200_is_malformed) {
    OpenAiCall call;
    ScriptedExchange script = stream_of("<html>\n\n<body>Sign in</body>\n</html>\n");
    script.headers = {{"content-type", "text/html"}};
    call.run(std::move(script));
    EXPECT_EQ(call.sink.result().code, "malformed");
    call.expect_clean();
}

TEST(OpenAiStream, an_event_without_end_is_malformed_and_closes_the_upstream) {
    OpenAiCall call;
    call.run(stream_of(role_chunk() + "data: " + std::string(8'500'000, 'x')));
    EXPECT_EQ(call.sink.result().code, "malformed");
    EXPECT_EQ(call.host.http().cancel_count(), 1u);
    call.expect_clean();
}

TEST(OpenAiStream, an_upstream_that_ignores_stream_is_read_whole) {
    OpenAiCall call;
    call.run(json_of(200,
                     R"({"id":"1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},)"
                     R"("finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}})"));
    EXPECT_EQ(call.sink.text(), "hi");
    EXPECT_EQ(call.sink.result().finish_reason, ECO2_FINISH_STOP);
    call.expect_clean();
}

TEST(OpenAiStream, pings_between_any_two_chunks_say_nothing) {
    const std::string body = usual_stream();
    for (const std::string ping : {"data: {}\n\n", "data:\n\n", ": ping\n\n", "event: ping\ndata: {}\n\n"}) {
        std::string with_pings = ping;
        for (std::size_t at = 0; at < body.size();) {
            const std::size_t end = body.find("\n\n", at) + 2;
            with_pings += body.substr(at, end - at) + ping;
            at = end;
        }
        OpenAiCall call;
        call.run(stream_of(with_pings));
        expect_usual(call);
    }
}

TEST(OpenAiStream, chunks_without_a_choice_say_nothing) {
    OpenAiCall call;
    call.run(stream_of("data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n" + usual_stream()));
    EXPECT_EQ(call.sink.text(), kUsualText);
    EXPECT_EQ(call.sink.result().status, ECO2_OK);
}

}  // namespace
