#include "fixture.hpp"

#include "eco2/plugin/json.hpp"

#include <array>
#include <cstdint>

namespace eco2::tests {
namespace {

constexpr std::array<std::uint8_t, 3> kImage{0xFF, 0xD8, 0xFF};

TEST(BatchLine, holds_exactly_the_body_of_a_live_call_that_is_not_streamed) {
    BatchPlugin batch;
    batch.request.message(ECO2_ROLE_SYSTEM).text("Say \"a\".\n");
    batch.request.message(ECO2_ROLE_USER).text("What is this?").image("image/jpeg", kImage, ECO2_DETAIL_LOW);
    batch.request.schema("answer", R"({"type":"object"})").max_output_tokens(64).temperature(0).streamed(true);
    EXPECT_EQ(batch.encode("e2-01"),
              R"({"custom_id":"e2-01","method":"POST","url":"/v1/chat/completions","body":{"model":"test-model","messages":[)"
              R"({"role":"system","content":"Say \"a\".\n"},)"
              R"({"role":"user","content":[{"type":"text","text":"What is this?"},)"
              R"({"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/","detail":"low"}}]}],)"
              R"("response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,)"
              R"("schema":{"type":"object"}}},"max_completion_tokens":64,"temperature":0}})");
}

TEST(BatchLine, equal_requests_make_equal_lines) {
    BatchPlugin batch;
    batch.request.message(ECO2_ROLE_USER).text("Hello").stop(R"(["x"])");
    EXPECT_EQ(batch.encode(), batch.encode());
}

TEST(BatchLine, speaks_the_responses_api_and_an_endpoint_of_its_own) {
    BatchPlugin batch(R"({"base_url":"https://api.test/v1","api":"responses","endpoint":"/responses"})");
    batch.request.message(ECO2_ROLE_USER).text("Hi").streamed(true);
    EXPECT_EQ(batch.encode(),
              R"({"custom_id":"i1","method":"POST","url":"/responses","body":{"model":"test-model","input":[{"role":"user",)"
              R"("content":[{"type":"input_text","text":"Hi"}]}],"store":false}})");
}

TEST(BatchLine, a_clients_own_request_loses_its_stream_and_keeps_everything_else) {
    BatchPlugin batch;
    batch.request.message(ECO2_ROLE_USER).text("Hi").streamed(true);
    batch.request.chat(R"({"model":"theirs","stream":true,"stream_options":{"include_usage":true},"x":1.0,"messages":[]})");
    EXPECT_EQ(batch.encode(),
              R"({"custom_id":"i1","method":"POST","url":"/v1/chat/completions","body":{"model":"test-model","x":1.0,)"
              R"("messages":[]}})");
}

TEST(BatchLine, line_ends_between_a_schemas_tokens_become_blanks) {
    BatchPlugin batch;
    batch.request.message(ECO2_ROLE_USER).text("a\nb").schema("s", "{\r\n  \"type\": \"object\"\n}");
    const std::string line = batch.encode();
    EXPECT_EQ(line.find_first_of("\r\n"), std::string::npos);
    EXPECT_NE(line.find(R"("schema":{    "type": "object" })"), std::string::npos) << line;
    EXPECT_NE(line.find(R"("content":"a\nb")"), std::string::npos);
}

TEST(BatchLine, a_body_that_is_no_json_is_refused_before_it_fails_its_whole_batch) {
    for (const std::string_view broken : {"{", "{\"a\":nul}", "{\"a\":\"\x01\"}", "{\"a\":\"\xFF\"}"}) {
        BatchPlugin batch;
        batch.request.message(ECO2_ROLE_USER).text("Hi").schema("s", broken);
        EXPECT_EQ(batch.encode(), "");
        EXPECT_EQ(batch.error.error_class, plugin::ErrorClass::caller_fault) << broken;
    }
}

TEST(BatchLine, images_in_a_form_that_is_not_taken_are_refused) {
    BatchPlugin by_url(R"({"base_url":"https://api.test/v1","image_bytes":false})");
    by_url.request.message(ECO2_ROLE_USER).image_url("https://x.test/a.jpg");
    EXPECT_NE(by_url.encode(), "");
    by_url.request.message(ECO2_ROLE_USER).image_url("data:image/jpeg;base64,/9j/");
    EXPECT_EQ(by_url.encode(), "");
    EXPECT_EQ(by_url.error.error_class, plugin::ErrorClass::caller_fault);

    BatchPlugin inline_only(R"({"base_url":"https://api.test/v1","image_urls":false})");
    inline_only.request.message(ECO2_ROLE_USER).image("image/jpeg", kImage).image_url("data:image/jpeg;base64,/9j/");
    EXPECT_NE(inline_only.encode(), "");
    inline_only.request.message(ECO2_ROLE_USER).image_url("https://x.test/a.jpg");
    EXPECT_EQ(inline_only.encode(), "");
}

TEST(BatchLine, needs_an_id_and_escapes_it) {
    BatchPlugin batch;
    batch.request.message(ECO2_ROLE_USER).text("Hi");
    EXPECT_EQ(batch.encode(""), "");
    EXPECT_EQ(batch.status, ECO2_INVALID_ARGUMENT);
    EXPECT_TRUE(batch.encode("a\"\n").starts_with(R"({"custom_id":"a\"\n",)"));
}

constexpr std::string_view kAnswered =
    R"({"id":"batch_req_1","custom_id":"i7","response":{"status_code":200,"request_id":"req_9","body":{"id":"chatcmpl-1",)"
    R"("object":"chat.completion","model":"gpt-test-2026","choices":[{"index":0,"message":{"role":"assistant",)"
    R"("content":"{\"\ud55c\":1}","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,)"
    R"("completion_tokens":4,"prompt_tokens_details":{"cached_tokens":8}}}},"error":null,"new":[{"x":[1,2]}]})";

TEST(BatchAnswerLine, an_answer_has_text_usage_finish_and_the_body_as_it_came) {
    BatchPlugin batch;
    ASSERT_TRUE(batch.read(kAnswered, [](const eco2_batch_answer& answer) {
        EXPECT_EQ(answer.outcome, ECO2_BATCH_ANSWERED);
        EXPECT_EQ(text_of(answer.custom_id), "i7");
        EXPECT_EQ(answer.http_status, 200);
        EXPECT_EQ(answer.finish_reason, ECO2_FINISH_STOP);
        EXPECT_EQ(text_of(answer.upstream_request_id), "req_9");
        EXPECT_EQ(text_of(answer.model), "gpt-test-2026");
        EXPECT_EQ(text_of(answer.text), "{\"한\":1}");
        EXPECT_TRUE(text_of(answer.body_json).starts_with(R"({"id":"chatcmpl-1")"));
        EXPECT_TRUE(text_of(answer.body_json).ends_with(R"("cached_tokens":8}}})"));
        ASSERT_NE(answer.usage, nullptr);
        EXPECT_EQ(answer.usage->input_tokens, 10);
        EXPECT_EQ(answer.usage->output_tokens, 4);
        EXPECT_EQ(answer.usage->cached_input_tokens, 8);
        EXPECT_EQ(answer.usage->reasoning_tokens, -1);
        EXPECT_EQ(answer.error, nullptr);
    }));
}

TEST(BatchAnswerLine, one_that_is_cut_anywhere_is_no_line) {
    BatchPlugin batch;
    for (std::size_t cut = 0; cut < kAnswered.size(); ++cut) {
        EXPECT_FALSE(batch.read(kAnswered.substr(0, cut))) << cut;
        EXPECT_EQ(batch.error.code, "malformed") << cut;
    }
}

TEST(BatchAnswerLine, damage_at_any_byte_makes_no_crash_and_no_answer_of_another_item) {
    BatchPlugin batch;
    for (std::size_t at = 0; at < kAnswered.size(); ++at) {
        for (const char byte : {'\0', '"', '\\', '}', '\xFF'}) {
            std::string damaged(kAnswered);
            damaged[at] = byte;
            batch.read(damaged, [&](const eco2_batch_answer& answer) {
                EXPECT_EQ(answer.error == nullptr, answer.outcome == ECO2_BATCH_ANSWERED) << damaged;
            });
        }
    }
}

struct Failed {
    std::string_view name;
    std::string_view rest;  // of the line, after its custom_id
    std::int32_t outcome;
    plugin::ErrorClass error_class;
    bool is_retryable;
    std::string_view code;
};

using plugin::ErrorClass;

const Failed kFailed[] = {
    {"bad_request",
     R"("response":{"status_code":400,"body":{"error":{"message":"no","type":"invalid_request_error","code":"x"}}})",
     ECO2_BATCH_FAILED,
     ErrorClass::caller_fault,
     false,
     "x"},
    {"too_long",
     R"("response":{"status_code":400,"body":{"error":{"message":"m","code":"context_length_exceeded"}}})",
     ECO2_BATCH_FAILED,
     ErrorClass::context_length,
     false,
     "context_length_exceeded"},
    {"limited",
     R"("response":{"status_code":429,"body":{"error":{"message":"m","code":"rate_limit_exceeded"}}})",
     ECO2_BATCH_FAILED,
     ErrorClass::limited,
     true,
     "rate_limit_exceeded"},
    {"no_money",
     R"("response":{"status_code":429,"body":{"error":{"message":"m","code":"insufficient_quota"}}})",
     ECO2_BATCH_FAILED,
     ErrorClass::key_fault,
     false,
     "insufficient_quota"},
    {"no_credit",
     R"("response":null,"error":{"code":"invalid_request_error","message":"Your credit balance is too low to go on."})",
     ECO2_BATCH_FAILED,
     ErrorClass::key_fault,
     false,
     "invalid_request_error"},
    {"server_error",
     R"("response":{"status_code":500,"body":{"error":{"message":"m","type":"server_error"}}})",
     ECO2_BATCH_FAILED,
     ErrorClass::provider_fault,
     true,
     "server_error"},
    {"download_time_out",
     R"("response":{"status_code":400,"body":{"error":{"message":"Timeout while downloading https://x.test/a.jpg.",)"
     R"("type":"invalid_request_error","code":"invalid_image_url"}}})",
     ECO2_BATCH_FAILED,
     ErrorClass::provider_fault,
     true,
     "invalid_image_url"},
    {"download_failed",
     R"("response":{"status_code":400,"body":{"error":{"message":"Failed to download image from https://x.test/a.jpg"}}})",
     ECO2_BATCH_FAILED,
     ErrorClass::provider_fault,
     true,
     "http_400"},
    {"body_cut_on_the_way",
     R"("response":{"status_code":400,"body":{"error":{"message":"The request body is not valid JSON: unexpected end"}}})",
     ECO2_BATCH_FAILED,
     ErrorClass::provider_fault,
     true,
     "http_400"},
    {"body_is_text",
     R"("response":{"status_code":502,"body":"Bad gateway"})",
     ECO2_BATCH_FAILED,
     ErrorClass::provider_fault,
     true,
     "http_502"},
    {"status_alone", R"("response":{"status_code":503})", ECO2_BATCH_FAILED, ErrorClass::overloaded, true, "http_503"},
    {"status_and_the_lines_own_error",
     R"("response":{"status_code":400,"request_id":"r"},"error":{"message":"too long: maximum context length","code":400})",
     ECO2_BATCH_FAILED,
     ErrorClass::context_length,
     false,
     "http_400"},
    {"expired",
     R"("response":null,"error":{"code":"batch_expired","message":"This request could not be executed in time."})",
     ECO2_BATCH_EXPIRED,
     ErrorClass::provider_fault,
     true,
     "batch_expired"},
    {"cancelled",
     R"("response":null,"error":{"code":"batch_cancelled","message":"m"})",
     ECO2_BATCH_CANCELLED,
     ErrorClass::provider_fault,
     true,
     "batch_cancelled"},
    {"other_error",
     R"("response":null,"error":{"code":"somewhere","message":"m"})",
     ECO2_BATCH_FAILED,
     ErrorClass::provider_fault,
     true,
     "somewhere"},
    {"error_that_is_a_text", R"("error":"gone")", ECO2_BATCH_FAILED, ErrorClass::provider_fault, true, "upstream_error"},
    {"success_without_a_body",
     R"("response":{"status_code":200,"body":null})",
     ECO2_BATCH_FAILED,
     ErrorClass::provider_fault,
     true,
     "malformed"},
    {"success_that_cannot_be_read",
     R"("response":{"status_code":200,"body":{"choices":[{"message":{"content":"a"#}}]}})",
     ECO2_BATCH_FAILED,
     ErrorClass::provider_fault,
     true,
     "malformed"},
    {"success_without_choices",
     R"("response":{"status_code":200,"body":{"choices":[]}})",
     ECO2_BATCH_FAILED,
     ErrorClass::provider_fault,
     true,
     "malformed"},
    {"success_with_an_error_inside",
     R"("response":{"status_code":200,"body":{"error":{"message":"m","code":"overloaded"}}})",
     ECO2_BATCH_FAILED,
     ErrorClass::overloaded,
     true,
     "overloaded"},
    {"no_outcome_at_all", R"("response":null,"error":null)", ECO2_BATCH_FAILED, ErrorClass::provider_fault, true, "malformed"},
};

TEST(BatchAnswerLine, each_failure_has_its_class) {
    BatchPlugin batch;
    for (const Failed& row : kFailed) {
        const std::string line = R"({"custom_id":"i1",)" + std::string(row.rest) + "}";
        EXPECT_TRUE(batch.read(line, [&](const eco2_batch_answer& answer) {
            EXPECT_EQ(text_of(answer.custom_id), "i1") << row.name;
            EXPECT_EQ(answer.outcome, row.outcome) << row.name;
            ASSERT_NE(answer.error, nullptr) << row.name;
            EXPECT_EQ(static_cast<ErrorClass>(answer.error->error_class), row.error_class) << row.name;
            EXPECT_EQ((answer.error->flags & ECO2_ERROR_RETRYABLE) != 0, row.is_retryable) << row.name;
            EXPECT_EQ(text_of(answer.error->code), row.code) << row.name;
            EXPECT_EQ(answer.error->upstream_http_status, answer.http_status) << row.name;
        })) << row.name;
    }
}

TEST(BatchAnswerLine, without_an_id_it_is_told_and_never_guessed) {
    BatchPlugin batch;
    EXPECT_TRUE(batch.read(R"({"response":null,"error":{"code":"batch_expired"}})",
                           [](const eco2_batch_answer& answer) { EXPECT_EQ(text_of(answer.custom_id), ""); }));
    EXPECT_TRUE(batch.read(R"({"custom_id":7,"response":{"status_code":500}})",
                           [](const eco2_batch_answer& answer) { EXPECT_EQ(text_of(answer.custom_id), ""); }));
    for (const std::string_view none : {"", "null", "[]", "{}", "\"a\"", "{\"a\":1}x", R"({"object":"list","data":[]})"}) {
        EXPECT_FALSE(batch.read(none)) << none;
        EXPECT_EQ(batch.error.error_class, ErrorClass::provider_fault) << none;
    }
}

TEST(BatchAnswerLine, a_thought_before_json_is_left_out_and_before_prose_it_is_not) {
    const auto line = [](std::string_view content) {
        return R"({"custom_id":"i","response":{"status_code":200,"body":{"choices":[{"message":{"content":")" +
               std::string(content) + R"("},"finish_reason":"stop"}]}}})";
    };
    BatchPlugin batch;
    EXPECT_TRUE(batch.read(line(R"(<think>hm</think>\n{\"a\":1})"),
                           [](const eco2_batch_answer& answer) { EXPECT_EQ(text_of(answer.text), R"({"a":1})"); }));
    EXPECT_TRUE(batch.read(line("<think>hm</think>Well"),
                           [](const eco2_batch_answer& answer) { EXPECT_EQ(text_of(answer.text), "<think>hm</think>Well"); }));
}

TEST(BatchAnswerLine, the_responses_api_is_read_as_its_live_answers_are) {
    BatchPlugin batch(R"({"base_url":"https://api.test/v1","api":"responses"})");
    EXPECT_TRUE(batch.read(
        R"({"custom_id":"i","response":{"status_code":200,"body":{"status":"completed","model":"m","output":[{"type":"message",)"
        R"("content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":3,"output_tokens":1}}}})",
        [](const eco2_batch_answer& answer) {
            EXPECT_EQ(answer.outcome, ECO2_BATCH_ANSWERED);
            EXPECT_EQ(text_of(answer.text), "Hi");
            ASSERT_NE(answer.usage, nullptr);
            EXPECT_EQ(answer.usage->input_tokens, 3);
        }));
}

}  // namespace
}  // namespace eco2::tests
