#include "e2e/programs.hpp"

#include <signal.h>

namespace eco2::test {
namespace {

class ReloadCommand : public Programs {
protected:
    ReloadCommand() {
        copy_config();
        start_fake();
        start_serve({"--config", config_file});
    }
    Ended reload(const Arguments& more = {}) {
        Arguments arguments = {"reload", "--config", config_file, "--data", data_dir};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run(arguments);
    }
};

TEST_F(ReloadCommand, tells_what_it_has_done) {
    edit(config_file, "#max_runs = 20_000", "max_runs = 10_000");
    edit(config_file, "#connect_timeout_ms = 5_000", "connect_timeout_ms = 4_000");
    const auto told = reload();
    EXPECT_EQ(told.exit_code, 0) << told;
    EXPECT_TRUE(told.shows("reloaded, generation 2") && told.shows("http.connect_timeout_ms")) << told;
    const auto json = reload({"--json"});
    EXPECT_TRUE(json.shows(R"({"status":"reloaded","generation":3,"started":[])")) << json;
    EXPECT_EQ(stop_serve(), 0);
}

TEST_F(ReloadCommand, tells_the_exact_fault_and_the_host_goes_on) {
    edit(config_file, "[pipelines]\n", "[pipelines]\nfiels = []\n");
    const auto told = reload();
    EXPECT_EQ(told.exit_code, 1) << told;
    EXPECT_TRUE(told.tells("CONFIG_INVALID") && told.tells("eco2.toml:") && told.tells("fiels")) << told;
    const auto json = reload({"--json"});
    EXPECT_EQ(json.exit_code, 1) << json;
    EXPECT_TRUE(json.shows(R"({"status":"failed","code":"CONFIG_INVALID","detail":")")) << json;
    EXPECT_EQ(get("/ready").status, 200);
    EXPECT_EQ(scan(kUrlBody).frames().size(), 9U);
    EXPECT_EQ(stop_serve(), 0);
}

TEST_F(ReloadCommand, hangup_signal_reloads) {
    write(config_dir / "prompts" / "answer.ko.md", "NEWPROMPT\n" + read(config_dir / "prompts" / "answer.ko.md"));
    serve_process->signal(SIGHUP);
    EXPECT_TRUE(serve_process->err_has("configuration reloaded"));
    std::filesystem::remove(config_dir / "prompts" / "answer.ko.md");
    serve_process->signal(SIGHUP);
    EXPECT_TRUE(serve_process->err_has("configuration not reloaded"));
    EXPECT_EQ(scan(kUrlBody).frames().size(), 9U);
    EXPECT_EQ(stop_serve(), 0);
}

TEST_F(ReloadCommand, without_a_host_says_so) {
    EXPECT_EQ(stop_serve(), 0);
    const auto told = reload();
    EXPECT_EQ(told.exit_code, 1) << told;
    EXPECT_TRUE(told.tells("no host serves")) << told;
}

}  // namespace
}  // namespace eco2::test
