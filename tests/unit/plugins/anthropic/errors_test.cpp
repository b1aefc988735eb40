#include "unit/plugins/anthropic/fixture.hpp"

#include <ostream>

namespace {

using namespace eco2::tests;

struct Row {
    const char* name;
    int status;
    const char* type;
    const char* message;
    eco2_error_class error_class;
    bool is_retryable;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
    return out << row.name;
}

class AnthropicErrors : public ::testing::TestWithParam<Row> {};

TEST_P(AnthropicErrors, are_classified) {
    const Row& row = GetParam();
    const std::string error = R"({"type":")" + std::string(row.type) + R"(","message":")" + row.message + "\"}";
    AnthropicCall call;
    call.run(json_of(row.status, R"({"type":"error","error":)" + error + R"(,"request_id":"req_1"})"));
    EXPECT_EQ(call.sink.result().error_class, row.error_class);
    EXPECT_EQ(call.sink.result().is_retryable, row.is_retryable);
    EXPECT_EQ(call.sink.result().code, row.type);
    EXPECT_EQ(call.sink.result().upstream_http_status, row.status);
    call.expect_clean();
}

constexpr Row kRows[] = {
    {"bad_request", 400, "invalid_request_error", "max_tokens: required", ECO2_CLASS_CALLER_FAULT, false},
    {"too_long", 400, "invalid_request_error", "prompt is too long: 2 tokens > 1 maximum", ECO2_CLASS_CONTEXT_LENGTH, false},
    {"too_long_with_output",
     400,
     "invalid_request_error",
     "input length and `max_tokens` exceed context limit: 2 + 1 > 1",
     ECO2_CLASS_CONTEXT_LENGTH,
     false},
    {"no_money", 400, "invalid_request_error", "Your credit balance is too low to access", ECO2_CLASS_KEY_FAULT, false},
    {"spend_limit", 429, "rate_limit_error", "You have reached your specified API usage limits.", ECO2_CLASS_KEY_FAULT, false},
    {"filtered", 400, "invalid_request_error", "Output blocked by content filtering policy", ECO2_CLASS_CONTENT_POLICY, false},
    {"bad_key", 401, "authentication_error", "invalid x-api-key", ECO2_CLASS_KEY_FAULT, false},
    {"billing", 402, "billing_error", "m", ECO2_CLASS_KEY_FAULT, false},
    {"forbidden", 403, "permission_error", "m", ECO2_CLASS_KEY_FAULT, false},
    {"no_model", 404, "not_found_error", "model: x", ECO2_CLASS_CALLER_FAULT, false},
    {"too_large", 413, "request_too_large", "m", ECO2_CLASS_CALLER_FAULT, false},
    {"limited", 429, "rate_limit_error", "This request would exceed your rate limit", ECO2_CLASS_LIMITED, true},
    {"server", 500, "api_error", "m", ECO2_CLASS_PROVIDER_FAULT, true},
    {"timed_out", 504, "timeout_error", "m", ECO2_CLASS_PROVIDER_FAULT, true},
    {"overloaded", 529, "overloaded_error", "Overloaded", ECO2_CLASS_OVERLOADED, true},
    {"unknown_word", 503, "brand_new_error", "m", ECO2_CLASS_OVERLOADED, true},
};

INSTANTIATE_TEST_SUITE_P(Table, AnthropicErrors, ::testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(AnthropicErrorHints, retry_after_wins_then_the_spent_limit) {
    AnthropicCall told;
    auto script = json_of(429, R"({"type":"error","error":{"type":"rate_limit_error","message":"m"}})");
    script.headers.emplace_back("anthropic-ratelimit-requests-remaining", "0");
    script.headers.emplace_back("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:31Z");
    AnthropicCall limited;
    limited.run(script);
    EXPECT_EQ(limited.sink.result().retry_after_ms, 30'000);
    script.headers.emplace_back("retry-after", "20");
    told.run(script);
    EXPECT_EQ(told.sink.result().retry_after_ms, 20'000);
}

TEST(AnthropicErrorHints, hostile_bodies_are_classified_by_their_status) {
    const std::string body = R"({"type":"error","error":{"type":"rate_limit_error","message":"m"}})";
    for (std::size_t size = 0; size < body.size(); ++size) {
        AnthropicCall call;
        call.run(json_of(429, body.substr(0, size)));
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_LIMITED);
        EXPECT_EQ(call.sink.result().code, "http_429");
        EXPECT_FALSE(call.sink.result().message.empty());
        call.expect_clean();
    }
    for (const std::string odd : {"<html>", "[]", "7", R"({"error":7})", R"({"error":{"type":7,"message":[]}})"}) {
        AnthropicCall call;
        call.run(json_of(500, odd));
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_PROVIDER_FAULT) << odd;
        call.expect_clean();
    }
}

TEST(AnthropicErrorHints, a_key_is_never_quoted) {
    AnthropicCall call;
    call.run(json_of(401, R"({"error":{"type":"authentication_error","message":"invalid x-api-key sk-ant-abc"}})"));
    EXPECT_EQ(call.sink.result().message.find("sk-"), std::string::npos);
}

}  // namespace
