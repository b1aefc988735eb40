#include "unit/sdk/line_dialect.hpp"

#include "eco2/testing/fake_host.hpp"
#include "eco2/testing/recording_sink.hpp"
#include "eco2/testing/test_instance.hpp"
#include "eco2/testing/test_request.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using eco2::testing::FakeHost;
using eco2::testing::RecordingSink;
using eco2::testing::ScriptedExchange;
using eco2::testing::TestInstance;
using eco2::testing::TestRequest;
using eco2::tests::LineDialect;
using Strings = std::vector<std::string>;

struct Fixture {
    FakeHost host;
    TestInstance instance{host, eco2::plugin::descriptor<LineDialect>(), ""};
    TestRequest request;
    RecordingSink sink;

    eco2_status start(ScriptedExchange script) {
        host.http().script(std::move(script));
        return start();
    }
    eco2_status start() {
        const eco2_provider* provider = instance.provider();
        return sink.start([&](auto* to, auto** out) { return provider->generate(provider->self, request.abi(), to, out); });
    }
    void run(ScriptedExchange script) {
        ASSERT_EQ(start(std::move(script)), ECO2_OK);
        host.run_until_idle();
    }
    /// The contract was kept, and nothing is left behind once the call is released.
    void expect_clean() {
        EXPECT_EQ(sink.breaches(), Strings{});
        sink.release();
        EXPECT_EQ(host.http().open_count(), 0u);
    }
};

ScriptedExchange answer(std::string body = "a\nb\nc\nend\n") {
    ScriptedExchange script;
    script.body = std::move(body);
    script.headers = {{"x-request-id", "up-1"}, {"x-ratelimit-limit-requests", "10"}};
    return script;
}

std::vector<std::size_t> every_byte(std::size_t size) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = 1; at < size; ++at) {
        cuts.push_back(at);
    }
    return cuts;
}

TEST(HttpDialect, an_answer_becomes_meta_text_and_done) {
    Fixture f;
    f.request.key(5).request_id("run-9");
    f.run(answer());
    EXPECT_EQ(f.sink.text(), "abc");
    EXPECT_EQ(f.sink.result().status, ECO2_OK);
    EXPECT_EQ(f.sink.result().finish_reason, ECO2_FINISH_STOP);
    const auto meta = f.sink.deltas().at(0);
    EXPECT_EQ(meta.kind, ECO2_DELTA_META);
    EXPECT_EQ(meta.upstream_request_id, "up-1");
    EXPECT_EQ(meta.upstream_http_status, 200);
    ASSERT_TRUE(meta.has_limits);
    EXPECT_EQ(meta.limits.requests_limit, 10);
    const auto sent = f.host.http().requests().at(0);
    EXPECT_EQ(sent.key, 5u);
    EXPECT_EQ(sent.url, "https://upstream.test/run-9");
    EXPECT_EQ(sent.body, "ask");
    f.expect_clean();
}

TEST(HttpDialect, cut_at_every_byte_gives_the_same) {
    const std::string body = "a\nb\nc\nend\n";
    for (std::size_t cut = 1; cut < body.size(); ++cut) {
        Fixture f;
        ScriptedExchange script = answer(body);
        script.cuts = {cut};
        f.run(std::move(script));
        EXPECT_EQ(f.sink.text(), "abc");
        f.expect_clean();
    }
}

TEST(HttpDialect, a_stream_that_ends_at_any_byte_before_its_end_is_a_failure) {
    const std::string body = "a\nb\nc\nend\n";
    for (const auto end : {ScriptedExchange::End::reset, ScriptedExchange::End::whole}) {
        for (std::size_t size = 0; size < body.size(); ++size) {
            Fixture f;
            ScriptedExchange script = answer(body.substr(0, size));
            script.end = end;
            f.run(std::move(script));
            EXPECT_EQ(f.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT) << size;
            EXPECT_TRUE(f.sink.result().is_retryable);
            f.expect_clean();
        }
    }
}

TEST(HttpDialect, a_reset_after_the_answers_own_end_is_no_failure) {
    Fixture f;
    ScriptedExchange script = answer();
    script.end = ScriptedExchange::End::reset;
    f.run(std::move(script));
    EXPECT_EQ(f.sink.result().status, ECO2_OK);
    f.expect_clean();
}

TEST(HttpDialect, an_exchange_that_does_not_end_after_its_answer_is_ended) {
    Fixture f;
    ScriptedExchange script = answer();
    script.end = ScriptedExchange::End::stall;
    f.run(std::move(script));
    EXPECT_FALSE(f.sink.is_done());
    f.host.clock().advance_ns(1'000'000'000);
    f.host.run_until_idle();
    ASSERT_TRUE(f.sink.is_done());
    EXPECT_EQ(f.sink.result().status, ECO2_OK) << "the answer was whole: the silence is nobody's stall";
    f.expect_clean();
}

TEST(HttpDialect, an_asker_that_pauses_at_the_end_gets_what_is_still_to_come) {
    Fixture f;
    ScriptedExchange script = answer("end\na\nafter\n");
    script.cuts = {6};
    f.sink.delta_hook = [](std::size_t index) { return index == 1 ? ECO2_PAUSE : ECO2_CONTINUE; };  // 0: meta
    f.run(std::move(script));
    f.host.clock().advance_ns(2'000'000'000);
    f.host.run_until_idle();
    EXPECT_FALSE(f.sink.is_done());
    EXPECT_EQ(f.host.http().cancel_count(), 0u);
    f.sink.resume();
    f.host.run_until_idle();
    EXPECT_EQ(f.sink.result().status, ECO2_OK);
    EXPECT_EQ(f.sink.text(), "aafter");
    f.expect_clean();
}

TEST(HttpDialect, pause_at_each_delta_holds_the_upstream_until_resume) {
    for (std::size_t at = 0; at < 4; ++at) {
        Fixture f;
        bool is_paused = false;
        f.sink.delta_hook = [&](std::size_t index) {
            EXPECT_FALSE(is_paused) << "a delta while paused";
            is_paused = index == at;
            return is_paused ? ECO2_PAUSE : ECO2_CONTINUE;
        };
        ScriptedExchange script = answer("a\nb\nc\nend\n");
        script.cuts = every_byte(script.body.size());
        // The head has no way to pause: the first chunk, which completes no delta here, does it instead.
        f.run(std::move(script));
        EXPECT_FALSE(f.sink.is_done());
        EXPECT_EQ(f.sink.deltas().size(), at + 1);
        is_paused = false;
        f.sink.resume();
        f.host.run_until_idle();
        EXPECT_EQ(f.sink.text(), "abc");
        f.expect_clean();
    }
}

TEST(HttpDialect, a_resume_that_overtakes_its_pause_is_not_lost) {
    Fixture f;
    f.sink.delta_hook = [&](std::size_t) {
        f.sink.resume();
        return ECO2_PAUSE;
    };
    f.run(answer());
    EXPECT_EQ(f.sink.text(), "abc");
    f.expect_clean();
}

TEST(HttpDialect, cancel_at_each_delta_completes_once_as_cancelled) {
    for (std::size_t at = 0; at < 4; ++at) {
        Fixture f;
        f.sink.delta_hook = [&](std::size_t index) {
            if (index == at) {
                f.sink.cancel();
            }
            return ECO2_CONTINUE;
        };
        ScriptedExchange script = answer();
        script.cuts = every_byte(script.body.size());
        f.run(std::move(script));
        EXPECT_EQ(f.sink.result().status, ECO2_CANCELLED);
        EXPECT_EQ(f.sink.deltas().size(), at + 1);
        EXPECT_EQ(f.host.http().cancel_count(), 1u);
        f.expect_clean();
    }
}

TEST(HttpDialect, cancel_before_the_first_byte_while_stalled_while_paused_and_twice) {
    for (const int when : {0, 1, 2}) {
        Fixture f;
        ScriptedExchange script = answer("a\nb\n");
        script.end = ScriptedExchange::End::stall;
        f.sink.delta_hook = [&](std::size_t) { return when == 2 ? ECO2_PAUSE : ECO2_CONTINUE; };
        ASSERT_EQ(f.start(std::move(script)), ECO2_OK);
        if (when > 0) {
            f.host.run_until_idle();
            EXPECT_FALSE(f.sink.is_done());
        }
        f.sink.cancel();
        f.sink.cancel();
        f.host.run_until_idle();
        EXPECT_EQ(f.sink.result().status, ECO2_CANCELLED);
        f.expect_clean();
    }
}

TEST(HttpDialect, release_before_done_and_inside_done_leaves_nothing) {
    Fixture before;
    ASSERT_EQ(before.start(answer()), ECO2_OK);
    before.sink.release();
    before.host.run_until_idle();
    EXPECT_EQ(before.sink.text(), "abc");
    before.expect_clean();

    Fixture inside;
    inside.sink.done_hook = [&] { inside.sink.release(); };
    inside.run(answer());
    EXPECT_EQ(inside.host.http().open_count(), 0u);
    inside.expect_clean();
}

TEST(HttpDialect, cancel_and_resume_after_done_are_harmless) {
    Fixture f;
    f.run(answer());
    f.sink.cancel();
    f.sink.resume();
    f.host.run_until_idle();
    f.expect_clean();
}

TEST(HttpDialect, an_error_status_goes_to_the_classifier_with_its_body) {
    Fixture f;
    ScriptedExchange script = answer("slow down");
    script.status = 429;
    script.cuts = every_byte(script.body.size());
    f.run(std::move(script));
    EXPECT_EQ(f.sink.result().error_class, ECO2_CLASS_LIMITED);
    EXPECT_EQ(f.sink.result().message, "429 up-1 9");
    EXPECT_EQ(f.sink.result().upstream_http_status, 429);
    EXPECT_TRUE(f.sink.deltas().at(0).has_limits);
    EXPECT_EQ(f.sink.text(), "");
    f.expect_clean();
}

TEST(HttpDialect, an_endless_error_body_is_cut_at_its_limit) {
    Fixture f;
    ScriptedExchange script = answer(std::string(200'000, 'x'));
    script.status = 500;
    script.cuts = {1'000, 70'000};
    script.end = ScriptedExchange::End::stall;
    f.run(std::move(script));
    EXPECT_EQ(f.sink.result().message, "500 up-1 65536");
    EXPECT_EQ(f.host.http().cancel_count(), 1u);
    f.expect_clean();
}

TEST(HttpDialect, a_reset_inside_an_error_body_is_still_that_error) {
    Fixture f;
    ScriptedExchange script = answer("half");
    script.status = 500;
    script.end = ScriptedExchange::End::reset;
    f.run(std::move(script));
    EXPECT_EQ(f.sink.result().message, "500 up-1 4");
    f.expect_clean();
}

TEST(HttpDialect, no_answer_is_a_provider_fault) {
    Fixture f;
    ScriptedExchange script = answer();
    script.end = ScriptedExchange::End::no_answer;
    f.run(std::move(script));
    EXPECT_EQ(f.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT);
    EXPECT_EQ(f.sink.result().code, "reset");
    EXPECT_TRUE(f.sink.deltas().empty());
    f.expect_clean();
}

TEST(HttpDialect, failures_and_exceptions_of_the_decoder_close_the_upstream_and_end_the_call) {
    for (const std::string line : {"fail", "throw"}) {
        Fixture f;
        f.run(answer("a\n" + line + "\nb\nend\n"));
        EXPECT_EQ(f.sink.text(), "a");
        EXPECT_EQ(f.sink.result().code, line == "fail" ? "malformed" : "plugin_exception");
        EXPECT_EQ(f.sink.result().upstream_http_status, 200);
        EXPECT_EQ(f.host.http().cancel_count(), 1u);
        f.expect_clean();
    }
}

TEST(HttpDialect, a_request_that_cannot_be_encoded_ends_the_call_without_sending) {
    for (const std::string model : {"encode fails", "encode throws"}) {
        Fixture f;
        f.request.model(model);
        ASSERT_EQ(f.start(), ECO2_OK);
        f.host.run_until_idle();
        EXPECT_EQ(f.sink.result().status, model == "encode fails" ? ECO2_INVALID_ARGUMENT : ECO2_INTERNAL);
        EXPECT_TRUE(f.host.http().requests().empty());
        f.expect_clean();
    }
}

TEST(HttpDialect, a_decoder_that_cannot_be_made_refuses_the_start) {
    for (const std::string model : {"decoder throws", "no decoder"}) {
        Fixture f;
        f.request.model(model);
        EXPECT_EQ(f.start(), model == "no decoder" ? ECO2_INTERNAL : ECO2_RESOURCE_EXHAUSTED);
        f.host.run_until_idle();
        EXPECT_FALSE(f.sink.is_done());
    }
}

TEST(HttpDialect, a_client_that_refuses_the_start_is_passed_on_without_callbacks) {
    Fixture f;
    ScriptedExchange script;
    script.start_status = ECO2_RESOURCE_EXHAUSTED;
    EXPECT_EQ(f.start(std::move(script)), ECO2_RESOURCE_EXHAUSTED);
    f.host.run_until_idle();
    EXPECT_FALSE(f.sink.is_done());
    EXPECT_EQ(f.host.http().open_count(), 0u);
}

TEST(HttpDialect, a_host_without_http_is_told_so) {
    FakeHost host;
    host.hide(ECO2_HTTP_ID);
    const TestInstance instance(host, eco2::plugin::descriptor<LineDialect>(), "");
    TestRequest request;
    RecordingSink sink;
    const eco2_provider* provider = instance.provider();
    EXPECT_EQ(sink.start([&](auto* to, auto** out) { return provider->generate(provider->self, request.abi(), to, out); }),
              ECO2_UNSUPPORTED);
}

}  // namespace
