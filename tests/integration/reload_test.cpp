#include "host_fixture.hpp"
#include "support/raw_socket.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

namespace eco2::test {
namespace {

using Texts = std::vector<std::string>;

// Sanitizers keep freed memory for a while: how much a process holds says nothing then.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryTells = false;
#else
constexpr bool kMemoryTells = true;
#endif

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        ++count;
    }
    return count;
}

/// A number of /proc/self/status, as "Threads" or "VmRSS" (KiB).
long process_status(const std::string& name) {
    std::ifstream in("/proc/self/status");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(name + ":")) {
            return std::stol(line.substr(name.size() + 1));
        }
    }
    return -1;
}

class Reload : public HostFixture {
protected:
    Reload() {
        const auto copy = directory_ / "config";
        std::filesystem::copy(config_file.parent_path(), copy, std::filesystem::copy_options::recursive);
        config_file = copy / "eco2.toml";
    }

    std::filesystem::path file(std::string_view name) const { return config_file.parent_path() / name; }
    static std::string read(const std::filesystem::path& path) {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    static void write(const std::filesystem::path& path, std::string_view text) {
        std::ofstream(path, std::ios::binary) << text;
    }
    void edit(const std::filesystem::path& path, const std::string& from, const std::string& to) {
        auto text = read(path);
        ASSERT_NE(text.find(from), std::string::npos) << from;
        write(path, text.replace(text.find(from), from.size(), to));
    }

    runtime::ReloadReport reloaded() {
        auto report = reload();
        EXPECT_TRUE(report) << report.error().text();
        return report ? report.value() : runtime::ReloadReport{};
    }
    /// The error, after a look that everything goes on as before.
    Error refused() {
        const auto before = host_->deployment();
        const auto report = reload();
        EXPECT_FALSE(report);
        EXPECT_EQ(host_->deployment(), before);
        EXPECT_EQ(request("GET", "/ready").status, 200);
        EXPECT_TRUE(is_whole(classify(kUrlBody)));
        EXPECT_TRUE(eventually([&] { return running_instances() == before->instances().size(); }));
        return report ? Error{} : report.error();
    }
    std::size_t running_instances() const { return host_->plugins().status().size(); }

    static bool is_whole(const Reply& reply) {
        return reply.status == 200 && reply.is_whole && reply.body.find("\"status\":\"completed\"") != std::string::npos;
    }
    std::string submit(std::string_view path) {
        const auto reply = request("POST", path, kUrlBody);
        EXPECT_EQ(reply.status, 202) << reply.body;
        return reply.status == 202 ? std::string(boost::json::parse(reply.body).at("job_id").as_string()) : "";
    }
    /// Begins a scan and waits until its first model call is with the provider.
    std::thread begin_scan(Reply& reply) {
        const auto before = fake_stats().requests;
        std::thread run([&] { reply = classify(kUrlBody); });
        EXPECT_TRUE(eventually([&] { return fake_stats().requests > before; }));
        return run;
    }
    void slow_vision(int ms) { fake(R"({"latency":{"vision_ms":)" + std::to_string(ms) + "}}"); }
    double metric(std::string_view series) {
        const auto text = request("GET", "/metrics").body;
        const auto at = text.find("\n" + std::string(series) + " ");
        return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
    }
};

TEST_F(Reload, unchanged_configuration_keeps_every_instance) {
    start_host();
    const auto report = reloaded();
    EXPECT_EQ(report.generation, 2U);
    EXPECT_EQ(report.started, Texts());
    EXPECT_EQ(report.stopping, Texts());
    EXPECT_EQ(report.kept, Texts({"openai", "openai_batch", "rules_sqlite", "plant_rules", "reward_character"}));
    EXPECT_EQ(report.needs_restart, Texts());
    EXPECT_TRUE(is_whole(classify(kUrlBody)));
    EXPECT_EQ(metric("eco2_config_generation"), 2);
    EXPECT_EQ(metric("eco2_config_reloads_total{result=\"taken\"}"), 1);
}

TEST_F(Reload, changed_prompt_is_for_the_next_run_while_the_one_in_flight_keeps_its_own) {
    start_host();
    slow_vision(400);
    const auto answers = [&](std::string_view words) {
        const auto bodies = fake_stats().bodies;
        return std::count_if(
            bodies.begin(), bodies.end(), [&](const auto& body) { return body.find(words) != std::string::npos; });
    };
    Reply reply;
    auto run = begin_scan(reply);
    write(file("prompts/answer.ko.md"), "NEWPROMPT\n" + read(file("prompts/answer.ko.md")));
    reloaded();
    run.join();
    EXPECT_TRUE(is_whole(reply)) << reply.body;
    EXPECT_EQ(answers("NEWPROMPT"), 0);
    EXPECT_TRUE(is_whole(classify(kUrlBody)));
    EXPECT_EQ(answers("NEWPROMPT"), 1);
}

TEST_F(Reload, removed_pipeline_and_its_instances_serve_their_last_run) {
    start_host();
    slow_vision(400);
    Reply reply;
    auto run = begin_scan(reply);
    const std::string in_vision = R"(eco2_stage_running{pipeline="scan",stage="vision"})";
    EXPECT_EQ(metric(in_vision), 1);
    edit(config_file, R"(files = ["pipelines/scan.toml", )", "files = [");
    edit(config_file, "[[plugin]]\nid = \"reward_character\"\n", "[[plugin]]\nid = \"reward_character\"\nenabled = false\n");
    const auto report = reloaded();
    EXPECT_EQ(report.stopping, Texts({"reward_character"}));
    EXPECT_EQ(request("POST", "/api/v1/scan", kUrlBody).status, 404);
    EXPECT_EQ(request("GET", "/ready").status, 200);
    EXPECT_EQ(running_instances(), 5U) << "the run in flight still needs it";
    run.join();
    EXPECT_TRUE(is_whole(reply)) << reply.body;
    EXPECT_NE(reply.body.find("\"reward\":{"), std::string::npos) << reply.body;
    EXPECT_TRUE(eventually([&] { return running_instances() == 4; }));
    EXPECT_EQ(metric(in_vision), 0);
}

TEST_F(Reload, instance_is_replaced_while_its_call_is_open) {
    start_host();
    slow_vision(400);
    Reply reply;
    auto run = begin_scan(reply);
    environment["OPENAI_API_KEY"] = "another-key-0123456789";
    const auto report = reloaded();
    EXPECT_EQ(report.started, Texts({"openai", "openai_batch"}));
    EXPECT_EQ(report.stopping, Texts({"openai", "openai_batch"}));
    run.join();
    EXPECT_TRUE(is_whole(reply)) << reply.body;
    EXPECT_TRUE(is_whole(classify(kUrlBody)));
    EXPECT_TRUE(eventually([&] { return running_instances() == 5; }));
}

/// The second attempt of a call that began before a reload finds its target, although the configuration no longer has it.
TEST_F(Reload, chat_in_flight_makes_its_further_attempts_on_what_it_began_with) {
    start_host();
    fake(R"({"script":[{"fault":"status","status":500,"delay_ms":400}]})");
    const auto before = fake_stats().requests;
    Reply reply;
    std::thread client([&] {
        reply = request("POST", "/v1/chat/completions", R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
    });
    EXPECT_TRUE(eventually([&] { return fake_stats().requests > before; }));
    edit(config_file, "id = \"openai\"", "id = \"other\"\nplugin = \"openai\"");
    EXPECT_EQ(reloaded().stopping, Texts({"openai"}));
    client.join();
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(fake_stats().requests, before + 2);
    EXPECT_TRUE(eventually([&] { return running_instances() == host_->deployment()->instances().size(); }));
}

TEST_F(Reload, call_that_outlasts_the_drain_time_is_cut_off) {
    edit(config_file, "#drain_timeout_ms = 130_000", "drain_timeout_ms = 100");
    start_host();
    slow_vision(60'000);
    Reply reply;
    auto run = begin_scan(reply);
    environment["OPENAI_API_KEY"] = "another-key-0123456789";
    reloaded();
    run.join();
    EXPECT_NE(reply.body.find("\"status\":\"failed\""), std::string::npos) << reply.body;
    EXPECT_TRUE(eventually([&] { return running_instances() == 5; }));
    slow_vision(5);
    EXPECT_TRUE(is_whole(classify(kUrlBody)));
}

TEST_F(Reload, rotated_key_of_a_file_is_used_and_hidden_in_the_log) {
    write(file("key"), "first-key-0123456789");
    edit(config_file, R"(env = "OPENAI_API_KEY")", R"(file = "key")");
    start_host();
    fake(R"({"fault":"status","status":401,"key":"first-key-0123456789"})");
    EXPECT_FALSE(is_whole(classify(kUrlBody)));
    write(file("key"), "second-key-987654321");
    EXPECT_EQ(reloaded().started, Texts({"openai"}));
    EXPECT_TRUE(is_whole(classify(kUrlBody)));
    host_->log().error("words", {{"keys", "first-key-0123456789 second-key-987654321"}});
    const auto lines = log_lines();
    EXPECT_NE(lines.back().find("\"keys\":\"[redacted] [redacted]\""), std::string::npos) << lines.back();
}

TEST_F(Reload, access_quota_cors_and_log_level_take_effect) {
    start_host();
    EXPECT_TRUE(is_whole(classify(kUrlBody)));
    edit(config_file, "#mode = \"none\" ", "mode = \"header\" ");
    edit(config_file, "#runs_per_minute = 0 ", "runs_per_minute = 1 ");
    edit(config_file, "#origins = [] ", "origins = [\"https://app.example\"] ");
    edit(config_file, "#level = \"info\" ", "level = \"debug\" ");
    EXPECT_FALSE(host_->log().enabled(LogLevel::debug));
    EXPECT_EQ(reloaded().started, Texts());
    EXPECT_EQ(classify(kUrlBody).status, 401);
    const std::string anna = "x-user-id: 11111111-1111-1111-1111-111111111111\r\norigin: https://app.example\r\n";
    const auto first = request("POST", "/api/v1/scan/classify", kUrlBody, anna);
    EXPECT_TRUE(is_whole(first)) << first.body;
    EXPECT_NE(first.head.find("https://app.example"), std::string::npos) << first.head;
    EXPECT_EQ(request("POST", "/api/v1/scan/classify", kUrlBody, anna).status, 429);
    EXPECT_TRUE(host_->log().enabled(LogLevel::debug));
}

TEST_F(Reload, image_rules_take_effect) {
    start_host();
    EXPECT_TRUE(is_whole(classify(kUrlBody)));
    environment["ECO2_IMAGE_HOSTS"] = "photos.example.com";
    reloaded();
    EXPECT_NE(classify(kUrlBody).body.find("INVALID_HOST"), std::string::npos);
    EXPECT_TRUE(is_whole(classify(R"({"image_url":"https://photos.example.com/a.jpg"})")));
}

TEST_F(Reload, what_needs_a_restart_is_told_and_the_rest_takes_effect) {
    start_host();
    edit(config_file, "#connect_timeout_ms = 5_000", "connect_timeout_ms = 4_000");
    edit(config_file, "#result_lifetime_s = 3_600", "result_lifetime_s = 60");
    edit(config_file, "#max_runs = 20_000", "max_runs = 1");
    EXPECT_EQ(reloaded().needs_restart, Texts({"runs.result_lifetime_s", "http.connect_timeout_ms"}));
    EXPECT_EQ(host_->config()->http.connect_timeout, limits::kUpstreamConnectTimeout);
    EXPECT_EQ(host_->config()->server.runs_max, 1U);
}

TEST_F(Reload, broken_file_is_refused_with_its_line) {
    start_host();
    edit(config_file, "[pipelines]\n", "[pipelines]\nfiels = []\n");
    const auto error = refused();
    EXPECT_EQ(error.code, Errc::config_invalid);
    EXPECT_NE(error.detail.find("eco2.toml:"), std::string::npos) << error.detail;
    EXPECT_NE(error.detail.find("fiels"), std::string::npos) << error.detail;
    EXPECT_EQ(metric("eco2_config_reloads_total{result=\"refused\"}"), 1);
    EXPECT_EQ(metric("eco2_config_generation"), 1);
    const auto lines = log_lines();
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [](const auto& line) {
        return line.find("configuration not reloaded") != std::string::npos && line.find("fiels") != std::string::npos;
    }));
}

TEST_F(Reload, missing_prompt_is_refused) {
    start_host();
    std::filesystem::remove(file("prompts/answer.ko.md"));
    EXPECT_NE(refused().detail.find("answer.ko.md"), std::string::npos);
}

TEST_F(Reload, plugin_that_cannot_be_created_is_refused_and_its_new_neighbours_go_again) {
    start_host();
    environment["OPENAI_API_KEY"] = "another-key-0123456789";
    edit(config_file, "data/characters.json", "data/nobody.json");
    const auto error = refused();
    EXPECT_EQ(error.code, Errc::plugin_failed);
    EXPECT_NE(error.detail.find("plugin reward_character"), std::string::npos) << error.detail;
    edit(config_file, "data/nobody.json", "data/characters.json");
    EXPECT_EQ(reloaded().started, Texts({"openai", "openai_batch"}));
}

TEST_F(Reload, optional_instance_that_ran_may_not_fail) {
    start_host();
    edit(config_file, "database = \"${data_dir}/plant_rules.db\"", "database = \"/nowhere/plant_rules.db\"");
    EXPECT_NE(refused().detail.find("plugin plant_rules"), std::string::npos);
}

TEST_F(Reload, pipeline_whose_plugin_was_removed_is_refused) {
    start_host();
    edit(config_file, "[[plugin]]\nid = \"reward_character\"\n", "[[plugin]]\nid = \"reward_character\"\nenabled = false\n");
    const auto error = refused();
    EXPECT_EQ(error.code, Errc::plugin_missing);
    EXPECT_NE(error.detail.find("pipeline \"scan\""), std::string::npos) << error.detail;
}

TEST_F(Reload, host_that_drains_takes_none) {
    start_host();
    host_->drain();
    const auto report = reload();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Errc::draining);
}

TEST_F(Reload, hundred_of_them_under_load_lose_nothing_and_leave_nothing) {
    constexpr int kReloads = 100;
    edit(config_file, "#idle_timeout_ms = 30_000", "idle_timeout_ms = 200");
    start_host();
    std::atomic<bool> is_over = false;
    std::atomic<int> done = 0;
    std::atomic<int> failed = 0;
    const auto load = [&](auto one) {
        return std::thread([&, one] {
            while (!is_over) {
                ++done;
                if (!one()) {
                    ++failed;
                }
            }
        });
    };
    const auto reload_once = [&](int i) {
        // Each in turn: nothing, a new key, a new prompt.
        environment["OPENAI_API_KEY"] = "key-number-" + std::to_string(i / 3);
        write(file("prompts/answer_user.ko.md"), read(file("prompts/answer_user.ko.md")) + (i % 3 == 0 ? "\n" : ""));
        const auto report = reload();
        ASSERT_TRUE(report) << report.error().text();
        ASSERT_EQ(request("GET", "/ready").status, 200);
    };
    const auto run = [&](int from, int to) {
        is_over = false;
        std::vector<std::thread> users;
        for (int i = 0; i < 3; ++i) {
            users.push_back(load([&] { return is_whole(classify(kUrlBody)); }));
            users.push_back(load([&] {
                const auto reply = scan(kUrlBody);
                const auto frames = reply.frames();
                return reply.status == 200 && reply.is_whole && !frames.empty() &&
                       frames.back().find("\"user_answer\"") != std::string::npos;
            }));
        }
        users.push_back(load([&] {
            const auto reply = request("POST", "/api/v1/scan", kUrlBody, "accept: text/event-stream\r\n");
            return reply.status == 200 && reply.body.find("event: done") != std::string::npos;
        }));
        for (int i = from; i < to; ++i) {
            reload_once(i);
        }
        is_over = true;
        for (auto& user : users) {
            user.join();
        }
        EXPECT_TRUE(eventually([&] { return host_->runs_active() == 0 && running_instances() == 5; }));
        EXPECT_TRUE(eventually([&] { return metric("eco2_upstream_connections_idle") == 0; }));
    };
    run(0, 20);  // so that pools, caches and allocator arenas have their size
    const auto descriptors = open_descriptors();
    const auto threads = process_status("Threads");
    const auto memory = process_status("VmRSS");
    run(20, kReloads);
    EXPECT_EQ(failed, 0) << "of " << done;
    EXPECT_GT(done, kReloads);
    EXPECT_EQ(host_->deployment()->generation(), 1U + kReloads);
    EXPECT_TRUE(eventually([&] { return open_descriptors() <= descriptors; }))
        << open_descriptors() << " descriptors, " << descriptors << " before";
    EXPECT_LE(process_status("Threads"), threads);
    // A deployment holds some 200 KiB of prompts and schemas: 80 that were kept would be 16 MiB.
    const auto grown = process_status("VmRSS") - memory;
    EXPECT_TRUE(!kMemoryTells || grown < 8 * 1024) << grown << " KiB, from " << memory;
    RecordProperty("grown_kib", static_cast<int>(grown));
    RecordProperty("requests", done.load());
}

TEST_F(Reload, two_hundred_of_them_alone_hold_no_memory) {
    start_host();
    const auto reload_some = [&](int from, int to) {
        for (int i = from; i < to; ++i) {
            environment["OPENAI_API_KEY"] = "key-number-" + std::to_string(i % 4);
            reloaded();
        }
        EXPECT_TRUE(eventually([&] { return running_instances() == 5; }));
    };
    reload_some(0, 40);
    const auto memory = process_status("VmRSS");
    reload_some(40, 240);
    const auto grown = process_status("VmRSS") - memory;
    RecordProperty("grown_kib", static_cast<int>(grown));
    EXPECT_TRUE(!kMemoryTells || grown < 4 * 1024)
        << grown << " KiB, from " << memory;  // the test's own copy of the log is some 400 of them
}

}  // namespace
}  // namespace eco2::test
