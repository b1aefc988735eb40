#pragma once

#include "anthropic/dialect.hpp"

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

/// One call of the plugin through its ABI, against a scripted upstream.
struct AnthropicCall {
    explicit AnthropicCall(std::string_view config = R"({"base_url":"https://api.test/v1/"})")
        : instance(host, plugin::descriptor<anthropic::Dialect>(), config) {}

    void run(testing::ScriptedExchange script) {
        host.http().script(std::move(script));
        const eco2_provider* provider = instance.provider();
        const auto start = [&](auto* to, auto** out) { return provider->generate(provider->self, request.abi(), to, out); };
        ASSERT_EQ(sink.start(start), ECO2_OK);
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
    script.headers = {{"content-type", "text/event-stream; charset=utf-8"}, {"request-id", "req_abc"}};
    script.body = std::move(body);
    return script;
}

inline testing::ScriptedExchange json_of(int status, std::string body) {
    testing::ScriptedExchange script;
    script.status = status;
    script.headers = {{"content-type", "application/json"}, {"request-id", "req_abc"}};
    script.body = std::move(body);
    return script;
}

}  // namespace eco2::tests
