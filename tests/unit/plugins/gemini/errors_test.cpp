#include "unit/plugins/gemini/fixture.hpp"

namespace {

using namespace eco2::tests;

struct Row {
    int status;
    const char* error;
    eco2_error_class error_class;
    bool is_retryable;
    std::int64_t retry_after_ms;
};

constexpr Row kRows[] = {
    {400, R"({"code":400,"message":"bad","status":"INVALID_ARGUMENT"})", ECO2_CLASS_CALLER_FAULT, false, -1},
    {400,
     R"({"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]})",
     ECO2_CLASS_KEY_FAULT,
     false,
     -1},
    {400,
     R"({"message":"The input token count (2) exceeds the maximum number of tokens allowed (1).","status":"INVALID_ARGUMENT"})",
     ECO2_CLASS_CONTEXT_LENGTH,
     false,
     -1},
    {403, R"({"message":"m","status":"PERMISSION_DENIED"})", ECO2_CLASS_KEY_FAULT, false, -1},
    {404, R"({"message":"m","status":"NOT_FOUND"})", ECO2_CLASS_CALLER_FAULT, false, -1},
    {429,
     R"({"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.074824224s"}]})",
     ECO2_CLASS_LIMITED,
     true,
     34'075},
    {429,
     R"({"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]})",
     ECO2_CLASS_KEY_FAULT,
     false,
     -1},
    {429, R"({"message":"m","status":"RESOURCE_EXHAUSTED"})", ECO2_CLASS_LIMITED, true, -1},
    {500, R"({"message":"m","status":"INTERNAL"})", ECO2_CLASS_PROVIDER_FAULT, true, -1},
    {503, R"({"message":"m","status":"UNAVAILABLE"})", ECO2_CLASS_OVERLOADED, true, -1},
    {504, R"({"message":"m","status":"DEADLINE_EXCEEDED"})", ECO2_CLASS_PROVIDER_FAULT, true, -1},
    {502, R"({"message":"m"})", ECO2_CLASS_PROVIDER_FAULT, true, -1},
    {400,
     R"({"details":[7,{"@type":7},{"@type":".RetryInfo","retryDelay":7},{"@type":".QuotaFailure","violations":[7]}]})",
     ECO2_CLASS_CALLER_FAULT,
     false,
     -1},
};

TEST(GeminiErrors, are_classified_alone_and_in_a_list) {
    for (const Row& row : kRows) {
        const std::string body = R"({"error":)" + std::string(row.error) + "}";
        for (const std::string& form : {body, "[" + body + "]"}) {
            GeminiCall call;
            call.run(json_of(row.status, form));
            EXPECT_EQ(call.sink.result().error_class, row.error_class) << form;
            EXPECT_EQ(call.sink.result().is_retryable, row.is_retryable) << form;
            EXPECT_EQ(call.sink.result().retry_after_ms, row.retry_after_ms) << form;
            call.expect_clean();
        }
    }
}

TEST(GeminiErrors, cut_at_any_byte_are_classified_by_their_status) {
    const std::string body = R"({"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}})";
    for (std::size_t size = 0; size < body.size(); ++size) {
        GeminiCall call;
        call.run(json_of(429, body.substr(0, size)));
        EXPECT_EQ(call.sink.result().error_class, ECO2_CLASS_LIMITED);
        EXPECT_FALSE(call.sink.result().message.empty());
        call.expect_clean();
    }
}

TEST(GeminiErrors, a_retry_after_header_wins) {
    GeminiCall call;
    auto script = json_of(429, R"({"error":{"message":"m","status":"RESOURCE_EXHAUSTED"}})");
    script.headers.emplace_back("retry-after", "3");
    call.run(std::move(script));
    EXPECT_EQ(call.sink.result().retry_after_ms, 3'000);
}

}  // namespace
