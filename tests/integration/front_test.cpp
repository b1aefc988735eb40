#include "host_fixture.hpp"
#include "store/key_file.hpp"
#include "store/key_ring.hpp"
#include "support/raw_socket.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <thread>

namespace eco2::test {
namespace {

const std::string kScanAsModel =
    R"({"model":"pipeline/scan","messages":[{"role":"system","content":"ignored"},{"role":"user","content":[)"
    R"({"type":"text","text":"What is it?"},{"type":"image_url","image_url":{"url":"https://images.example.com/a.jpg"}}]}])";

/// The front door of a whole host, over real sockets.
class Front : public HostFixture {
protected:
    Reply chat(std::string_view body, std::string_view headers = {}) {
        return request("POST", "/v1/chat/completions", body, headers);
    }
    static boost::json::value error_of(const Reply& reply) { return boost::json::parse(reply.body).at("error"); }
};

TEST_F(Front, a_pipeline_answers_as_a_model) {
    start_host();
    const auto reply = chat(kScanAsModel + "}");
    ASSERT_EQ(reply.status, 200) << reply.body;
    const auto body = boost::json::parse(reply.body);
    EXPECT_EQ(body.at("model").as_string(), "pipeline/scan");
    const auto& result = body.at("eco2_result");
    EXPECT_EQ(result.at("status").as_string(), "completed");
    EXPECT_EQ(body.at("choices").at(0).at("message").at("content").as_string(),
              result.at("pipeline_result").at("final_answer").at("user_answer").as_string());
    EXPECT_GT(body.at("usage").at("total_tokens").as_int64(), 0);
    EXPECT_NE(reply.head.find("x-request-id: "), std::string::npos);
}

TEST_F(Front, a_pipeline_streams_its_words_and_ends_with_its_result) {
    start_host();
    const auto reply = chat(kScanAsModel + R"(,"stream":true,"stream_options":{"include_usage":true}})");
    ASSERT_EQ(reply.status, 200) << reply.body;
    EXPECT_NE(reply.head.find("text/event-stream"), std::string::npos);
    auto frames = reply.frames();
    ASSERT_GT(frames.size(), 4U);
    EXPECT_EQ(frames.back(), "[DONE]");
    frames.pop_back();
    std::string words;
    boost::json::value result;
    for (const auto& frame : frames) {
        const auto chunk = boost::json::parse(frame);
        for (const auto& choice : chunk.at("choices").as_array()) {
            if (const auto* content = choice.at("delta").as_object().if_contains("content")) {
                words += content->as_string();
            }
        }
        if (const auto* told = chunk.as_object().if_contains("eco2_result")) {
            result = *told;
        }
    }
    EXPECT_EQ(words, result.at("pipeline_result").at("final_answer").at("user_answer").as_string());
    EXPECT_GT(boost::json::parse(frames.back()).at("usage").at("total_tokens").as_int64(), 0);
}

TEST_F(Front, a_pipelines_photo_takes_the_same_way_as_a_scans) {
    start_host();
    auto body = kScanAsModel + "}";
    const auto with_url = [&](const std::string& url) {
        auto text = body;
        const std::string old = "https://images.example.com/a.jpg";
        return text.replace(text.find(old), old.size(), url);
    };
    EXPECT_EQ(error_of(chat(with_url("https://127.0.0.1/a.jpg"))).at("code").as_string(), "ssrf_blocked");
    EXPECT_EQ(error_of(chat(with_url("data:image/jpeg;base64,AAAA"))).at("type").as_string(), "invalid_request_error");
    const auto none = chat(R"({"model":"pipeline/scan","stream":true,"messages":[{"role":"user","content":"x"}]})");
    EXPECT_EQ(none.status, 400);
    EXPECT_EQ(error_of(none).at("code").as_string(), "image_url_required");
}

TEST_F(Front, a_pipelines_failure_is_an_error) {
    start_host();
    fake(R"({"fault":"status","status":400,"kind":"vision"})");  // a stage's request: no fault of the client's
    const auto reply = chat(kScanAsModel + "}");
    EXPECT_EQ(reply.status, 502);
    EXPECT_EQ(error_of(reply).at("type").as_string(), "server_error");
}

TEST_F(Front, a_model_is_answered_by_the_provider) {
    start_host();
    const auto reply = chat(R"({"model":"gpt-x","messages":[{"role":"user","content":"hello"}]})", "x-request-id: mine-7\r\n");
    ASSERT_EQ(reply.status, 200) << reply.body;
    const auto body = boost::json::parse(reply.body);
    EXPECT_FALSE(body.at("choices").at(0).at("message").at("content").as_string().empty());
    EXPECT_EQ(body.at("choices").at(0).at("finish_reason").as_string(), "stop");
    EXPECT_GT(body.at("usage").at("total_tokens").as_int64(), 0);
    EXPECT_NE(reply.head.find("x-request-id: mine-7"), std::string::npos);
    const auto stream = chat(R"({"model":"gpt-x","stream":true,"messages":[{"role":"user","content":"hello"}]})");
    ASSERT_EQ(stream.status, 200);
    EXPECT_EQ(stream.frames().back(), "[DONE]");
}

TEST_F(Front, a_client_that_goes_closes_the_upstream_within_50_ms) {
    start_host();
    fake(R"({"fault":"silence"})");
    for (const auto* stream : {"true", "false"}) {
        const auto before = fake_stats().cancelled;
        auto socket = RawSocket::connect(port());
        socket.send(request_text(
            "POST",
            "/v1/chat/completions",
            R"({"model":"gpt-x","messages":[{"role":"user","content":"hello"}],"stream":)" + std::string(stream) + "}"));
        ASSERT_TRUE(eventually([&] { return fake_stats().open > 0; }));
        const auto left = std::chrono::steady_clock::now();
        socket.close();
        ASSERT_TRUE(eventually([&] { return fake_stats().cancelled > before; }));
        EXPECT_LT(std::chrono::steady_clock::now() - left, std::chrono::milliseconds(50)) << stream;
    }
}

/// Whatever way a key's money is spent: its cap is one, and a run's stages are booked on it too.
TEST_F(Front, what_a_key_may_spend_counts_over_chats_pipelines_and_runs) {
    const auto copy = directory_ / "config";
    std::filesystem::copy(config_file.parent_path(), copy, std::filesystem::copy_options::recursive);
    config_file = copy / "eco2.toml";
    std::ifstream in(config_file);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::string off = "#mode = \"none\"";
    ASSERT_NE(text.find(off), std::string::npos);
    std::ofstream(config_file) << text.replace(text.find(off), off.size(), "mode = \"key\"");
    std::filesystem::create_directories(data_dir());
    auto made = store::make_key(system_clock());
    made.key.user_id = "11111111-2222-3333-4444-555555555555";
    made.key.spend_max_picousd = 1;
    store::KeyFile file(data_dir() / "keys.db");
    ASSERT_TRUE(file.prepare());
    ASSERT_TRUE(file.add(made.key));
    start_host();
    const auto bearer = "authorization: Bearer " + made.text + "\r\n";
    EXPECT_EQ(chat(kScanAsModel + "}", bearer).status, 200);
    EXPECT_GT(host_->ledger()->spent("key:" + made.key.id), 0);
    const auto before = fake_stats().requests;
    const auto refused = chat(kScanAsModel + "}", bearer);
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(error_of(refused).at("code").as_string(), "insufficient_quota");
    EXPECT_EQ(chat(R"({"model":"gpt-5.2","messages":[{"role":"user","content":"hi"}]})", bearer).status, 429);
    for (const auto* path : {"/api/v1/scan", "/api/v1/scan/classify", "/api/v1/scan/classify/completion"}) {
        EXPECT_EQ(request("POST", path, kUrlBody, bearer).status, 429) << path;
    }
    EXPECT_EQ(fake_stats().requests, before);
}

TEST_F(Front, everything_under_v1_fails_in_openais_shape) {
    start_host();
    EXPECT_EQ(error_of(request("GET", "/v1/nothing")).at("code").as_string(), "not_found");
    const auto method = request("DELETE", "/v1/chat/completions");
    EXPECT_EQ(method.status, 405);
    EXPECT_EQ(error_of(method).at("code").as_string(), "method_not_allowed");
    EXPECT_NE(method.head.find("allow: POST"), std::string::npos);
    EXPECT_EQ(error_of(chat("{")).at("code").as_string(), "invalid_json");
    const auto large = request("POST", "/v1/chat/completions", {}, "content-length: 999999999\r\n");
    EXPECT_EQ(large.status, 413) << large.body;
    EXPECT_EQ(error_of(large).at("code").as_string(), "body_too_large");
    EXPECT_NE(large.body.find("\"code\":\"BODY_TOO_LARGE\""), std::string::npos) << "and the host's own shape";
    host_->drain();
    const auto draining = chat(kScanAsModel + "}");
    EXPECT_EQ(draining.status, 503);
    EXPECT_NE(draining.head.find("retry-after: 1"), std::string::npos);
}

TEST_F(Front, models_are_the_pipelines_where_no_route_has_a_name) {
    start_host();
    const auto list = boost::json::parse(request("GET", "/v1/models").body);
    std::vector<std::string> names;
    for (const auto& model : list.at("data").as_array()) {
        names.emplace_back(model.at("id").as_string());
    }
    EXPECT_NE(std::find(names.begin(), names.end(), "pipeline/scan"), names.end());
    EXPECT_EQ(request("GET", "/v1/models/pipeline%2Fscan").status, 200);
    EXPECT_EQ(request("GET", "/v1/models/pipeline/scan").status, 200);
    EXPECT_EQ(request("GET", "/v1/models/pipeline/none").status, 404);
}

TEST_F(Front, equal_requests_on_many_connections_are_one_upstream_call) {
    start_host();
    fake(R"({"latency":{"answer_ms":2000,"first_token_ms":1500}})");
    const auto before = fake_stats().requests;
    std::vector<std::thread> clients;
    std::vector<Reply> replies(6);
    for (auto& reply : replies) {
        clients.emplace_back([&] {
            reply = chat(R"({"model":"gpt-x","stream":true,"messages":[{"role":"user","content":"hello"}]})",
                         "idempotency-key: one\r\n");
        });
    }
    for (auto& client : clients) {
        client.join();
    }
    for (const auto& reply : replies) {
        EXPECT_EQ(reply.status, 200);
        EXPECT_TRUE(reply.is_whole);
        EXPECT_EQ(reply.body, replies[0].body);
        EXPECT_EQ(reply.frames().back(), "[DONE]");
    }
    EXPECT_EQ(fake_stats().requests, before + 1);
}

}  // namespace
}  // namespace eco2::test
