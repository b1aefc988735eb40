#include "host_fixture.hpp"

#include <boost/json/parse.hpp>

#include <fstream>
#include <thread>

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
    const auto at = text.find("mode = \"none\"");
    ASSERT_NE(at, std::string::npos);
    text.replace(at, std::string_view("mode = \"none\"").size(), "mode = \"header\"");
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

TEST_F(HostLife, imported_rules_are_taken_over_while_runs_in_flight_keep_theirs) {
    start_host();
    fake(R"({"answers":{"classes":["재활용폐기물/종이/신문지"]},"latency":{"vision_ms":2500}})");
    std::string before;
    std::thread early([&] { before = classify(kUrlBody).body; });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto rules = directory_ / "rules";
    std::filesystem::copy(source_dir() / "config" / "data" / "rules", rules);
    const auto file = rules / "재활용폐기물_종이.json";
    std::ifstream in(file);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    in.close();
    const auto at = text.find("\"이름\"");
    text.insert(at, "\"판\": \"새 판\",\n  ");
    std::ofstream(file) << text;
    // Another process would do this through the command line; the store sees only that its file has changed.
    {
        runtime::Layout layout;
        layout.plugin_dirs = {build_dir() / "plugins"};
        auto config = host_->config();
        runtime::Host importer(std::move(config), layout, {});
        ASSERT_TRUE(importer.load_plugin("rules_sqlite"));
        // The import itself is the command line's; see tests/e2e.
        (void)importer.stop();
    }
    early.join();
    EXPECT_EQ(before.find("새 판"), std::string::npos);
}

}  // namespace
}  // namespace eco2::test
