#include "e2e/process.hpp"
#include "e2e/programs.hpp"

#include <boost/json/parse.hpp>

#include <signal.h>

#include <algorithm>
#include <cctype>
#include <random>
#include <regex>
#include <thread>

namespace eco2::test {
namespace {

using namespace std::chrono_literals;

class SubmittedRunsProgram : public Programs {
protected:
    std::string submit(int number) const {
        const auto reply = http(serve_port_,
                                "POST",
                                "/api/v1/scan",
                                R"({"image_url":"https://images.example.com/)" + std::to_string(number) + ".jpg\"}");
        EXPECT_EQ(reply.status, 202) << reply.body;
        return reply.status == 202 ? std::string(boost::json::parse(reply.body).at("job_id").as_string()) : "";
    }
    Reply result(const std::string& id) const { return get("/api/v1/scan/" + id + "/result"); }
    std::string stream(const std::string& id) const { return get("/api/v1/scan/" + id + "/events").body; }

    static std::vector<std::string> all(const std::string& text, const char* pattern) {
        const std::regex regex(pattern);
        std::vector<std::string> found;
        for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
            found.push_back((*it)[1]);
        }
        return found;
    }

    void kill_serve() {
        serve_process->signal(SIGKILL);
        (void)serve_process->exit_code_within(10s);
        serve_process.reset();
    }
};

TEST_F(SubmittedRunsProgram, two_hundred_survive_five_kills_each_ends_once_and_no_finished_stage_is_paid_twice) {
    constexpr int kRuns = 200;
    start_fake({"--vision-ms", "700", "--answer-ms", "800", "--jitter-percent", "60"});
    start_serve();
    std::vector<std::string> ids;
    for (int i = 0; i < kRuns; ++i) {
        ids.push_back(submit(i));
    }
    std::mt19937 random(std::random_device{}());
    for (int kill = 0; kill < 5; ++kill) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100 + random() % 400));
        kill_serve();
        start_serve();
    }
    for (const auto& id : ids) {
        ASSERT_TRUE(eventually([&] { return result(id).status == 200; }, 30s)) << id;
    }
    for (const auto& id : ids) {
        const auto text = stream(id);
        const auto numbers = all(text, "id: (\\d+)\n");
        for (std::size_t n = 0; n < numbers.size(); ++n) {
            EXPECT_EQ(numbers[n], std::to_string(n + 1)) << id;
        }
        EXPECT_EQ(all(text, "\"stage\":\"([a-z]+)\",\"status\":\"completed\""),
                  (std::vector<std::string>{"vision", "rule", "answer", "reward", "done"}))
            << id;
        EXPECT_EQ(all(text, "event: (done|error)\n").size(), 1U) << id;
        std::string words;
        for (const auto& data : all(text, "event: answer.delta\ndata: (.*)\n")) {
            words += boost::json::parse(data).at("text").as_string();
        }
        const auto answer = boost::json::parse(result(id).body).at("pipeline_result").at("final_answer").at("user_answer");
        EXPECT_EQ(std::string(answer.as_string()), words) << id;
    }
    // A call whose answer had come but was not written down when the kill came counts as one in flight: a few milliseconds'
    // worth.
    const auto paid = fake_count("completed");
    EXPECT_GE(paid, 2 * kRuns);
    EXPECT_LE(paid, 2 * kRuns + 5 * kRuns / 20) << "finished stages were repeated";
}

TEST_F(SubmittedRunsProgram, the_command_line_lists_shows_replays_cancels_and_forgets) {
    start_fake();
    start_serve();
    fake(R"({"fault":"status","status":500,"kind":"answer"})");
    const auto dead = submit(1);
    ASSERT_TRUE(eventually([&] { return result(dead).status == 200; }));
    const auto list = run({"runs", "list", "--status", "failed", "--json", "--data", data_dir});
    EXPECT_EQ(list.exit_code, 0) << list;
    EXPECT_TRUE(list.shows(dead) && list.shows("PROVIDER_ERROR")) << list;
    const auto show = run({"runs", "show", dead, "--data", data_dir});
    EXPECT_EQ(boost::json::parse(show.out).at("finished_stages").as_array().size(), 2U) << show;
    auto upper = dead;
    std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
    EXPECT_EQ(run({"runs", "show", upper, "--data", data_dir}).out, show.out) << "as over HTTP";
    const auto elsewhere = run({"runs", "cancel", dead + "?", "--data", data_dir});
    EXPECT_TRUE(elsewhere.exit_code == 1 && elsewhere.tells("no run has the id")) << elsewhere;
    EXPECT_EQ(run({"runs", "list", "--user", "bob", "--data", data_dir}).exit_code, 2);
    fake("{}");
    const auto requests = fake_count("requests");
    const auto replay = run({"runs", "replay", dead, "--data", data_dir});
    ASSERT_EQ(replay.exit_code, 0) << replay;
    const std::string again(boost::json::parse(replay.out).at("job_id").as_string());
    ASSERT_TRUE(eventually([&] { return result(again).status == 200; }));
    EXPECT_NE(result(again).body.find("\"status\":\"completed\""), std::string::npos);
    EXPECT_EQ(fake_count("requests"), requests + 1) << "the photo is not looked at again";
    EXPECT_EQ(run({"runs", "cancel", again, "--data", data_dir}).exit_code, 1);
    EXPECT_EQ(run({"runs", "replay", again, "--data", data_dir}).exit_code, 1);
    const auto forget = run({"users", "forget", "00000000-0000-0000-0000-000000000000", "--data", data_dir});
    EXPECT_TRUE(forget.shows("\"runs\":2,")) << forget;
    EXPECT_EQ(result(dead).status, 404);
    EXPECT_EQ(run({"users", "forget", "bob", "--data", data_dir}).exit_code, 2);
    EXPECT_EQ(stop_serve(), 0);
    EXPECT_EQ(run({"runs", "list", "--data", data_dir}).exit_code, 0) << "without a host, too";
    const auto no_host = run({"runs", "cancel", dead, "--data", data_dir});
    EXPECT_EQ(no_host.exit_code, 1);
    EXPECT_TRUE(no_host.tells("no host serves")) << no_host;
}

TEST_F(SubmittedRunsProgram, keys_open_the_door_while_they_are_good) {
    copy_config();
    edit("eco2.toml", "#mode = \"none\" ", "mode = \"key\" ");
    start_fake();
    const auto made = run({"keys", "create", "--name", "app", "--json", "--config", config_file, "--data", data_dir});
    ASSERT_EQ(made.exit_code, 0) << made;
    const std::string key(boost::json::parse(made.out).at("key").as_string());
    const std::string id(boost::json::parse(made.out).at("id").as_string());
    const auto made_reader =
        run({"keys", "create", "--name", "r", "--scope", "read", "--json", "--config", config_file, "--data", data_dir});
    const std::string reader(boost::json::parse(made_reader.out).at("key").as_string());
    start_serve();
    const auto status = [&](const std::string& headers) {
        return http(serve_port_, "POST", "/api/v1/scan", kUrlBody, headers).status;
    };
    EXPECT_EQ(status("authorization: Bearer " + key + "\r\n"), 202);
    EXPECT_EQ(status(""), 401);
    EXPECT_EQ(status("x-api-key: " + reader + "\r\n"), 403);
    const auto of_run = [&](const char* method, const char* what, const std::string& used) {
        const auto target = "/api/v1/scan/11111111-2222-3333-4444-555555555555/" + std::string(what);
        return http(serve_port_, method, target, {}, "x-api-key: " + used + "\r\n").status;
    };
    EXPECT_EQ(of_run("POST", "cancel", reader), 403) << "who may only read ends nothing";
    EXPECT_EQ(of_run("GET", "result", reader), 404);
    EXPECT_EQ(status("x-user-id: 11111111-1111-1111-1111-111111111111\r\n"), 401);
    const auto list = run({"keys", "list", "--config", config_file, "--data", data_dir});
    EXPECT_TRUE(list.shows(id)) << list;
    EXPECT_FALSE(list.shows(key.substr(22))) << "the secret is shown once";
    EXPECT_EQ(run({"keys", "revoke", id, "--config", config_file, "--data", data_dir}).exit_code, 0);
    EXPECT_TRUE(eventually([&] { return status("x-api-key: " + key + "\r\n") == 401; }, 5s));
    EXPECT_EQ(run({"keys", "revoke", "nothing", "--config", config_file, "--data", data_dir}).exit_code, 2);
    EXPECT_EQ(
        run({"keys", "create", "--name", "x", "--scope", "everything", "--config", config_file, "--data", data_dir}).exit_code,
        2);
    EXPECT_EQ(run({"keys", "create", "--name", "x", "--expires", "2020-01-01", "--config", config_file, "--data", data_dir})
                  .exit_code,
              2);
}

TEST_F(SubmittedRunsProgram, a_second_host_on_one_data_directory_is_refused) {
    start_fake();
    start_serve();
    auto second = run({"serve", "--listen", "127.0.0.1:0", "--data", data_dir});
    EXPECT_EQ(second.exit_code, 3) << second;
    EXPECT_TRUE(second.tells("uses the data directory")) << second;
}

TEST_F(SubmittedRunsProgram, a_pipeline_of_ones_own_needs_no_build) {
    copy_config();
    write(config_dir / "pipelines" / "haiku.toml", R"(
name = "haiku"
models = ["gpt-5-mini"]
languages = ["en"]
[default_question]
en = "About autumn."
[[stage]]
name = "poem"
kind = "infer"
provider = "openai"
system = { en = "haiku.md" }
user = { en = "haiku_user.md" }
schema = "haiku.json"
stream_field = "text"
[result]
haiku = "poem"
)");
    write(config_dir / "pipelines" / "haiku.md", "Write a haiku.");
    write(config_dir / "pipelines" / "haiku_user.md", "{{json input.question}}");
    write(config_dir / "pipelines" / "haiku.json",
          R"({"type":"object","properties":{"text":{"type":"string"}},"required":["text"],"additionalProperties":false})");
    edit("eco2.toml", "\"pipelines/plant_triage.toml\"", "\"pipelines/haiku.toml\"");
    start_fake();
    const auto shown = run({"scan", "--pipeline", "haiku", "--config", config_file, "--data", data_dir, "--json"});
    EXPECT_EQ(shown.exit_code, 0) << shown;
    EXPECT_TRUE(shown.shows("\"haiku\":{\"text\"")) << shown;
    start_serve();
    const auto reply = http(serve_port_, "POST", "/api/v1/pipelines/haiku", "{}", "prefer: wait=5\r\n");
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(http(serve_port_, "POST", "/api/v1/pipelines/haiku", kUrlBody).status, 422) << "it takes no image";
}

}  // namespace
}  // namespace eco2::test
