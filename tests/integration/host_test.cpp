#include "host_fixture.hpp"

#include <fstream>

namespace eco2::test {
namespace {

class HostLife : public HostFixture {};

TEST_F(HostLife, is_healthy_at_once_and_ready_when_all_is_loaded) {
    start_host();
    EXPECT_EQ(request("GET", "/health").body, R"({"status":"healthy","service":"scan-api"})");
    EXPECT_EQ(request("GET", "/ready").status, 200);
    host_->drain();
    const auto ready = request("GET", "/ready");
    EXPECT_EQ(ready.status, 503);
    EXPECT_NE(ready.body.find("draining"), std::string::npos);
    const auto refused = scan(kUrlBody);
    EXPECT_EQ(refused.status, 503);
    EXPECT_NE(refused.body.find("DRAINING"), std::string::npos);
    EXPECT_EQ(request("GET", "/health").status, 200);
}

TEST_F(HostLife, requests_that_net_refuses_are_counted) {
    start_host();
    EXPECT_EQ(request("GET", "/health", {}, "no colon here\r\n").status, 400);
    EXPECT_NE(request("GET", "/metrics").body.find("eco2_http_requests_total{route=\"refused\",status=\"400\"} 1\n"),
              std::string::npos);
}

TEST_F(HostLife, unknown_paths_and_methods_are_told_apart) {
    start_host();
    EXPECT_EQ(request("GET", "/nope").status, 404);
    const auto reply = request("GET", "/api/v1/scan/classify");
    EXPECT_EQ(reply.status, 405);
    EXPECT_NE(reply.head.find("allow: POST"), std::string::npos) << reply.head;
    EXPECT_EQ(request("GET", "/").status, 200);
}

TEST_F(HostLife, without_a_key_a_far_provider_is_refused_at_the_start) {
    environment.erase("OPENAI_API_KEY");
    environment["OPENAI_BASE_URL"] = "https://api.openai.com/v1";
    const auto started = try_start_host();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().detail.find("OPENAI_API_KEY"), std::string::npos) << started.error().text();
    const auto ready = request("GET", "/ready");
    EXPECT_EQ(ready.status, 503) << "a host that failed to load never claims to be ready";
}

TEST_F(HostLife, a_key_that_could_only_go_over_plain_http_is_refused_at_the_start) {
    environment["OPENAI_BASE_URL"] = "HTTP://models.example.com:8000/v1";
    const auto started = try_start_host();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::config_invalid);
    EXPECT_NE(started.error().detail.find("plain HTTP"), std::string::npos) << started.error().text();
}

TEST_F(HostLife, without_a_key_a_provider_on_this_machine_will_do) {
    environment.erase("OPENAI_API_KEY");
    start_host();
    EXPECT_EQ(scan(kUrlBody).frames().size(), 9U);
}

TEST_F(HostLife, users_are_named_by_trusted_peers_only) {
    const auto config = directory_ / "eco2.toml";
    std::filesystem::copy(build_dir() / "share" / "eco2", directory_, std::filesystem::copy_options::recursive);
    std::ifstream in(config);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    in.close();
    const std::string_view default_mode = "#mode = \"none\"";
    const auto at = text.find(default_mode);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, default_mode.size(), "mode = \"header\" ");
    std::ofstream(config) << text;
    config_file = config;
    start_host();
    EXPECT_EQ(scan(kUrlBody).status, 401);
    const auto reply = request("POST", "/api/v1/scan/classify/completion", kUrlBody, "x-user-id: bob\r\n");
    EXPECT_EQ(reply.status, 401);
    EXPECT_EQ(reply.body, R"({"detail":"Invalid x-user-id format","code":"UNAUTHORIZED"})");
    EXPECT_EQ(
        request("POST", "/api/v1/scan/classify/completion", kUrlBody, "x-user-id: 11111111-2222-3333-4444-555555555555\r\n")
            .frames()
            .size(),
        9U);
}

}  // namespace
}  // namespace eco2::test
