#include "fixture.hpp"

namespace eco2::tests {
namespace {

constexpr std::string_view kBatch =
    R"({"id":"batch_1","object":"batch","endpoint":"/v1/chat/completions","model":"gpt-test","errors":{"object":"list",)"
    R"("data":[{"code":"invalid_json_line","message":"Line 3 is no JSON","line":3,"param":null},)"
    R"({"code":"token_limit_exceeded","message":"m","line":null}]},"input_file_id":"file-in","completion_window":"24h",)"
    R"("status":"finalizing","output_file_id":"file-out","error_file_id":"","created_at":1767225600,)"
    R"("expires_at":1767312000,"request_counts":{"total":10,"completed":7,"failed":1},)"
    R"("metadata":{"eco2_shard":"s-1","eco2_job":"j"},"usage":{"input_tokens":100,"output_tokens":20,)"
    R"("input_tokens_details":{"cached_tokens":50},"output_tokens_details":{"reasoning_tokens":5},"total_tokens":120}})";

TEST(BatchReply, a_batch_is_read_with_all_that_it_tells) {
    BatchPlugin batch;
    for (const std::int32_t step : {ECO2_BATCH_STEP_CREATE, ECO2_BATCH_STEP_RETRIEVE, ECO2_BATCH_STEP_CANCEL}) {
        ASSERT_TRUE(batch.reply(step, 200, kBatch, [](const eco2_batch_reply& reply) {
            ASSERT_EQ(reply.error, nullptr);
            ASSERT_EQ(reply.batch_count, 1u);
            const eco2_remote_batch& told = *reply.batches[0];
            EXPECT_EQ(text_of(told.id), "batch_1");
            EXPECT_EQ(told.state, ECO2_BATCH_STATE_FINALIZING);
            EXPECT_EQ(text_of(told.state_word), "finalizing");
            EXPECT_EQ(text_of(told.tag), "s-1");
            EXPECT_EQ(text_of(told.input_file), "file-in");
            EXPECT_EQ(text_of(told.output_file), "file-out");
            EXPECT_EQ(text_of(told.error_file), "");
            EXPECT_EQ(told.total, 10);
            EXPECT_EQ(told.completed, 7);
            EXPECT_EQ(told.failed, 1);
            EXPECT_EQ(told.created_at_s, 1767225600);
            EXPECT_EQ(told.expires_at_s, 1767312000);
            ASSERT_EQ(told.fault_count, 2u);
            EXPECT_EQ(text_of(told.faults[0]->code), "invalid_json_line");
            EXPECT_EQ(text_of(told.faults[0]->message), "Line 3 is no JSON");
            EXPECT_EQ(told.faults[0]->line, 3);
            EXPECT_EQ(told.faults[1]->line, 0);
            ASSERT_NE(told.usage, nullptr);
            EXPECT_EQ(told.usage->input_tokens, 100);
            EXPECT_EQ(told.usage->cached_input_tokens, 50);
            EXPECT_EQ(told.usage->reasoning_tokens, 5);
        })) << step;
    }
}

TEST(BatchReply, nulls_and_words_that_nobody_knows_are_nothing_told) {
    BatchPlugin batch;
    ASSERT_TRUE(batch.reply(ECO2_BATCH_STEP_RETRIEVE,
                            200,
                            R"({"id":"b","status":"napping","errors":null,"metadata":null,"request_counts":null,"usage":null,)"
                            R"("output_file_id":null,"input_file_id":7,"created_at":"soon","whatever":{"a":[1]}})",
                            [](const eco2_batch_reply& reply) {
                                ASSERT_EQ(reply.batch_count, 1u);
                                const eco2_remote_batch& told = *reply.batches[0];
                                EXPECT_EQ(told.state, ECO2_BATCH_STATE_RUNNING);
                                EXPECT_EQ(text_of(told.state_word), "napping");
                                EXPECT_EQ(text_of(told.tag), "");
                                EXPECT_EQ(text_of(told.output_file), "");
                                EXPECT_EQ(text_of(told.input_file), "");
                                EXPECT_EQ(told.total, -1);
                                EXPECT_EQ(told.created_at_s, -1);
                                EXPECT_EQ(told.fault_count, 0u);
                                EXPECT_EQ(told.usage, nullptr);
                            }));
}

TEST(BatchReply, every_status_has_its_state) {
    const std::pair<std::string_view, std::int32_t> states[] = {{"validating", ECO2_BATCH_STATE_VALIDATING},
                                                                {"in_progress", ECO2_BATCH_STATE_RUNNING},
                                                                {"finalizing", ECO2_BATCH_STATE_FINALIZING},
                                                                {"completed", ECO2_BATCH_STATE_COMPLETED},
                                                                {"failed", ECO2_BATCH_STATE_FAILED},
                                                                {"expired", ECO2_BATCH_STATE_EXPIRED},
                                                                {"cancelling", ECO2_BATCH_STATE_CANCELLING},
                                                                {"cancelled", ECO2_BATCH_STATE_CANCELLED}};
    BatchPlugin batch;
    for (const auto& [word, state] : states) {
        const std::string body = R"({"id":"b","status":")" + std::string(word) + "\"}";
        batch.reply(ECO2_BATCH_STEP_RETRIEVE, 200, body, [&](const eco2_batch_reply& reply) {
            ASSERT_EQ(reply.batch_count, 1u);
            EXPECT_EQ(reply.batches[0]->state, state) << word;
        });
    }
}

TEST(BatchReply, files_are_read_one_by_one_and_in_pages) {
    BatchPlugin batch;
    const std::string file = R"({"id":"file-1","object":"file","bytes":12,"created_at":5,"filename":"s.jsonl","expires_at":9})";
    ASSERT_TRUE(batch.reply(ECO2_BATCH_STEP_UPLOAD, 200, file, [](const eco2_batch_reply& reply) {
        ASSERT_EQ(reply.file_count, 1u);
        EXPECT_EQ(text_of(reply.files[0]->id), "file-1");
        EXPECT_EQ(text_of(reply.files[0]->name), "s.jsonl");
        EXPECT_EQ(reply.files[0]->bytes, 12);
        EXPECT_EQ(reply.files[0]->created_at_s, 5);
        EXPECT_EQ(reply.files[0]->expires_at_s, 9);
    }));
    const std::string page = R"({"object":"list","data":[)" + file + R"(,{"id":"file-0"}],"has_more":true})";
    ASSERT_TRUE(batch.reply(ECO2_BATCH_STEP_LIST_FILES, 200, page, [](const eco2_batch_reply& reply) {
        ASSERT_EQ(reply.file_count, 2u);
        EXPECT_EQ(reply.files[1]->bytes, -1);
        EXPECT_EQ(text_of(reply.next_page), "file-0");
    }));
    ASSERT_TRUE(batch.reply(ECO2_BATCH_STEP_LIST, 200, R"({"data":[],"has_more":true})", [](const eco2_batch_reply& reply) {
        EXPECT_EQ(reply.error, nullptr);
        EXPECT_EQ(text_of(reply.next_page), "");
    }));
    const std::string batches = R"({"data":[)" + std::string(kBatch) + R"(],"has_more":false})";
    ASSERT_TRUE(batch.reply(ECO2_BATCH_STEP_LIST, 200, batches, [](const eco2_batch_reply& reply) {
        ASSERT_EQ(reply.batch_count, 1u);
        EXPECT_EQ(text_of(reply.next_page), "");
    }));
}

TEST(BatchReply, a_success_that_cannot_be_read_proves_nothing) {
    BatchPlugin batch;
    const auto expect_unread = [&](std::int32_t step, std::string_view body) {
        ASSERT_TRUE(batch.reply(step, 200, body, [&](const eco2_batch_reply& reply) {
            ASSERT_NE(reply.error, nullptr) << body;
            EXPECT_EQ(text_of(reply.error->code), "malformed") << body;
            EXPECT_EQ(reply.error->error_class, ECO2_CLASS_PROVIDER_FAULT);
            EXPECT_EQ(reply.error->upstream_http_status, 200);
            EXPECT_EQ(reply.flags, 0u) << body;
        }));
    };
    for (std::size_t cut = 0; cut < kBatch.size(); ++cut) {
        expect_unread(ECO2_BATCH_STEP_CREATE, kBatch.substr(0, cut));
    }
    for (const std::string_view body : {"null", "[]", "{}", R"({"id":""})", R"({"id":null})", R"({"id":5})", "<html>"}) {
        expect_unread(ECO2_BATCH_STEP_CREATE, body);
        expect_unread(ECO2_BATCH_STEP_UPLOAD, body);
        expect_unread(ECO2_BATCH_STEP_LIST, body);
    }
    // What is not found in a list counts as never made: one entry that cannot be read spoils it.
    expect_unread(ECO2_BATCH_STEP_LIST, R"({"data":[{"id":"a"},{"status":"completed"}]})");
    expect_unread(ECO2_BATCH_STEP_LIST_FILES, R"({"data":[null]})");
}

TEST(BatchReply, of_files_that_went_and_files_that_come_only_the_status_counts) {
    BatchPlugin batch;
    for (const std::int32_t step : {ECO2_BATCH_STEP_DELETE_FILE, ECO2_BATCH_STEP_DOWNLOAD}) {
        ASSERT_TRUE(batch.reply(step, 204, "", [](const eco2_batch_reply& reply) { EXPECT_EQ(reply.error, nullptr); }));
    }
}

TEST(BatchReply, only_a_refusal_that_says_so_proves_that_nothing_was_done) {
    struct Row {
        int status;
        std::string_view body;
        bool is_proof;
        std::int32_t error_class;
    };
    constexpr std::string_view kError = R"({"error":{"message":"no","type":"invalid_request_error"}})";
    const Row rows[] = {
        {400, kError, true, ECO2_CLASS_CALLER_FAULT},
        {401, kError, true, ECO2_CLASS_KEY_FAULT},
        {403, kError, true, ECO2_CLASS_KEY_FAULT},
        {404, kError, true, ECO2_CLASS_CALLER_FAULT},
        {413, kError, true, ECO2_CLASS_CALLER_FAULT},
        {422, R"({"detail":[{"msg":"field required"}]})", true, ECO2_CLASS_CALLER_FAULT},
        {429, kError, true, ECO2_CLASS_LIMITED},
        {400, R"({"error":"words"})", true, ECO2_CLASS_CALLER_FAULT},
        {400, R"({"object":"error","message":"words"})", true, ECO2_CLASS_CALLER_FAULT},
        {408, kError, false, ECO2_CLASS_PROVIDER_FAULT},
        {409, kError, false, ECO2_CLASS_PROVIDER_FAULT},
        {429, "", false, ECO2_CLASS_LIMITED},
        {400, "", false, ECO2_CLASS_CALLER_FAULT},
        {404, "<html>not here</html>", false, ECO2_CLASS_CALLER_FAULT},
        {400, R"({"error":{"mess)", false, ECO2_CLASS_CALLER_FAULT},
        {400, R"({"error":null})", false, ECO2_CLASS_CALLER_FAULT},
        {400, R"({"error":{}})", false, ECO2_CLASS_CALLER_FAULT},
        {400, R"([])", false, ECO2_CLASS_CALLER_FAULT},
        {500, kError, false, ECO2_CLASS_PROVIDER_FAULT},
        {502, "", false, ECO2_CLASS_PROVIDER_FAULT},
        {503, kError, false, ECO2_CLASS_OVERLOADED},
        {504, kError, false, ECO2_CLASS_PROVIDER_FAULT},
        {302, "", false, ECO2_CLASS_PROVIDER_FAULT},
    };
    BatchPlugin batch;
    for (const Row& row : rows) {
        for (const std::int32_t step : {ECO2_BATCH_STEP_CREATE, ECO2_BATCH_STEP_DOWNLOAD}) {
            ASSERT_TRUE(batch.reply(step, row.status, row.body, [&](const eco2_batch_reply& reply) {
                ASSERT_NE(reply.error, nullptr) << row.status << row.body;
                EXPECT_EQ((reply.flags & ECO2_BATCH_NOTHING_DONE) != 0, row.is_proof) << row.status << row.body;
                EXPECT_EQ(reply.error->error_class, row.error_class) << row.status << row.body;
                EXPECT_EQ(reply.error->upstream_http_status, row.status);
            }));
        }
    }
}

TEST(BatchReply, a_refusal_tells_when_to_come_back) {
    BatchPlugin batch;
    ASSERT_TRUE(batch.reply(ECO2_BATCH_STEP_CREATE,
                            429,
                            R"({"error":{"message":"m","code":"rate_limit_exceeded"}})",
                            [](const eco2_batch_reply& reply) {
                                ASSERT_NE(reply.error, nullptr);
                                EXPECT_EQ(reply.error->retry_after_ms, 7'000);
                                EXPECT_EQ(text_of(reply.error->code), "rate_limit_exceeded");
                            },
                            {"retry-after", "7"}));
}

}  // namespace
}  // namespace eco2::tests
