#include "base/text.hpp"
#include "host_fixture.hpp"

#include <boost/json/parse.hpp>

#include <fstream>
#include <ostream>

namespace eco2::test {
namespace {

/// A provider that the scan pipeline can run on, given by what is changed in the shipped configuration.
struct Provider {
    std::string name;      // of the test
    std::string instance;  // plugin instance that the stages use
    std::string config;    // lines of eco2.toml after the openai instance's base_url
    std::string word;      // that each request body must hold: it shows the API that was spoken
};

std::ostream& operator<<(std::ostream& out, const Provider& provider) {
    return out << provider.name;
}

std::string read_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
}

class ScanOver : public HostFixture, public ::testing::WithParamInterface<Provider> {
protected:
    void SetUp() override {
        const auto folder = directory_ / "config";
        std::filesystem::copy(config_file.parent_path(), folder, std::filesystem::copy_options::recursive);
        config_file = folder / "eco2.toml";
        std::string config = read_file(config_file);
        const std::string_view last_line = "base_url = \"${OPENAI_BASE_URL:-https://api.openai.com/v1}\"\n";
        ASSERT_NE(config.find(last_line), std::string::npos);
        config.insert(config.find(last_line) + last_line.size(), GetParam().config);
        std::ofstream(config_file) << config;
        std::string pipeline = read_file(folder / "pipelines" / "scan.toml");
        replace_all(pipeline, "kind = \"infer\"", "kind = \"infer\"\nprovider = \"" + GetParam().instance + "\"\n#");
        std::ofstream(folder / "pipelines" / "scan.toml") << pipeline;
        environment["OTHER_API_KEY"] = "test-key-other-0123456789";
        environment["FAKE_ORIGIN"] = environment["OPENAI_BASE_URL"].substr(0, environment["OPENAI_BASE_URL"].size() - 3);
        start_host();
    }

    /// A submitted run followed as a stream: the answer's words are asked of the provider as they come.
    Reply stream() { return request("POST", "/api/v1/scan", kUrlBody, "Accept: text/event-stream\r\n"); }
};

TEST_P(ScanOver, the_result_has_the_shape_that_it_has_over_chat) {
    const auto reply = classify(kUrlBody);
    ASSERT_EQ(reply.status, 200) << reply.body;
    const auto result = boost::json::parse(reply.body).as_object();
    EXPECT_EQ(result.at("status"), "completed") << reply.body;
    std::string keys;
    for (const auto& [key, value] : result) {
        keys += std::string(key) + " ";
    }
    EXPECT_EQ(keys, "task_id status message pipeline_result reward error reward_reason provider usage ");
    EXPECT_EQ(std::string(result.at("provider").at("vision").as_string()), GetParam().instance);
    EXPECT_EQ(result.at("pipeline_result").at("classification_result").at("classification").at("major_category"),
              "재활용폐기물");
    const auto stats = fake_stats();
    const auto& usage = result.at("usage").as_object();
    EXPECT_EQ(usage.at("vision").at("input_tokens").as_int64() + usage.at("answer").at("input_tokens").as_int64(),
              stats.tokens_in)
        << "the bill and the usage agree";
    EXPECT_EQ(usage.at("vision").at("output_tokens").as_int64() + usage.at("answer").at("output_tokens").as_int64(),
              stats.tokens_out);
    EXPECT_EQ(stats.by_kind.at("vision"), 1U);
    EXPECT_EQ(stats.by_kind.at("answer"), 1U);
    for (const auto& body : stats.bodies) {
        EXPECT_NE(body.find(GetParam().word), std::string::npos) << body;
    }
}

TEST_P(ScanOver, the_words_come_as_they_are_written) {
    fake(R"({"latency":{"answer_ms":500}})");  // words that come within a tenth of a second share an event
    const auto reply = stream();
    ASSERT_EQ(reply.status, 200) << reply.body;
    EXPECT_NE(reply.body.find("event: answer.delta"), std::string::npos) << reply.body;
    EXPECT_NE(reply.body.find("\"stage\":\"done\""), std::string::npos) << reply.body;
}

TEST_P(ScanOver, an_inline_photo_is_sent) {
    const auto photo = read_file(source_dir() / "tests/support/photos/pet_bottle.jpg");
    ASSERT_FALSE(photo.empty());
    EXPECT_EQ(classify(R"({"image":"data:image/jpeg;base64,)" + base64_encode(photo) + "\"}").status, 200);
}

TEST_P(ScanOver, every_fault_ends_as_it_does_over_chat) {
    for (const auto& [fault, code] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
             {R"({"fault":"status","status":400})", "PROVIDER_REJECTED"},
             {R"({"fault":"status","status":401})", "PROVIDER_KEY"},
             {R"({"fault":"status","status":403})", "PROVIDER_KEY"},
             {R"({"fault":"status","status":404})", "PROVIDER_REJECTED"},
             {R"({"fault":"status","status":429})", "PROVIDER_LIMITED"},
             {R"({"fault":"insufficient_quota"})", "PROVIDER_KEY"},
             {R"({"fault":"context_length"})", "PROVIDER_CONTEXT_LENGTH"},
             {R"({"fault":"status","status":500})", "PROVIDER_ERROR"},
             {R"({"fault":"status","status":503})", "PROVIDER_OVERLOADED"},
             {R"({"fault":"status","status":529})", "PROVIDER_OVERLOADED"},
             {R"({"fault":"html_error","status":502})", "PROVIDER_ERROR"},
             {R"({"fault":"reset_before_head"})", "PROVIDER_RESET"},
             {R"({"fault":"reset_after_head"})", "PROVIDER_RESET"},
             {R"({"fault":"cut_stream_after_n_chunks","after_chunks":1})", "PROVIDER_RESET"},
             {R"({"fault":"garbage_body"})", "PROVIDER_BAD_ANSWER"},
             {R"({"fault":"wrong_schema"})", "PROVIDER_BAD_ANSWER"},
             {R"({"fault":"empty_choices"})", "PROVIDER_BAD_ANSWER"},
             {R"({"fault":"malformed_chunk"})", "PROVIDER_BAD_ANSWER"},
             {R"({"fault":"refusal"})", "PROVIDER_REFUSED"},
             {R"({"fault":"content_filter"})", "PROVIDER_REFUSED"},
         }) {
        fake(fault);
        const auto result = boost::json::parse(classify(kUrlBody).body);
        EXPECT_EQ(std::string(result.at("error").as_string()), code) << fault << " " << result.at("message");
    }
    fake(R"({"fault":"none"})");
    EXPECT_EQ(boost::json::parse(classify(kUrlBody).body).at("status"), "completed");
}

TEST_P(ScanOver, a_streamed_answer_that_breaks_is_never_a_result) {
    for (const std::string_view fault : {R"({"fault":"cut_stream_after_n_chunks","after_chunks":2,"kind":"answer"})",
                                         R"({"fault":"no_finish","after_chunks":2,"kind":"answer"})",
                                         R"({"fault":"malformed_chunk","after_chunks":2,"kind":"answer"})",
                                         R"({"fault":"error_in_stream","after_chunks":2,"kind":"answer"})"}) {
        fake(fault);
        const auto reply = stream();
        EXPECT_NE(reply.body.find("event: error"), std::string::npos) << fault << reply.body;
        EXPECT_EQ(reply.body.find("\"stage\":\"done\""), std::string::npos) << fault << reply.body;
    }
    fake(R"({"fault":"missing_done"})");
    EXPECT_NE(stream().body.find("\"stage\":\"done\""), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Dialects,
    ScanOver,
    ::testing::Values(Provider{"responses", "openai", "api = \"responses\"\n", "\"input_text\""},
                      Provider{"anthropic",
                               "anthropic",
                               "[[plugin]]\nid = \"anthropic\"\nkeys = [{ id = \"main\", env = \"OTHER_API_KEY\" }]\n"
                               "[plugin.config]\nbase_url = \"${FAKE_ORIGIN}/v1\"\n",
                               "\"output_config\""},
                      Provider{"anthropic_by_tool",
                               "anthropic",
                               "[[plugin]]\nid = \"anthropic\"\nkeys = [{ id = \"main\", env = \"OTHER_API_KEY\" }]\n"
                               "[plugin.config]\nbase_url = \"${FAKE_ORIGIN}/v1\"\nschema_by = \"tool\"\n",
                               "\"tool_choice\""},
                      Provider{"gemini",
                               "gemini",
                               "[[plugin]]\nid = \"gemini\"\nkeys = [{ id = \"main\", env = \"OTHER_API_KEY\" }]\n"
                               "[plugin.config]\nbase_url = \"${FAKE_ORIGIN}/v1beta\"\n",
                               "\"responseJsonSchema\""}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace eco2::test
