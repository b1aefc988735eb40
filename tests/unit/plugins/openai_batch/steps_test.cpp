#include "fixture.hpp"

#include "eco2/abi/services.h"

namespace eco2::tests {
namespace {

/// "METHOD url\nname: value\n...\n\nbody"; an upload's two halves are joined by "<FILE>".
std::string shown(const eco2_batch_request& request) {
    std::string out = std::string(text_of(request.method)) + " " + std::string(text_of(request.url)) + "\n";
    for (std::size_t i = 0; i < request.header_count; ++i) {
        out += std::string(text_of(request.headers[2 * i])) + ": " + std::string(text_of(request.headers[2 * i + 1])) + "\n";
    }
    out += "\n" + std::string(text_of(request.body));
    return request.body_end.size == 0 ? out : out + "<FILE>" + std::string(text_of(request.body_end));
}

std::string step(std::int32_t which, std::string_view id = {}, std::string_view config = kBatchConfig) {
    BatchPlugin batch(config);
    eco2_batch_ask ask = BatchPlugin::ask(which);
    ask.id = plugin::to_abi(id);
    ask.file_name = plugin::to_abi(std::string_view("s1.jsonl"));
    std::string out;
    return batch.write(ask, [&](const eco2_batch_request& request) { out = shown(request); }) ? out : batch.error.code;
}

constexpr std::string_view kKeyed = "accept: application/json\nauthorization: Bearer {eco2:key}\n\n";

TEST(BatchStep, an_upload_is_a_form_around_the_files_bytes) {
    EXPECT_EQ(step(ECO2_BATCH_STEP_UPLOAD, {}, R"({"base_url":"https://api.test/v1","files_expire_s":3600})"),
              "POST https://api.test/v1/files\n"
              "content-type: multipart/form-data; boundary=eco2-batch-file\n"
              "accept: application/json\n"
              "authorization: Bearer {eco2:key}\n"
              "\n"
              "--eco2-batch-file\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
              "--eco2-batch-file\r\nContent-Disposition: form-data; name=\"expires_after[anchor]\"\r\n\r\ncreated_at\r\n"
              "--eco2-batch-file\r\nContent-Disposition: form-data; name=\"expires_after[seconds]\"\r\n\r\n3600\r\n"
              "--eco2-batch-file\r\nContent-Disposition: form-data; name=\"file\"; filename=\"s1.jsonl\"\r\n"
              "Content-Type: application/jsonl\r\n\r\n"
              "<FILE>\r\n--eco2-batch-file--\r\n");
}

TEST(BatchStep, a_file_name_stays_inside_its_quotes) {
    BatchPlugin batch;
    eco2_batch_ask ask = BatchPlugin::ask(ECO2_BATCH_STEP_UPLOAD);
    ask.file_name = plugin::to_abi(std::string_view("a\"\r\nx: y.jsonl"));
    ASSERT_TRUE(batch.write(ask, [](const eco2_batch_request& request) {
        EXPECT_NE(text_of(request.body).find("filename=\"a%22%0D%0Ax: y.jsonl\"\r\n"), std::string_view::npos);
    }));
    ask.file_name = {};
    EXPECT_FALSE(batch.write(ask));
}

TEST(BatchStep, each_has_its_method_and_path) {
    EXPECT_EQ(step(ECO2_BATCH_STEP_LIST_FILES),
              "GET https://api.test/v1/files?purpose=batch&limit=100&order=desc\n" + std::string(kKeyed));
    EXPECT_EQ(step(ECO2_BATCH_STEP_DELETE_FILE, "file-1"), "DELETE https://api.test/v1/files/file-1\n" + std::string(kKeyed));
    EXPECT_EQ(step(ECO2_BATCH_STEP_DOWNLOAD, "file-1"),
              "GET https://api.test/v1/files/file-1/content\naccept: */*\nauthorization: Bearer {eco2:key}\n\n");
    EXPECT_EQ(step(ECO2_BATCH_STEP_RETRIEVE, "batch_1"), "GET https://api.test/v1/batches/batch_1\n" + std::string(kKeyed));
    EXPECT_EQ(step(ECO2_BATCH_STEP_LIST), "GET https://api.test/v1/batches?limit=100\n" + std::string(kKeyed));
    EXPECT_EQ(step(ECO2_BATCH_STEP_CANCEL, "batch_1"),
              "POST https://api.test/v1/batches/batch_1/cancel\n" + std::string(kKeyed));
    EXPECT_EQ(step(99), "unknown_step");
}

TEST(BatchStep, a_creation_names_file_endpoint_window_and_tag) {
    BatchPlugin batch;
    eco2_batch_ask ask = BatchPlugin::ask(ECO2_BATCH_STEP_CREATE);
    ask.id = plugin::to_abi(std::string_view("file-1"));
    ask.tag = plugin::to_abi(std::string_view("s-1"));
    ask.job = plugin::to_abi(std::string_view("night \"run\""));
    ASSERT_TRUE(batch.write(ask, [](const eco2_batch_request& request) {
        EXPECT_EQ(shown(request),
                  "POST https://api.test/v1/batches\ncontent-type: application/json\n" + std::string(kKeyed) +
                      R"({"input_file_id":"file-1","endpoint":"/v1/chat/completions","completion_window":"24h",)"
                      R"("metadata":{"eco2_shard":"s-1","eco2_job":"night \"run\""}})");
    }));
    const std::string long_text(600, 'x');
    ask.job = plugin::to_abi(std::string_view(long_text));
    ASSERT_TRUE(batch.write(ask, [](const eco2_batch_request& request) {
        EXPECT_NE(text_of(request.body).find("\"" + std::string(512, 'x') + "\""), std::string_view::npos);
    }));
    ask.tag = plugin::to_abi(std::string_view(long_text));
    EXPECT_FALSE(batch.write(ask));

    BatchPlugin bare(R"({"base_url":"https://api.test/v1","metadata":false})");
    ask.tag = plugin::to_abi(std::string_view("s-1"));
    ASSERT_TRUE(bare.write(ask, [](const eco2_batch_request& request) {
        EXPECT_EQ(text_of(request.body).find("metadata"), std::string_view::npos);
    }));
}

TEST(BatchStep, an_id_cannot_leave_its_place_in_the_path) {
    EXPECT_EQ(step(ECO2_BATCH_STEP_RETRIEVE, "../files?x=1#"),
              "GET https://api.test/v1/batches/..%2Ffiles%3Fx%3D1%23\n" + std::string(kKeyed));
    for (const std::int32_t which : {ECO2_BATCH_STEP_DELETE_FILE,
                                     ECO2_BATCH_STEP_DOWNLOAD,
                                     ECO2_BATCH_STEP_CREATE,
                                     ECO2_BATCH_STEP_RETRIEVE,
                                     ECO2_BATCH_STEP_CANCEL}) {
        EXPECT_EQ(step(which, ""), "invalid_ask") << which;
    }
    EXPECT_EQ(step(ECO2_BATCH_STEP_DELETE_FILE, ".."), "invalid_ask");
}

TEST(BatchStep, azure_has_its_query_and_its_header) {
    const std::string_view azure = R"({"base_url":"https://n.test/openai","query":{"api-version":"2024-10-21"},)"
                                   R"("organization":"o","project":"p","extra_headers":{"Api-Key":"{eco2:key}"}})";
    EXPECT_EQ(step(ECO2_BATCH_STEP_RETRIEVE, "b", azure),
              "GET https://n.test/openai/batches/b?api-version=2024-10-21\naccept: application/json\n"
              "openai-organization: o\nopenai-project: p\napi-key: {eco2:key}\n\n");
    EXPECT_EQ(step(ECO2_BATCH_STEP_LIST, {}, azure),
              "GET https://n.test/openai/batches?api-version=2024-10-21&limit=100\naccept: application/json\n"
              "openai-organization: o\nopenai-project: p\napi-key: {eco2:key}\n\n");
}

TEST(BatchStep, pages_go_on_and_without_a_key_nothing_is_authorized) {
    BatchPlugin batch;
    eco2_batch_ask ask = BatchPlugin::ask(ECO2_BATCH_STEP_LIST);
    ask.key = 0;
    ask.page_after = plugin::to_abi(std::string_view("batch_&9"));
    ASSERT_TRUE(batch.write(ask, [](const eco2_batch_request& request) {
        EXPECT_EQ(shown(request), "GET https://api.test/v1/batches?limit=100&after=batch_%269\naccept: application/json\n\n");
    }));
}

}  // namespace
}  // namespace eco2::tests
