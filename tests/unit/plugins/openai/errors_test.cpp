#include "unit/plugins/openai/fixture.hpp"

#include <ostream>

namespace {

using namespace eco2::tests;

struct Row {
    const char* name;
    int status;
    const char* body;
    eco2_error_class error_class;
    eco2_status code_status;
    bool is_retryable;
    const char* code;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
    return out << row.name;
}

class OpenAiErrors : public ::testing::TestWithParam<Row> {};

TEST_P(OpenAiErrors, are_classified) {
    const Row& row = GetParam();
    OpenAiCall call;
    call.run(json_of(row.status, row.body));
    const auto result = call.sink.result();
    EXPECT_EQ(result.error_class, row.error_class);
    EXPECT_EQ(result.status, row.code_status);
    EXPECT_EQ(result.is_retryable, row.is_retryable);
    EXPECT_EQ(result.code, row.code);
    EXPECT_EQ(result.upstream_http_status, row.status);
    call.expect_clean();
}

constexpr Row kRows[] = {
    {"coarse_code_of_an_empty_account",
     402,
     R"({"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}})",
     ECO2_CLASS_KEY_FAULT,
     ECO2_UNAUTHENTICATED,
     false,
     "invalid_request_error"},
    {"key_refused_with_400",
     400,
     R"([{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}])",
     ECO2_CLASS_KEY_FAULT,
     ECO2_UNAUTHENTICATED,
     false,
     "http_400"},
    {"bad_request",
     400,
     R"({"error":{"message":"bad","type":"invalid_request_error","param":"x","code":null}})",
     ECO2_CLASS_CALLER_FAULT,
     ECO2_INVALID_ARGUMENT,
     false,
     "invalid_request_error"},
    {"context_length",
     400,
     R"({"error":{"message":"This model's maximum context length is 8192 tokens","type":"invalid_request_error","code":"context_length_exceeded"}})",
     ECO2_CLASS_CONTEXT_LENGTH,
     ECO2_INVALID_ARGUMENT,
     false,
     "context_length_exceeded"},
    {"context_length_without_code",
     400,
     R"({"object":"error","message":"This model's maximum context length is 8192 tokens","type":"BadRequestError","code":400})",
     ECO2_CLASS_CONTEXT_LENGTH,
     ECO2_INVALID_ARGUMENT,
     false,
     "BadRequestError"},
    {"context_size_of_llama_cpp",
     400,
     R"({"error":{"code":400,"message":"request (2 tokens) exceeds the limit","type":"exceed_context_size_error","n_prompt_tokens":2,"n_ctx":1}})",
     ECO2_CLASS_CONTEXT_LENGTH,
     ECO2_INVALID_ARGUMENT,
     false,
     "exceed_context_size_error"},
    {"context_size_that_ran_out",
     500,
     R"({"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}})",
     ECO2_CLASS_CONTEXT_LENGTH,
     ECO2_INVALID_ARGUMENT,
     false,
     "server_error"},
    {"model_length_of_vllm",
     400,
     R"({"error":{"message":"The decoder prompt (length 2) is longer than the maximum model length of 1.","type":"BadRequestError","param":null,"code":400}})",
     ECO2_CLASS_CONTEXT_LENGTH,
     ECO2_INVALID_ARGUMENT,
     false,
     "BadRequestError"},
    {"azures_limit",
     429,
     R"({"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation have exceeded the call rate limit."}})",
     ECO2_CLASS_LIMITED,
     ECO2_RESOURCE_EXHAUSTED,
     true,
     "429"},
    {"azures_missing_deployment",
     404,
     R"({"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}})",
     ECO2_CLASS_CALLER_FAULT,
     ECO2_INVALID_ARGUMENT,
     false,
     "DeploymentNotFound"},
    {"content_filter",
     400,
     R"({"error":{"message":"filtered","code":"content_filter"}})",
     ECO2_CLASS_CONTENT_POLICY,
     ECO2_INVALID_ARGUMENT,
     false,
     "content_filter"},
    {"content_policy",
     400,
     R"({"error":{"message":"no","code":"content_policy_violation"}})",
     ECO2_CLASS_CONTENT_POLICY,
     ECO2_INVALID_ARGUMENT,
     false,
     "content_policy_violation"},
    {"bad_key",
     401,
     R"({"error":{"message":"Incorrect API key provided: sk-abc","type":"invalid_request_error","code":"invalid_api_key"}})",
     ECO2_CLASS_KEY_FAULT,
     ECO2_UNAUTHENTICATED,
     false,
     "invalid_api_key"},
    {"no_money", 402, "", ECO2_CLASS_KEY_FAULT, ECO2_UNAUTHENTICATED, false, "http_402"},
    {"forbidden", 403, R"({"error":"forbidden"})", ECO2_CLASS_KEY_FAULT, ECO2_UNAUTHENTICATED, false, "http_403"},
    {"no_model",
     404,
     R"({"error":{"message":"no such model","type":"invalid_request_error","code":"model_not_found"}})",
     ECO2_CLASS_CALLER_FAULT,
     ECO2_INVALID_ARGUMENT,
     false,
     "model_not_found"},
    {"not_found_page", 404, R"({"detail":"Not Found"})", ECO2_CLASS_CALLER_FAULT, ECO2_INVALID_ARGUMENT, false, "http_404"},
    {"timeout", 408, "{}", ECO2_CLASS_PROVIDER_FAULT, ECO2_UNAVAILABLE, true, "http_408"},
    {"too_large", 413, "", ECO2_CLASS_CALLER_FAULT, ECO2_INVALID_ARGUMENT, false, "http_413"},
    {"unprocessable", 422, R"({"detail":[{"msg":"x"}]})", ECO2_CLASS_CALLER_FAULT, ECO2_INVALID_ARGUMENT, false, "http_422"},
    {"limited",
     429,
     R"({"error":{"message":"Rate limit","type":"requests","code":"rate_limit_exceeded"}})",
     ECO2_CLASS_LIMITED,
     ECO2_RESOURCE_EXHAUSTED,
     true,
     "rate_limit_exceeded"},
    {"slow_down",
     503,
     R"({"error":{"message":"Slow down","code":"slow_down"}})",
     ECO2_CLASS_LIMITED,
     ECO2_RESOURCE_EXHAUSTED,
     true,
     "slow_down"},
    {"quota_is_no_limit",
     429,
     R"({"error":{"message":"quota","type":"insufficient_quota","code":"insufficient_quota"}})",
     ECO2_CLASS_KEY_FAULT,
     ECO2_UNAUTHENTICATED,
     false,
     "insufficient_quota"},
    {"quota_by_type_alone",
     429,
     R"({"error":{"message":"quota","type":"insufficient_quota","code":null}})",
     ECO2_CLASS_KEY_FAULT,
     ECO2_UNAUTHENTICATED,
     false,
     "insufficient_quota"},
    {"server_error",
     500,
     R"({"error":{"message":"oops","type":"server_error","code":null}})",
     ECO2_CLASS_PROVIDER_FAULT,
     ECO2_UNAVAILABLE,
     true,
     "server_error"},
    {"bad_gateway_page",
     502,
     "<html><body>Bad Gateway</body></html>",
     ECO2_CLASS_PROVIDER_FAULT,
     ECO2_UNAVAILABLE,
     true,
     "http_502"},
    {"overloaded",
     503,
     R"({"error":{"message":"The engine is currently overloaded","type":"server_error"}})",
     ECO2_CLASS_OVERLOADED,
     ECO2_UNAVAILABLE,
     true,
     "server_error"},
    {"gateway_timeout", 504, "upstream request timeout", ECO2_CLASS_PROVIDER_FAULT, ECO2_UNAVAILABLE, true, "http_504"},
    {"overloaded_529",
     529,
     R"({"error":{"message":"Overloaded","type":"overloaded_error"}})",
     ECO2_CLASS_OVERLOADED,
     ECO2_UNAVAILABLE,
     true,
     "overloaded_error"},
    {"redirect", 302, "", ECO2_CLASS_PROVIDER_FAULT, ECO2_UNAVAILABLE, false, "http_302"},
};

INSTANTIATE_TEST_SUITE_P(Table, OpenAiErrors, ::testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(OpenAiErrorHints, retry_headers_are_read_and_obeyed) {
    OpenAiCall call;
    auto script = json_of(429, R"({"error":{"message":"x","code":"rate_limit_exceeded"}})");
    script.headers.emplace_back("retry-after", "20");
    script.headers.emplace_back("x-should-retry", "false");
    call.run(std::move(script));
    EXPECT_EQ(call.sink.result().retry_after_ms, 20'000);
    EXPECT_FALSE(call.sink.result().is_retryable);
}

TEST(OpenAiErrorHints, without_a_retry_header_the_spent_limit_tells_when) {
    OpenAiCall call;
    auto script = json_of(429, "{}");
    script.headers.emplace_back("x-ratelimit-remaining-requests", "7");
    script.headers.emplace_back("x-ratelimit-reset-requests", "9s");
    script.headers.emplace_back("x-ratelimit-remaining-tokens", "0");
    script.headers.emplace_back("x-ratelimit-reset-tokens", "1m30s");
    call.run(std::move(script));
    EXPECT_EQ(call.sink.result().retry_after_ms, 90'000);
}

TEST(OpenAiErrorHints, a_date_is_read_against_the_hosts_clock) {
    OpenAiCall call;
    auto script = json_of(503, "{}");
    script.headers.emplace_back("retry-after", "Thu, 01 Jan 2026 00:00:31 GMT");
    call.run(std::move(script));
    EXPECT_EQ(call.sink.result().retry_after_ms, 30'000);  // the fake clock stands at 00:00:01
}

TEST(OpenAiErrorHints, messages_hold_no_key_and_are_bounded_at_a_character) {
    OpenAiCall key;
    key.run(json_of(401, R"({"error":{"message":"Incorrect API key provided: sk-abc***xyz","code":"invalid_api_key"}})"));
    EXPECT_EQ(key.sink.result().message.find("sk-"), std::string::npos);
    std::string text;
    for (int index = 0; index < 1'000; ++index) {
        text += "한";
    }
    OpenAiCall big;
    big.run(json_of(400, R"({"error":{"message":")" + text + R"("}})"));
    EXPECT_EQ(big.sink.result().message.size(), 498u);
}

TEST(OpenAiErrorHints, an_error_cut_at_any_byte_is_still_classified_by_its_status) {
    const std::string body = R"({"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}})";
    for (std::size_t size = 0; size < body.size(); ++size) {
        OpenAiCall call;
        call.run(json_of(429, body.substr(0, size)));
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_LIMITED);
        EXPECT_EQ(call.sink.result().code, "http_429");
        call.expect_clean();
    }
}

TEST(OpenAiErrorHints, an_error_in_the_stream_is_classified_by_what_it_says) {
    const std::pair<const char*, eco2_error_class> table[] = {
        {R"({"message":"x","code":"rate_limit_exceeded"})", ECO2_CLASS_LIMITED},
        {R"({"message":"x","type":"insufficient_quota"})", ECO2_CLASS_KEY_FAULT},
        {R"({"message":"x","code":503})", ECO2_CLASS_OVERLOADED},
        {R"({"message":"x","type":"invalid_request_error"})", ECO2_CLASS_CALLER_FAULT},
        {R"({"message":"x","code":"content_filter"})", ECO2_CLASS_CONTENT_POLICY},
        {R"("just text")", ECO2_CLASS_PROVIDER_FAULT},
        {R"({})", ECO2_CLASS_PROVIDER_FAULT}};
    for (const auto& [error, error_class] : table) {
        OpenAiCall call;
        call.run(stream_of(text_chunk("a") + "data: {\"error\":" + error + "}\n\n"));
        EXPECT_EQ(call.sink.result().error_class, error_class) << error;
        call.expect_clean();
    }
}

TEST(OpenAiErrorHints, the_reason_is_kept_in_whatever_form_it_comes) {
    const std::pair<std::string, const char*> table[] = {
        {R"({"detail":[{"loc":["body","model"],"msg":"field required","type":"missing"}]})", "field required"},
        {R"({"detail":["wrong"]})", "wrong"},
        {R"({"detail":"Not Found"})", "Not Found"},
        {"\xEF\xBB\xBF{\"error\":{\"message\":\"marked\"}}", "marked"},
        {"model not loaded\n", "model not loaded"},
        {R"({"error":{"message":"cut \"off\" he)", "cut \"off\" he"},
        {R"({"error":{"type":"x","message" : "first", "rest":")" + std::string(100'000, 'y') + "\"}}", "first"}};
    for (const auto& [body, reason] : table) {
        OpenAiCall call;
        call.run(json_of(400, body));
        EXPECT_EQ(call.sink.result().message, reason);
        call.expect_clean();
    }
}

TEST(OpenAiErrorHints, pages_and_binary_bodies_are_told_by_their_size) {
    for (const std::string body : {"<html>Bad Gateway</html>", "\x01\x02", "\xFF\xFE"}) {
        OpenAiCall call;
        call.run(json_of(502, body));
        EXPECT_NE(call.sink.result().message.find("names no error"), std::string::npos) << body;
    }
}

TEST(OpenAiErrorHints, an_http_date_in_any_of_its_forms_is_read) {
    for (const char* const date :
         {"Thu, 01 Jan 2026 00:00:31 GMT", "Thursday, 01-Jan-26 00:00:31 GMT", "Thu Jan  1 00:00:31 2026"}) {
        OpenAiCall call;
        auto script = json_of(503, "{}");
        script.headers.emplace_back("retry-after", date);
        call.run(std::move(script));
        EXPECT_EQ(call.sink.result().retry_after_ms, 30'000) << date;
    }
}

TEST(OpenAiErrorHints, retry_info_in_the_body_is_a_hint) {
    for (
        const std::string_view body :
        {R"({"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.Help"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3s"}]}})",
         R"([{"error":{"code":429,"message":"slow","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3s"}]}}])"}) {
        OpenAiCall call;
        call.run(json_of(429, std::string(body)));
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_LIMITED);
        EXPECT_EQ(call.sink.result().retry_after_ms, 3'000) << body;
    }
}

}  // namespace
