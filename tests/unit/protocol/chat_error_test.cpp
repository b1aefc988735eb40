#include "protocol/chat_error.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace eco2 {
namespace {

CallError call_error(Errc code, FaultClass fault, int status = 0, std::string upstream_code = {}) {
    CallError error;
    error.error = fail(code, "words");
    error.fault = fault;
    error.upstream_http_status = status;
    error.upstream_code = std::move(upstream_code);
    return error;
}

TEST(ChatError, every_error_of_the_table_has_a_status_and_a_type_that_fit) {
    for (const auto& row : all_errors()) {
        const auto made = chat_error(fail(row.code));
        EXPECT_GE(made.status, 400) << row.name;
        EXPECT_FALSE(made.type.empty()) << row.name;
        EXPECT_FALSE(made.code.empty()) << row.name;
        EXPECT_FALSE(made.message.empty()) << row.name;
        if (made.status >= 500) {
            EXPECT_EQ(made.type, "server_error") << row.name;
        }
    }
}

TEST(ChatError, is_told_as_openai_would) {
    struct Row {
        Errc code;
        int status;
        std::string type;
        std::string word;
    };
    const Row kRows[] = {{Errc::invalid_json, 400, "invalid_request_error", "invalid_json"},
                         {Errc::unsupported_model, 404, "invalid_request_error", "model_not_found"},
                         {Errc::unauthorized, 401, "authentication_error", "invalid_api_key"},
                         {Errc::forbidden, 403, "permission_error", "permission_denied"},
                         {Errc::quota_exceeded, 429, "rate_limit_error", "rate_limit_exceeded"},
                         {Errc::body_too_large, 413, "invalid_request_error", "body_too_large"},
                         {Errc::provider_error, 502, "server_error", "provider_error"}};
    for (const auto& row : kRows) {
        const auto made = chat_error(fail(row.code));
        EXPECT_EQ(made.status, row.status) << row.word;
        EXPECT_EQ(made.type, row.type) << row.word;
        EXPECT_EQ(made.code, row.word);
    }
}

TEST(ChatError, the_upstreams_own_code_is_passed_on_where_the_fault_is_the_callers) {
    const auto length = chat_error(call_error(Errc::provider_context_length, FaultClass::context_length, 400));
    EXPECT_EQ(length.status, 400);
    EXPECT_EQ(length.code, "context_length_exceeded");
    const auto policy = chat_error(call_error(Errc::provider_refused, FaultClass::content_policy, 400, "content_filter"));
    EXPECT_EQ(policy.status, 400);
    EXPECT_EQ(policy.code, "content_filter");
    EXPECT_EQ(chat_error(call_error(Errc::provider_refused, FaultClass::content_policy)).code, "content_policy_violation");
    const auto caller = chat_error(call_error(Errc::provider_rejected, FaultClass::caller_fault, 404, "model_not_found"));
    EXPECT_EQ(caller.status, 404);
    EXPECT_EQ(caller.code, "model_not_found");
    EXPECT_EQ(caller.type, "invalid_request_error");
}

TEST(ChatError, an_upstreams_refusal_of_our_key_is_not_told_as_the_callers) {
    EXPECT_EQ(chat_error(call_error(Errc::provider_key, FaultClass::key_fault, 401, "invalid_api_key")).status, 502);
    EXPECT_EQ(chat_error(call_error(Errc::provider_key, FaultClass::key_fault, 401, "invalid_api_key")).code, "provider_key");
    EXPECT_EQ(chat_error(call_error(Errc::provider_rejected, FaultClass::caller_fault, 401)).status, 400);
}

TEST(ChatError, what_a_store_says_stays_inside) {
    EXPECT_EQ(chat_error(fail(Errc::store_failed, "/var/lib/x: disk full")).message.find("/var"), std::string::npos);
}

TEST(ChatError, json_has_null_where_nothing_is_known) {
    ChatError error;
    error.message = "a \"b\"";
    EXPECT_EQ(chat_error_json(error), R"({"error":{"message":"a \"b\"","type":"server_error","param":null,"code":null}})");
    error.param = "n";
    error.code = "c";
    EXPECT_EQ(boost::json::parse(chat_error_json(error)).at("error").at("param").as_string(), "n");
}

}  // namespace
}  // namespace eco2
