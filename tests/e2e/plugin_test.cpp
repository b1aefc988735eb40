#include "e2e/programs.hpp"

#include <boost/json/parse.hpp>

#include <sstream>

namespace eco2::test {
namespace {

class OwnPlugin : public Programs {
protected:
    /// The shipped configuration with the model provider exchanged for one that needs no network.
    void use_compute_provider() {
        copy_plugins();
        std::filesystem::copy(std::filesystem::path(ECO2_TEST_PLUGINS) / "compute_provider", plugins_dir / "compute_provider");
        edit("eco2.toml", "#plugin = \"openai\"", "plugin = \"compute_provider\"");
        edit("eco2.toml", "keys = [{ id = \"main\", env = \"OPENAI_API_KEY\" }]", "");
        edit("eco2.toml", "base_url = \"${OPENAI_BASE_URL:-https://api.openai.com/v1}\"", "");
        environment.erase("OPENAI_API_KEY");
    }
};

TEST_F(OwnPlugin, a_provider_that_computes_answers_a_scan_without_any_upstream) {
    use_compute_provider();
    const auto list = run({"plugin", "list", "--config", config_file});
    EXPECT_EQ(list.exit_code, 0) << list;
    EXPECT_TRUE(list.shows("compute_provider")) << list;
    const auto result = run({"scan", photo("glass_bottle.jpg"), "--config", config_file, "--data", data_dir, "--json"});
    ASSERT_EQ(result.exit_code, 0) << result;
    int deltas = 0;
    std::string words;
    boost::json::value last;
    std::istringstream lines(result.out);
    for (std::string line; std::getline(lines, line);) {
        last = boost::json::parse(line);
        if (const auto* delta = last.as_object().if_contains("delta")) {
            words += delta->as_string();
            ++deltas;
        }
    }
    const auto& outcome = last.at("result").at("pipeline_result");
    EXPECT_EQ(outcome.at("classification_result").at("classification").at("middle_category"), "유리병");
    EXPECT_EQ(outcome.at("final_answer").at("user_answer"), "계산된 답입니다.");
    EXPECT_EQ(words, "계산된 답입니다.");
    EXPECT_GT(deltas, 1) << "words come as they are computed";
    EXPECT_FALSE(last.at("result").at("reward").is_null());
}

TEST_F(OwnPlugin, a_provider_that_computes_opens_no_connection) {
    use_compute_provider();
    start_serve();
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(scan(kUrlBody).frames().size(), 9U) << i;
    }
    const auto metrics = get("/metrics").body;
    EXPECT_NE(metrics.find("eco2_upstream_connections_opened_total 0\n"), std::string::npos) << metrics;
    EXPECT_EQ(stop_serve(), 0);
}

}  // namespace
}  // namespace eco2::test
