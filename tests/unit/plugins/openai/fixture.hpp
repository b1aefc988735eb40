#pragma once

#include "openai/dialect.hpp"

#include "eco2/testing/fake_host.hpp"
#include "eco2/testing/recording_sink.hpp"
#include "eco2/testing/test_instance.hpp"
#include "eco2/testing/test_request.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::tests {

inline constexpr std::string_view kConfig = R"({"base_url":"https://api.test/v1/"})";

/// One call of the plugin through its ABI, against a scripted upstream.
struct OpenAiCall {
    explicit OpenAiCall(std::string_view config = kConfig) : instance(host, plugin::descriptor<openai::Dialect>(), config) {}

    eco2_status start(testing::ScriptedExchange script) {
        host.http().script(std::move(script));
        const eco2_provider* provider = instance.provider();
        return sink.start([&](auto* to, auto** out) { return provider->generate(provider->self, request.abi(), to, out); });
    }
    void run(testing::ScriptedExchange script) {
        ASSERT_EQ(start(std::move(script)), ECO2_OK);
        host.run_until_idle();
    }
    /// The contract was kept and nothing is left behind.
    void expect_clean() {
        EXPECT_EQ(sink.breaches(), std::vector<std::string>{});
        sink.release();
        EXPECT_EQ(host.http().open_count(), 0u);
    }

    testing::FakeHost host;
    testing::TestInstance instance;
    testing::TestRequest request;
    testing::RecordingSink sink;
};

inline testing::ScriptedExchange stream_of(std::string body) {
    testing::ScriptedExchange script;
    script.headers = {{"content-type", "text/event-stream; charset=utf-8"}, {"x-request-id", "req_abc"}};
    script.body = std::move(body);
    return script;
}

inline testing::ScriptedExchange json_of(int status, std::string body) {
    testing::ScriptedExchange script;
    script.status = status;
    script.headers = {{"content-type", "application/json"}, {"x-request-id", "req_abc"}};
    script.body = std::move(body);
    return script;
}

/// One chunk of a stream in the form that OpenAI sends; `choice` is what stands inside the choice after its index.
inline std::string chunk(std::string_view choice, std::string_view tail = R"(,"usage":null)") {
    return R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-test-2026",)"
           R"("service_tier":"default","system_fingerprint":null,"choices":[{"index":0,)" +
           std::string(choice) + "}]" + std::string(tail) + "}\n\n";
}

inline std::string text_chunk(std::string_view escaped) {
    return chunk(R"("delta":{"content":")" + std::string(escaped) + R"("},"logprobs":null,"finish_reason":null)");
}

inline std::string role_chunk() {
    return chunk(R"("delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null)");
}

inline std::string finish_chunk(std::string_view reason) {
    return chunk(R"("delta":{},"logprobs":null,"finish_reason":")" + std::string(reason) + '"');
}

inline std::string usage_chunk() {
    return R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-test-2026",)"
           R"("choices":[],"usage":{"prompt_tokens":1200,"completion_tokens":34,"total_tokens":1234,)"
           R"("prompt_tokens_details":{"cached_tokens":1024,"audio_tokens":0},)"
           R"("completion_tokens_details":{"reasoning_tokens":8}}})"
           "\n\n";
}

inline const std::string kDone = "data: [DONE]\n\n";

/// A whole, usual stream; its text is `{"한":"é😀\n"}`.
inline std::string usual_stream() {
    return role_chunk() + text_chunk(R"({\")") + text_chunk("한") + text_chunk(R"(\":\"é)") + ": keep-alive\n\n" +
           text_chunk(R"(\ud83d\ude00)") + text_chunk(R"(\n\"})") + finish_chunk("stop") + usage_chunk() + kDone;
}
inline const std::string kUsualText = "{\"한\":\"é😀\n\"}";

}  // namespace eco2::tests
