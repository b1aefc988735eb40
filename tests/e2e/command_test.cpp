#include "e2e/programs.hpp"

#include <boost/json/parse.hpp>

#include <set>

namespace eco2::test {
namespace {

namespace fs = std::filesystem;

class CommandLine : public Programs {};

TEST_F(CommandLine, help_teaches_and_version_is_told) {
    const auto help = run({"--help"});
    EXPECT_EQ(help.exit_code, 0) << help;
    for (const auto* word :
         {"serve", "scan", "config", "rules", "plugin", "fake-provider", "Exit codes: 0 done", "2 wrong command line"}) {
        EXPECT_TRUE(help.shows(word)) << word;
    }
    const auto serve = run({"serve", "--help"});
    EXPECT_EQ(serve.exit_code, 0);
    EXPECT_TRUE(serve.shows("Example:") && serve.shows("curl -N") && serve.shows("127.0.0.1:8080")) << serve;
    const auto scan = run({"scan", "--help"});
    EXPECT_EQ(scan.exit_code, 0);
    EXPECT_TRUE(scan.shows("OPENAI_BASE_URL=") && scan.shows("JPEG, PNG or WebP")) << scan;
    const auto version = run({"--version"});
    EXPECT_EQ(version.exit_code, 0);
    EXPECT_TRUE(version.out.starts_with("eco2 ")) << version;
}

TEST_F(CommandLine, a_wrong_command_line_exits_2_and_says_what_is_wrong) {
    struct Case {
        Arguments arguments;
        std::string_view says;
    };
    for (const auto& [arguments, says] : std::initializer_list<Case>{{{}, "subcommand is required"},
                                                                     {{"frobnicate"}, "no command \"frobnicate\""},
                                                                     {{"config", "chekc"}, "no command \"chekc\""},
                                                                     {{"scan", "a.jpg", "--nope"}, "--nope"},
                                                                     {{"rules", "import"}, "directory is required"},
                                                                     {{"config"}, "subcommand is required"},
                                                                     {{"fake-provider", "--listen", "nonsense"}, "nonsense"},
                                                                     {{"fake-provider", "--fault", "nonsense"}, "garbage_body"},
                                                                     {{"fake-provider", "--vision-ms", "soon"}, "soon"}}) {
        const auto result = run(arguments);
        EXPECT_EQ(result.exit_code, 2) << result;
        EXPECT_TRUE(result.tells(says)) << says << "\n" << result;
        EXPECT_EQ(result.out, "") << "errors are no output";
    }
}

class ConfigCheck : public Programs {};

TEST_F(ConfigCheck, the_shipped_configuration_is_good) {
    const auto result = run({"config", "check"});
    EXPECT_EQ(result.exit_code, 0) << result;
    EXPECT_TRUE(result.shows("configuration ok")) << result;
    EXPECT_TRUE(result.shows("pipeline scan: 4 stages")) << result;
    const auto json = run({"config", "check", "--json"});
    EXPECT_EQ(json.out, "{\"status\":\"ok\"}\n");
    environment.erase("OPENAI_API_KEY");
    const auto keyless = run({"config", "check"});
    EXPECT_EQ(keyless.exit_code, 0);
    EXPECT_TRUE(keyless.shows("key main is not set") && keyless.shows("OPENAI_API_KEY")) << keyless;
}

TEST_F(ConfigCheck, a_mistake_is_told_with_its_file_line_and_key) {
    struct Case {
        const char* file;
        std::string_view from;
        std::string_view to;
        std::string place;
        std::string_view key;
    };
    const std::initializer_list<Case> cases = {
        {"eco2.toml", "[auth]\n", "[auth]\nmoed = \"none\"\n", "eco2.toml:", "moed"},
        {"eco2.toml", "#io_threads = 0", "io_threads = \"two\"", "eco2.toml:", "io_threads"},
        {"eco2.toml", "#ca_file = \"\"", "ca_file = \"${NOT_SET_ANYWHERE}\"", "eco2.toml:", "NOT_SET_ANYWHERE"},
        {"eco2.toml", "[auth]\n", "[auth\n", "eco2.toml:", ""},
        {"pipelines/scan.toml", "../prompts/vision.ko.md", "../prompts/nowhere.md", "scan.toml:", "nowhere.md"},
        {"pipelines/scan.toml", "kind = \"rules\" ", "kind = \"ruels\" ", "scan.toml:", "ruels"},
    };
    for (const auto& each : cases) {
        copy_config();
        edit(each.file, each.from, each.to);
        const auto text = read(config_dir / each.file);
        const auto changed = text.substr(0, text.find(each.to) + each.to.find_last_not_of('\n'));
        const auto line = 1 + std::count(changed.begin(), changed.end(), '\n');
        for (const auto& arguments :
             {Arguments{"config", "check"}, Arguments{"serve", "--listen", "127.0.0.1:0", "--data", data_dir}}) {
            auto all = arguments;
            all.insert(all.end(), {"--config", config_file});
            const auto result = run(all);
            EXPECT_EQ(result.exit_code, 3) << each.to << "\n" << result;
            EXPECT_TRUE(result.tells(each.place + std::to_string(line))) << each.place << line << "\n" << result;
            EXPECT_TRUE(result.tells(each.key)) << result;
            EXPECT_TRUE(result.tells("CONFIG_INVALID")) << result;
        }
        fs::remove_all(config_dir);
    }
    const auto nowhere = run({"config", "check", "--config", "/nowhere/eco2.toml"});
    EXPECT_EQ(nowhere.exit_code, 3);
    EXPECT_TRUE(nowhere.tells("/nowhere/eco2.toml")) << nowhere;
}

class PluginList : public Programs {
protected:
    void add_a_byte(std::string_view id) const {
        const auto file = plugins_dir / id / (std::string(id) + ".so");
        write(file, read(file) + '\0');
    }
    Ended serve_to_its_end() {
        environment["OPENAI_BASE_URL"] = "http://127.0.0.1:1/v1";
        return run(serve_arguments({"--listen", "127.0.0.1:0"}));
    }
};

TEST_F(PluginList, names_what_ships) {
    const auto text = run({"plugin", "list"});
    EXPECT_EQ(text.exit_code, 0) << text;
    std::set<std::string> ids;
    const auto json = run({"plugin", "list", "--json"});
    EXPECT_EQ(json.exit_code, 0);
    std::istringstream lines(json.out);
    for (std::string line; std::getline(lines, line);) {
        const auto plugin = boost::json::parse(line);
        ids.emplace(plugin.at("id").as_string());
        EXPECT_TRUE(plugin.at("problem").is_null()) << line;
        EXPECT_FALSE(plugin.at("interfaces").as_array().empty());
    }
    EXPECT_EQ(ids,
              (std::set<std::string>{
                  "anthropic", "gemini", "multi_provider", "openai", "openai_batch", "rules_sqlite", "reward_character"}));
    for (const auto& id : ids) {
        EXPECT_TRUE(text.shows(id)) << text;
    }
}

TEST_F(PluginList, an_altered_library_is_told_and_never_loaded) {
    copy_plugins();
    add_a_byte("rules_sqlite");
    const auto list = run({"plugin", "list", "--config", config_file});
    EXPECT_EQ(list.exit_code, 1) << list;
    EXPECT_TRUE(list.shows("would be refused") && list.shows("SHA-256")) << list;
    const auto serve = serve_to_its_end();
    EXPECT_EQ(serve.exit_code, 3) << serve;
    EXPECT_TRUE(serve.tells("SHA-256") && serve.tells("rules_sqlite") && serve.tells("PLUGIN_REFUSED")) << serve;
}

TEST_F(PluginList, a_missing_plugin_stops_the_start_with_its_name) {
    copy_plugins();
    fs::remove_all(plugins_dir / "reward_character");
    const auto serve = serve_to_its_end();
    EXPECT_EQ(serve.exit_code, 3) << serve;
    EXPECT_TRUE(serve.tells("reward_character") && serve.tells("PLUGIN_MISSING")) << serve;
}

TEST_F(PluginList, a_plugin_of_another_abi_is_told_which_sdk_it_needs) {
    copy_plugins();
    const auto manifest = plugins_dir / "openai" / "plugin.toml";
    auto text = read(manifest);
    const auto at = text.find("abi_draft = ");
    ASSERT_NE(at, std::string::npos);
    write(manifest, text.replace(at, text.find('\n', at) - at, "abi_draft = 99"));
    const auto list = run({"plugin", "list", "--config", config_file});
    EXPECT_EQ(list.exit_code, 1) << list;
    const auto serve = serve_to_its_end();
    EXPECT_EQ(serve.exit_code, 3) << serve;
    EXPECT_TRUE(serve.tells("ABI draft 99") && serve.tells("rebuild it with the SDK of draft")) << serve;
}

}  // namespace
}  // namespace eco2::test
