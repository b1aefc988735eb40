#include "e2e/programs.hpp"
#include "support/raw_socket.hpp"

#include <signal.h>

#include <thread>

namespace eco2::test {
namespace {

namespace fs = std::filesystem;

constexpr int kClients = 6;
constexpr int kRounds = 8;

class IoThreads : public Programs {
protected:
    /// Starts serve with the guard that tells calls that block on an I/O thread.
    void start_guarded() {
        const auto unguarded = environment;
        environment["LD_PRELOAD"] = build_dir() / "tests" / "eco2_blocking_guard.so";
        environment["ECO2_BLOCKING_GUARD_FILE"] = guard_file();
        start_serve();
        environment = unguarded;
    }
    fs::path guard_file() const { return directory / "guard.txt"; }
    std::string guard_tells() const { return fs::exists(guard_file()) ? read(guard_file()) : std::string(); }

    void client_aborts() const {
        for (const auto& path : {kScanPath, std::string_view("/api/v1/scan/classify")}) {
            auto socket = RawSocket::connect(serve_port_);
            socket.send(request_text("POST", path, kUrlBody));
            socket.reset();
        }
        auto halfway = RawSocket::connect(serve_port_);
        halfway.send(request_text("POST", kScanPath, photo_body("t_shirt.jpg")).substr(0, 20'000));
        halfway.reset();
    }

    /// What one client does in one round; every kind of request that the host knows, and some that it refuses.
    void one_round(int number) const {
        switch (number % 4) {
            case 0: EXPECT_EQ(scan(kUrlBody).frames().size(), 9U); break;
            case 1: EXPECT_EQ(scan(photo_body("pet_bottle.jpg")).frames().size(), 9U); break;
            case 2: EXPECT_EQ(classify(photo_body("carrot_peel.jpg")).status, 200); break;
            default: EXPECT_EQ(classify(kUrlBody).status, 200); break;
        }
        EXPECT_EQ(get("/metrics").status, 200);
        EXPECT_EQ(get("/ready").status, 200);
        EXPECT_EQ(get("/api/v1/scan/categories").status, 200);
        EXPECT_EQ(scan("{").status, 422);
        EXPECT_EQ(scan(R"({"image":"data:image/png;base64,aGVsbG8gd29ybGQ="})").status, 415);
        EXPECT_EQ(scan(std::string(200'000, '[')).status, 422);
        EXPECT_EQ(get("/nope").status, 404);
        client_aborts();
    }

    void everybody_at_once() const {
        std::vector<std::thread> clients;
        for (int client = 0; client < kClients; ++client) {
            clients.emplace_back([this, client] {
                for (int round = 0; round < kRounds; ++round) {
                    one_round(client + round);
                }
            });
        }
        for (auto& client : clients) {
            client.join();
        }
    }
};

TEST_F(IoThreads, never_block_whatever_clients_and_providers_do) {
    start_fake({"--vision-ms", "20", "--answer-ms", "20", "--jitter-percent", "50"});
    start_guarded();
    everybody_at_once();
    for (const auto* fault :
         {"status", "reset_before_head", "reset_after_head", "garbage_body", "html_error", "wrong_schema"}) {
        fake(R"({"fault":")" + std::string(fault) + "\"}");
        EXPECT_EQ(scan(kUrlBody).status, 200) << fault;
    }
    fake(R"({"fault":"none"})");
    const auto imported = run({"rules", "import", source_dir() / "config" / "data" / "rules", "--data", data_dir});
    EXPECT_EQ(imported.exit_code, 0) << imported;
    // A provider that is gone, and one that is reached anew.
    const auto port = fake_port_;
    fake_process.reset();
    EXPECT_NE(classify(kUrlBody).body.find("PROVIDER_UNREACHABLE"), std::string::npos);
    fake_process = start({"fake-provider", "--listen", "127.0.0.1:" + std::to_string(port), "--vision-ms", "500"});
    ASSERT_TRUE(fake_process->out_has("/fake/reset"));
    EXPECT_EQ(scan(kUrlBody).frames().size(), 9U);
    auto last = RawSocket::connect(serve_port_);
    last.send(request_text("POST", kScanPath, kUrlBody));
    ASSERT_FALSE(last.read_until("\"started\"").empty());
    EXPECT_EQ(stop_serve(), 0);
    EXPECT_EQ(guard_tells(), "");
}

TEST_F(IoThreads, resolve_names_without_blocking) {
    start_fake();
    environment["OPENAI_BASE_URL"] = "http://localhost:" + std::to_string(fake_port_) + "/v1";
    start_guarded();
    EXPECT_EQ(scan(kUrlBody).frames().size(), 9U);
    EXPECT_EQ(stop_serve(), 0);
    EXPECT_EQ(guard_tells(), "");
}

TEST_F(IoThreads, are_told_on_by_the_guard_when_a_plugin_sleeps_on_them) {
    start_fake();
    copy_plugins();
    fs::copy(fs::path(ECO2_TEST_PLUGINS) / "sleeper", plugins_dir / "sleeper");
    edit("eco2.toml",
         "id = \"reward_character\"\n[plugin.config]\ncatalogue = \"${config_dir}/data/characters.json\"\nenabled = true",
         "id = \"reward_character\"\nplugin = \"sleeper\"");
    start_guarded();
    EXPECT_EQ(scan(kUrlBody).frames().size(), 9U);
    EXPECT_EQ(stop_serve(), 0);
    const auto told = guard_tells();
    EXPECT_TRUE(told.starts_with("blocked: ")) << told;
    EXPECT_NE(told.find("nanosleep thread=eco2-io"), std::string::npos) << told;
    EXPECT_TRUE(serve_process->err_has(R"("msg":"plugin held an I/O thread","plugin":"sleeper")"))
        << "nor does the host miss it";
}

}  // namespace
}  // namespace eco2::test
