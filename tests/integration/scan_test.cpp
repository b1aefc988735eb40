#include "base/text.hpp"
#include "host_fixture.hpp"
#include "support/raw_socket.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <chrono>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

namespace eco2::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class Scan : public HostFixture {
protected:
    /// The result of the last frame, or null.
    static boost::json::value result_of(const Reply& reply) {
        const auto frames = reply.frames();
        if (frames.empty()) {
            return nullptr;
        }
        const auto last = boost::json::parse(frames.back());
        const auto* result = last.as_object().if_contains("result");
        return result == nullptr ? boost::json::value(nullptr) : *result;
    }

    static std::string read(const std::filesystem::path& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static std::string photo_body(const std::filesystem::path& file) {
        return R"({"image":"data:image/jpeg;base64,)" + base64_encode(read(file)) + "\"}";
    }
};

TEST_F(Scan, tells_every_stage_once_and_the_result_last) {
    start_host();
    const auto reply = scan(kUrlBody);
    ASSERT_EQ(reply.status, 200) << reply.body;
    const auto head = to_lower_ascii(reply.head);
    EXPECT_NE(head.find("content-type: text/event-stream"), std::string::npos) << head;
    EXPECT_NE(head.find("cache-control: no-cache"), std::string::npos);
    EXPECT_NE(head.find("x-accel-buffering: no"), std::string::npos);
    const auto frames = reply.frames();
    ASSERT_EQ(frames.size(), 9U) << reply.body;
    EXPECT_TRUE(frames[0].starts_with(R"({"status":"started","task_id":")"));
    const char* expected[] = {R"({"step":"vision","status":"started","progress":0})",
                              R"({"step":"vision","status":"completed","progress":25})",
                              R"({"step":"rule","status":"started","progress":25})",
                              R"({"step":"rule","status":"completed","progress":50})",
                              R"({"step":"answer","status":"started","progress":50})",
                              R"({"step":"answer","status":"completed","progress":75})",
                              R"({"step":"reward","status":"started","progress":75})"};
    for (std::size_t i = 0; i < std::size(expected); ++i) {
        EXPECT_EQ(frames[i + 1], expected[i]);
    }
    EXPECT_TRUE(frames[8].starts_with(R"({"step":"reward","status":"completed","progress":100,"result":{"task_id":")"));
    const auto result = result_of(reply);
    EXPECT_EQ(result.at("status"), "completed");
    EXPECT_FALSE(result.at("pipeline_result").at("disposal_rules").is_null());
    EXPECT_FALSE(result.at("reward").is_null()) << "no null reward from the first request on";
    EXPECT_TRUE(result.at("reward_reason").is_null());
    EXPECT_EQ(reply.body.find("event:"), std::string::npos);
    EXPECT_EQ(reply.body.find("id:"), std::string::npos);
}

TEST_F(Scan, the_whole_answer_has_the_streams_result) {
    start_host();
    const auto reply = classify(kUrlBody);
    ASSERT_EQ(reply.status, 200);
    const auto result = boost::json::parse(reply.body).as_object();
    std::string keys;
    for (const auto& [key, value] : result) {
        keys += std::string(key) + " ";
    }
    EXPECT_EQ(keys, "task_id status message pipeline_result reward error reward_reason provider usage ");
    EXPECT_EQ(result.at("provider").at("vision"), "openai");
    EXPECT_GT(result.at("usage").at("answer").at("input_tokens").as_int64(), 0);
}

struct ClassCase {
    std::string_view names;  // as the provider says them
    bool has_rule;
    std::string_view reason;  // empty: a reward
};

TEST_F(Scan, every_class_finds_its_rule_and_its_reward_or_its_reason) {
    start_host();
    std::vector<ClassCase> cases;
    for (const auto* middle : {"종이",
                               "종이팩",
                               "무색페트병",
                               "플라스틱류",
                               "비닐류",
                               "발포합성수지",
                               "유리병",
                               "금속류",
                               "의류및원단",
                               "전지",
                               "조명제품",
                               "전기전자제품"}) {
        static std::set<std::string> names;
        cases.push_back({*names.insert("재활용폐기물/" + std::string(middle) + "/x").first, true, ""});
    }
    for (const ClassCase& other : std::initializer_list<ClassCase>{
             {"일반종량제폐기물/일반종량제폐기물/x", true, "not_recyclable"},
             {"불연성종량제폐기물/불연성종량제폐기물", true, "not_recyclable"},
             {"음식물류폐기물/음식물류폐기물", true, "not_recyclable"},
             {"공사장생활폐기물/공사장생활폐기물", true, "not_recyclable"},
             {"대형폐기물/대형폐기물", true, "not_recyclable"},
             {"생활계유해폐기물/생활계유해폐기물", true, "not_recyclable"},
             {"미분류/미분류", false, "not_recyclable"},
             {"재활용폐기물/없는분류", false, "no_rule"},
         }) {
        cases.push_back(other);
    }
    std::set<std::string> characters;
    for (const auto& [names, has_rule, reason] : cases) {
        fake(R"({"answers":{"classes":[")" + std::string(names) + R"("]}})");
        const auto result = boost::json::parse(classify(kUrlBody).body).as_object();
        EXPECT_EQ(result.at("status"), "completed") << names;
        EXPECT_EQ(!result.at("pipeline_result").at("disposal_rules").is_null(), has_rule) << names;
        EXPECT_EQ(result.at("reward").is_null(), !reason.empty()) << names;
        if (reason.empty()) {
            EXPECT_TRUE(result.at("reward_reason").is_null()) << names;
            characters.emplace(result.at("reward").at("name").as_string());
        } else {
            EXPECT_EQ(std::string(result.at("reward_reason").as_string()), reason) << names;
        }
    }
    EXPECT_EQ(characters.size(), 12U);
}

TEST_F(Scan, what_the_user_still_does_wrong_costs_the_reward) {
    start_host();
    fake(R"({"answers":{"insufficiencies":["라벨이 남아 있어요"]}})");
    EXPECT_EQ(boost::json::parse(classify(kUrlBody).body).at("reward_reason"), "insufficient");
    fake(R"({"answers":{"insufficiencies":["  ",""]}})");
    EXPECT_TRUE(boost::json::parse(classify(kUrlBody).body).at("reward_reason").is_null());
}

TEST_F(Scan, every_fault_of_the_provider_ends_the_stream_at_once_and_leaves_the_host_well) {
    start_host();
    for (const auto& [fault, code] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
             {R"({"fault":"status","status":400})", "PROVIDER_REJECTED"},
             {R"({"fault":"status","status":401})", "PROVIDER_KEY"},
             {R"({"fault":"status","status":403})", "PROVIDER_KEY"},
             {R"({"fault":"status","status":404})", "PROVIDER_REJECTED"},
             {R"({"fault":"status","status":429})", "PROVIDER_LIMITED"},
             {R"({"fault":"insufficient_quota"})", "PROVIDER_KEY"},
             {R"({"fault":"context_length"})", "PROVIDER_CONTEXT_LENGTH"},
             {R"({"fault":"status","status":500})", "PROVIDER_ERROR"},
             {R"({"fault":"status","status":502})", "PROVIDER_ERROR"},
             {R"({"fault":"status","status":503})", "PROVIDER_OVERLOADED"},
             {R"({"fault":"html_error","status":502})", "PROVIDER_ERROR"},
             {R"({"fault":"reset_before_head"})", "PROVIDER_RESET"},
             {R"({"fault":"reset_after_head"})", "PROVIDER_RESET"},
             {R"({"fault":"cut_stream_after_n_chunks","after_chunks":1})", "PROVIDER_RESET"},
             {R"({"fault":"garbage_head"})", "PROVIDER_BAD_ANSWER"},
             {R"({"fault":"garbage_body"})", "PROVIDER_BAD_ANSWER"},
             {R"({"fault":"wrong_schema"})", "PROVIDER_BAD_ANSWER"},
             {R"({"fault":"empty_choices"})", "PROVIDER_BAD_ANSWER"},
             {R"({"fault":"huge_body"})", "PROVIDER_BAD_ANSWER"},
             {R"({"fault":"refusal"})", "PROVIDER_REFUSED"},
             {R"({"fault":"content_filter"})", "PROVIDER_REFUSED"},
         }) {
        fake(fault);
        const auto started = steady_clock::now();
        const auto frames = scan(kUrlBody).frames();
        // A body that is too large is known to be so when megabytes of it have come, which is the machine's affair.
        const bool is_known_late = fault.find("huge_body") != std::string_view::npos;
        EXPECT_TRUE(is_known_late || steady_clock::now() - started < std::chrono::seconds(1)) << fault;
        ASSERT_EQ(frames.size(), 3U) << fault;
        const auto last = boost::json::parse(frames.back());
        EXPECT_EQ(last.at("status"), "failed") << fault;
        EXPECT_EQ(last.at("step"), "vision") << fault;
        EXPECT_EQ(std::string(last.at("error").as_string()), code) << fault << " " << frames.back();
        EXPECT_FALSE(last.at("message").as_string().empty()) << fault;
        EXPECT_EQ(std::string(boost::json::parse(classify(kUrlBody).body).at("error").as_string()), code) << fault;
    }
    fake(R"({"fault":"none"})");
    EXPECT_EQ(scan(kUrlBody).frames().size(), 9U);
    EXPECT_EQ(host_->runs_active(), 0U);
}

TEST_F(Scan, a_fault_in_the_answer_stage_says_so) {
    start_host();
    fake(R"({"fault":"status","status":500,"kind":"answer"})");
    const auto frames = scan(kUrlBody).frames();
    EXPECT_EQ(frames.size(), 7U);
    EXPECT_TRUE(frames.back().starts_with(R"({"step":"answer","status":"failed","progress":50,"error":"PROVIDER_ERROR")"));
}

TEST_F(Scan, a_provider_that_quotes_the_key_tells_it_to_nobody) {
    start_host();
    const std::string& key = environment["OPENAI_API_KEY"];
    fake(R"({"fault":"status","status":400,"message":"key )" + key + R"( may not use this model"})");
    const auto streamed = scan(kUrlBody);
    EXPECT_TRUE(streamed.frames().back().find("may not use this model") != std::string::npos) << streamed.body;
    EXPECT_EQ(streamed.body.find(key), std::string::npos) << streamed.body;
    EXPECT_EQ(classify(kUrlBody).body.find(key), std::string::npos);
}

TEST_F(Scan, a_class_outside_the_taxonomy_is_never_passed_on) {
    start_host();
    fake(R"({"fault":"outside_taxonomy"})");
    const auto result = result_of(scan(kUrlBody));
    const auto& names = result.at("pipeline_result").at("classification_result").at("classification");
    EXPECT_EQ(names.at("major_category"), "미분류");
    EXPECT_EQ(names.at("middle_category"), "미분류");
}

TEST_F(Scan, a_client_that_goes_takes_its_run_and_the_upstream_request_with_it) {
    start_host();
    fake(R"({"latency":{"vision_ms":60000}})");
    for (const auto* path : {"/api/v1/scan/classify/completion", "/api/v1/scan/classify"}) {
        const auto before = fake_stats().cancelled;
        {
            auto socket = RawSocket::connect(port());
            socket.send("POST " + std::string(path) +
                        " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(kUrlBody.size()) + "\r\n\r\n" + kUrlBody);
            ASSERT_TRUE(eventually([&] { return fake_stats().open > 0; })) << path;
        }
        EXPECT_TRUE(eventually([&] { return fake_stats().cancelled == before + 1 && host_->runs_active() == 0; })) << path;
    }
}

TEST_F(Scan, requests_that_cannot_become_runs_are_told_why) {
    environment["ECO2_IMAGE_HOSTS"] = "images.example.com";
    start_host();
    struct Case {
        std::string_view body;
        int status;
        std::string_view code;
    };
    for (const auto& [body, status, code] : std::initializer_list<Case>{
             {"", 422, "INVALID_JSON"},
             {"{", 422, "INVALID_JSON"},
             {"[]", 422, "INVALID_JSON"},
             {R"({"image_url":7})", 422, "INVALID_FIELD"},
             {R"({"image_url":"https://images.example.com/a.jpg","model":"nope"})", 400, "UNSUPPORTED_MODEL"},
             {R"({"image":"data:image/png;base64,!"})", 422, "INVALID_FIELD"},
             {R"({"image":"data:image/png;base64,"})", 400, "IMAGE_EMPTY"},
             {R"({"image":"data:image/png;base64,aGVsbG8gd29ybGQ="})", 415, "IMAGE_UNSUPPORTED"},
         }) {
        for (const auto* path : {"/api/v1/scan/classify", "/api/v1/scan/classify/completion"}) {
            const auto reply = request("POST", path, body);
            EXPECT_EQ(reply.status, status) << body;
            EXPECT_EQ(std::string(boost::json::parse(reply.body).at("code").as_string()), code) << body;
        }
    }
    for (const auto& [body, code] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
             {"{}", "IMAGE_URL_REQUIRED"},
             {R"({"image_url":""})", "IMAGE_URL_REQUIRED"},
             {R"({"image_url":"http://images.example.com/a.jpg"})", "HTTPS_REQUIRED"},
             {R"({"image_url":"https://evil.example.com/a.jpg"})", "INVALID_HOST"},
         }) {
        EXPECT_EQ(scan(body).body, "data: {\"status\":\"error\",\"error\":\"" + std::string(code) + "\"}\n\n");
        const auto whole = boost::json::parse(classify(body).body);
        EXPECT_EQ(whole.at("status"), "failed");
        EXPECT_EQ(std::string(whole.at("error").as_string()), code);
    }
    EXPECT_EQ(fake_stats().requests, 0U) << "nothing of this cost anything";
}

TEST_F(Scan, private_addresses_are_refused) {
    start_host();
    for (const auto* url : {"https://127.0.0.1/a.jpg",
                            "https://localhost/a.jpg",
                            "https://10.0.0.1/a.jpg",
                            "https://[::1]/a.jpg",
                            "https://2130706433/a.jpg",
                            "https://169.254.169.254/latest"}) {
        EXPECT_NE(scan(R"({"image_url":")" + std::string(url) + "\"}").body.find("SSRF_BLOCKED"), std::string::npos) << url;
    }
}

TEST_F(Scan, an_inline_photo_goes_clean_to_the_provider) {
    start_host();
    const auto reply = scan(photo_body(source_dir() / "tests/support/photos/pet_bottle.jpg"));
    ASSERT_EQ(reply.frames().size(), 9U) << reply.body;
    const auto stats = fake_stats();
    ASSERT_FALSE(stats.bodies.empty());
}

TEST_F(Scan, a_bad_photo_costs_nothing) {
    start_host();
    for (const auto& [file, status] :
         std::initializer_list<std::pair<std::string_view, int>>{{"text-file.jpg", 415},
                                                                 {"html-with-jpeg-magic.jpg", 400},
                                                                 {"truncated-half.jpg", 400},
                                                                 {"animated.gif", 415},
                                                                 {"script.svg", 415},
                                                                 {"one-pixel.png", 422},
                                                                 {"bomb-30000x30000-1bit.png", 413},
                                                                 {"heic-like-header.heic", 415}}) {
        const auto reply = scan(photo_body(source_dir() / "tests/support/bad_images" / file));
        EXPECT_EQ(reply.status, status) << file << " " << reply.body;
    }
    EXPECT_EQ(fake_stats().requests, 0U);
}

TEST_F(Scan, categories_are_the_taxonomys) {
    start_host();
    const auto categories = boost::json::parse(request("GET", "/api/v1/scan/categories").body).as_array();
    ASSERT_EQ(categories.size(), 6U);
    EXPECT_EQ(categories[0].at("id"), 1);
    EXPECT_EQ(categories[0].at("name"), "재활용폐기물");
    EXPECT_EQ(categories[0].at("instructions").as_array().size(), 12U);
    EXPECT_EQ(boost::json::parse(request("GET", "/api/v1/scan/metrics").body).at("supported_categories"), 6);
}

TEST_F(Scan, grants_are_written_once_a_user_and_character) {
    start_host();
    fake(R"({"answers":{"classes":["재활용폐기물/유리병/소주병"]}})");
    std::vector<std::thread> users;
    for (int i = 0; i < 16; ++i) {
        users.emplace_back([&] { EXPECT_EQ(scan(kUrlBody).frames().size(), 9U); });
    }
    for (auto& user : users) {
        user.join();
    }
    const auto grants = host_->grants().grants_of("00000000-0000-0000-0000-000000000000");
    ASSERT_TRUE(grants);
    EXPECT_EQ(grants.value().size(), 1U);
    EXPECT_EQ(grants.value()[0].code, "char-glassy");
}

TEST_F(Scan, english_is_asked_in_english) {
    start_host();
    const auto reply = request("POST",
                               "/api/v1/scan/classify",
                               R"({"image_url":"https://images.example.com/a.jpg","user_input":"hm?"})",
                               "Accept-Language: en-US\r\n");
    EXPECT_EQ(reply.status, 200);
    ASSERT_FALSE(fake_stats().bodies.empty());
    EXPECT_NE(fake_stats().bodies.front().find("You"), std::string::npos);
}

TEST_F(Scan, metrics_count_what_really_happened) {
    start_host();
    (void)scan(kUrlBody);
    fake(R"({"fault":"status","status":500})");
    (void)scan(kUrlBody);
    (void)scan("{}");
    ASSERT_TRUE(eventually([&] { return host_->runs_active() == 0; }));
    const auto text = request("GET", "/metrics").body;
    for (const auto* line : {"scan_sse_requests_total{status=\"success\"} 1\n",
                             "scan_sse_requests_total{status=\"failed\"} 1\n",
                             "scan_sse_requests_total{status=\"rejected\"} 1\n",
                             "scan_sse_connections_active 0\n",
                             "scan_sse_chain_duration_seconds_count 1\n",
                             "scan_sse_stage_duration_seconds_count{stage=\"answer\"} 1\n",
                             "eco2_provider_calls_total{outcome=\"PROVIDER_ERROR\",provider=\"openai\"} 1\n"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line;
    }
    // The probe looks every 50 ms: a fast run may be over before its first look.
    EXPECT_TRUE(eventually(
        [&] { return request("GET", "/metrics").body.find("eco2_event_loop_lag_seconds_bucket") != std::string::npos; }));
}

TEST_F(Scan, secrets_stand_in_no_log_line) {
    start_host();
    fake(R"({"fault":"status","status":401,"message":"Incorrect API key provided: test-key-0123456789"})");
    (void)scan(kUrlBody);
    for (const auto& line : log_lines()) {
        EXPECT_EQ(line.find("test-key-0123456789"), std::string::npos) << line;
    }
}

}  // namespace
}  // namespace eco2::test
