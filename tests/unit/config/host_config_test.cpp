#include "config/host_config.hpp"

#include "unit/config/folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace eco2::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class HostConfigTest : public testing::Test {
protected:
    Result<HostConfig> load(std::string_view text) {
        file_ = folder_.write("eco2.toml", text);
        return load_host_config(
            file_,
            [this](std::string_view name) -> std::optional<std::string> {
                const auto found = variables_.find(name);
                return found != variables_.end() ? std::optional(found->second) : std::nullopt;
            },
            overrides_);
    }

    std::string problem(std::string_view text) {
        const auto config = load(text);
        if (config) {
            return "no problem";
        }
        EXPECT_EQ(config.error().code, Errc::config_invalid);
        return config.error().detail;
    }

    HostConfig good(std::string_view text) {
        auto config = load(text);
        EXPECT_TRUE(config) << config.error().detail;
        return config ? *config : HostConfig{};
    }

    Folder folder_;
    std::filesystem::path file_;
    std::map<std::string, std::string, std::less<>> variables_;
    Overrides overrides_;
};

TEST_F(HostConfigTest, an_empty_file_gives_the_defaults) {
    const auto config = good("");
    EXPECT_EQ(config.server.listen.host, "127.0.0.1");
    EXPECT_EQ(config.server.listen.port, 8080);
    EXPECT_EQ(config.server.runs_max, limits::kRunsMax);
    EXPECT_EQ(config.server.drain_timeout, limits::kDrainTimeout);
    EXPECT_FALSE(config.server.tls);
    EXPECT_TRUE(config.auth.lets_everybody_in());
    EXPECT_TRUE(config.cors.origins.empty());
    EXPECT_EQ(config.quota.runs_concurrent, 0U);
    EXPECT_EQ(config.runs.keep_photos, RunsConfig::KeepPhotos::never);
    ASSERT_EQ(config.auth.trusted_peers.size(), 2U);
    EXPECT_TRUE(config.auth.trusted_peers[0].contains("127.0.0.1"));
    EXPECT_TRUE(config.auth.trusted_peers[1].contains("::1"));
    EXPECT_EQ(config.log.level, LogLevel::info);
    EXPECT_EQ(config.log.format, LogFormat::json);
    EXPECT_EQ(config.data_dir, std::filesystem::current_path() / "data");
    EXPECT_THAT(config.plugins, IsEmpty());
    EXPECT_THAT(config.pipelines, ElementsAre(folder_.path() / "pipelines/scan.toml"));
    EXPECT_FALSE(config.is_production);
}

TEST_F(HostConfigTest, every_section_is_read) {
    const auto config = good(R"([server]
listen = "0.0.0.0:9000"
io_threads = 3
connections_max = 100
max_runs = 50
request_body_bytes_max = 2_000
drain_timeout_ms = 1_500
[server.tls]
certificate = "tls/a.pem"
key = "/etc/a.key"
[auth]
mode = "header"
trusted_peers = ["10.0.0.0/8"]
[log]
level = "debug"
format = "text"
[data]
dir = "/var/lib/eco2"
[image]
hosts = ["Images.Example.com"]
bytes_max = 5_000
pixels_max = 1_000_000
side_max = 4_000
side_target = 512
[http]
ca_file = "ca.pem"
proxy = "http://proxy.example:3128"
no_proxy = ".internal"
connect_timeout_ms = 100
idle_timeout_ms = 200
[plugins]
dirs = ["plugins", "/opt/plugins"]
profile = "production"
[pipelines]
files = ["a.toml", "/b.toml"]
)");
    EXPECT_EQ(config.server.listen.host, "0.0.0.0");
    EXPECT_EQ(config.server.io_threads, 3U);
    EXPECT_EQ(config.server.connections_max, 100U);
    EXPECT_EQ(config.server.runs_max, 50U);
    EXPECT_EQ(config.server.request_body_bytes_max, 2'000U);
    EXPECT_EQ(config.server.drain_timeout, std::chrono::milliseconds(1'500));
    ASSERT_TRUE(config.server.tls);
    EXPECT_EQ(config.server.tls->certificate, folder_.path() / "tls/a.pem");
    EXPECT_EQ(config.server.tls->key, "/etc/a.key");
    EXPECT_TRUE(config.auth.trusts_header);
    EXPECT_FALSE(config.auth.accepts_keys);
    EXPECT_EQ(config.log.level, LogLevel::debug);
    EXPECT_EQ(config.log.format, LogFormat::text);
    EXPECT_EQ(config.data_dir, "/var/lib/eco2");
    EXPECT_THAT(config.image.hosts, ElementsAre("images.example.com"));
    EXPECT_EQ(config.image.bytes_max, 5'000U);
    EXPECT_EQ(config.image.side_target, 512U);
    EXPECT_EQ(config.http.ca_file, folder_.path() / "ca.pem");
    EXPECT_EQ(config.http.proxy, "http://proxy.example:3128");
    EXPECT_EQ(config.http.idle_timeout, std::chrono::milliseconds(200));
    EXPECT_THAT(config.plugin_dirs, ElementsAre(folder_.path() / "plugins", "/opt/plugins"));
    EXPECT_TRUE(config.is_production);
    EXPECT_THAT(config.pipelines, ElementsAre(folder_.path() / "a.toml", "/b.toml"));
}

TEST_F(HostConfigTest, batch_jobs_have_a_section) {
    using std::chrono::milliseconds;
    const auto config = good(R"([batch]
provider = "openai"
poll_min_ms = 100
poll_max_ms = 200
visibility_grace_ms = 300
retry_base_ms = 400
retry_max_ms = 500
lease_ms = 600
call_timeout_ms = 700
idle_timeout_ms = 800
attempts = 9
content_attempts = 1
cost_cap_usd = 12.5
output_tokens_assumed = 100
enqueued_tokens_max = 2_000_000
requests_max = 10
echo = false
cleanup = false
supervise = false
allow_past_review = true
deadline_action = "live"
live_concurrency = 3
pilot_items = 20
[[plugin]]
id = "openai"
)");
    const auto& batch = config.batch;
    EXPECT_EQ(batch.provider, "openai");
    EXPECT_EQ(batch.poll_min, milliseconds(100));
    EXPECT_EQ(batch.poll_max, milliseconds(200));
    EXPECT_EQ(batch.visibility_grace, milliseconds(300));
    EXPECT_EQ(batch.retry_base, milliseconds(400));
    EXPECT_EQ(batch.retry_max, milliseconds(500));
    EXPECT_EQ(batch.lease, milliseconds(600));
    EXPECT_EQ(batch.call_timeout, milliseconds(700));
    EXPECT_EQ(batch.idle_timeout, milliseconds(800));
    EXPECT_EQ(batch.attempts, 9U);
    EXPECT_EQ(batch.content_attempts, 1U);
    EXPECT_EQ(batch.cost_cap_usd, 12.5);
    EXPECT_EQ(batch.output_tokens_assumed, 100U);
    EXPECT_EQ(batch.enqueued_tokens_max, 2'000'000U);
    EXPECT_EQ(batch.requests_max, 10U);
    EXPECT_FALSE(batch.has_echo);
    EXPECT_FALSE(batch.cleans_up);
    EXPECT_FALSE(batch.is_supervised);
    EXPECT_TRUE(batch.allows_past_review);
    EXPECT_EQ(batch.deadline_action, BatchConfig::DeadlineAction::live);
    EXPECT_EQ(batch.live_concurrency, 3U);
    EXPECT_EQ(batch.pilot_items, 20U);
    EXPECT_EQ(good("[batch]\ndeadline_action = \"resubmit\"\n").batch.deadline_action, BatchConfig::DeadlineAction::resubmit);
}

TEST_F(HostConfigTest, every_value_of_a_batch_has_its_range) {
    for (const std::string key : {"poll_min_ms",
                                  "poll_max_ms",
                                  "visibility_grace_ms",
                                  "retry_base_ms",
                                  "retry_max_ms",
                                  "lease_ms",
                                  "call_timeout_ms",
                                  "idle_timeout_ms"}) {
        EXPECT_THAT(problem("[batch]\n" + key + " = 99\n"), HasSubstr("batch." + key + ": 99 is out of range; must be 100 to"));
    }
    for (const std::string key : {"attempts", "content_attempts", "output_tokens_assumed", "live_concurrency"}) {
        EXPECT_THAT(problem("[batch]\n" + key + " = 0\n"), HasSubstr("batch." + key + ": 0 is out of range; must be 1 to"));
    }
    for (const std::string key : {"cost_cap_usd", "enqueued_tokens_max", "requests_max", "pilot_items"}) {
        EXPECT_THAT(problem("[batch]\n" + key + " = -1\n"), HasSubstr("batch." + key + ": -1 is out of range; must be 0 to"));
    }
    for (const std::string key : {"echo", "cleanup", "supervise", "allow_past_review"}) {
        EXPECT_THAT(problem("[batch]\n" + key + " = 1\n"), HasSubstr("batch." + key + ": is an integer; must be"));
    }
    EXPECT_THAT(problem("[batch]\ndeadline_action = \"wait\"\n"),
                HasSubstr(R"("wait" is not known; must be one of "stop", "live", "resubmit")"));
    EXPECT_THAT(problem("[batch]\npoll_minimum_ms = 100\n"), HasSubstr("did you mean \"poll_min_ms\"?"));
}

TEST_F(HostConfigTest, settings_of_a_batch_that_are_wrong_together_are_refused) {
    EXPECT_THAT(problem("[batch]\npoll_min_ms = 400_000\n"), HasSubstr(":2:15: batch.poll_min_ms: is more than"));
    EXPECT_THAT(problem("[batch]\nretry_max_ms = 500\n"), HasSubstr("batch.retry_base_ms: is more than"));
    EXPECT_THAT(problem("[batch]\nprovider = \"gpt\"\n"), HasSubstr(":2:12: batch.provider: \"gpt\" is no enabled [[plugin]]"));
    EXPECT_THAT(problem("[batch]\nprovider = \"gpt\"\n[[plugin]]\nid = \"gpt\"\nenabled = false\n"),
                HasSubstr("is no enabled [[plugin]]"));
    EXPECT_THAT(problem("[batch]\nprovider = \"G P T\"\n"), HasSubstr("\"G P T\" is no id"));
}

TEST_F(HostConfigTest, a_plugin_instance_is_read_with_its_secrets_by_reference) {
    variables_["OPENAI_API_KEY"] = "sk-0123456789abcdef0123";
    folder_.write("secrets/second", "file-secret\n");
    const auto config = good(R"([[plugin]]
id = "gpt"
plugin = "openai"
required = false
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
keys = [{ id = "main", env = "OPENAI_API_KEY" }, { id = "second", file = "secrets/second" }, { id = "third", env = "NOT_SET" }]
key_origins = ["https://api.openai.com"]
secrets = { password = { env = "OPENAI_API_KEY" } }
[plugin.config]
zulu = 1
alpha = "${REGION:-eu}"
list = [1.0, 2.5, true, "x"]
mike.nested = "한국\n"
[[plugin]]
id = "off"
enabled = false
)");
    ASSERT_EQ(config.plugins.size(), 1U);
    const auto& plugin = config.plugins[0];
    EXPECT_EQ(plugin.id, "gpt");
    EXPECT_EQ(plugin.plugin, "openai");
    EXPECT_FALSE(plugin.is_required);
    ASSERT_EQ(plugin.keys.size(), 3U);
    EXPECT_EQ(plugin.keys[0].value, "sk-0123456789abcdef0123");
    EXPECT_EQ(plugin.keys[1].value, "file-secret");
    EXPECT_EQ(plugin.keys[2].value, std::nullopt);
    EXPECT_EQ(plugin.keys[2].source, "environment variable NOT_SET");
    ASSERT_EQ(plugin.secrets.size(), 1U);
    EXPECT_EQ(plugin.secrets[0].id, "password");
    EXPECT_EQ(plugin.config_json, R"({"zulu":1,"alpha":"eu","list":[1.0,2.5,true,"x"],"mike":{"nested":"한국\n"}})");
}

TEST_F(HostConfigTest, config_and_data_folders_may_be_named_anywhere) {
    overrides_.data_dir = "/srv/data";
    const auto config = good(R"([[plugin]]
id = "a"
config = { database = "${data_dir}/rules.db", seed = "${config_dir}/rules" }
[data]
dir = "/elsewhere"
)");
    EXPECT_EQ(config.plugins.at(0).plugin, "a");
    EXPECT_EQ(config.plugins.at(0).config_json,
              R"({"database":"/srv/data/rules.db","seed":")" + folder_.path().string() + R"(/rules"})");
}

TEST_F(HostConfigTest, the_command_line_beats_the_environment_and_that_the_file) {
    const std::string text =
        "[server]\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"error\"\n[image]\nhosts = [\"a.example\"]\n[data]\ndir = "
        "\"/a\"\n";
    variables_ = {{"ECO2_LISTEN", "127.0.0.1:2"},
                  {"ECO2_LOG_LEVEL", "warn"},
                  {"ECO2_IMAGE_HOSTS", " b.example, C.example ,"},
                  {"ECO2_DATA", "/b"}};
    auto config = good(text);
    EXPECT_EQ(config.server.listen.port, 2);
    EXPECT_EQ(config.log.level, LogLevel::warn);
    EXPECT_THAT(config.image.hosts, ElementsAre("b.example", "c.example"));
    EXPECT_EQ(config.data_dir, "/b");
    overrides_ = {"127.0.0.1:3", "/c", "debug"};
    config = good(text);
    EXPECT_EQ(config.server.listen.port, 3);
    EXPECT_EQ(config.log.level, LogLevel::debug);
    EXPECT_EQ(config.data_dir, "/c");
}

TEST_F(HostConfigTest, the_proxy_comes_from_the_environment_unless_the_file_names_one) {
    variables_ = {{"HTTPS_PROXY", "http://user:pass@proxy:1"}, {"NO_PROXY", "a,b"}};
    EXPECT_EQ(good("").http.proxy, "http://user:pass@proxy:1");
    EXPECT_EQ(good("").http.no_proxy, "a,b");
    EXPECT_EQ(good("[http]\nproxy = \"\"\n").http.proxy, "");
    variables_ = {{"HTTPS_PROXY", "socks5://user:pass@proxy:1"}};
    EXPECT_THAT(problem(""), HasSubstr("HTTPS_PROXY: is no proxy address"));
    EXPECT_THAT(problem(""), Not(HasSubstr("pass@")));
}

TEST_F(HostConfigTest, every_fault_names_file_line_column_and_key) {
    const std::string file = (folder_.path() / "eco2.toml").string();
    EXPECT_EQ(problem("[server]\nio_threads = \"two\"\n"), file + ":2:14: server.io_threads: is a string; must be an integer");
    EXPECT_EQ(problem("[server]\nio_threads = 1_000\n"),
              file + ":2:14: server.io_threads: 1000 is out of range; must be 0 to 256");
    EXPECT_EQ(problem("\n[log]\nlevle = 1\n"), file + ":3:1: log.levle: unknown key; did you mean \"level\"?");
    EXPECT_THAT(problem("[sever]\n"), HasSubstr(":1:2: sever: unknown key; did you mean \"server\"?"));
    EXPECT_THAT(problem("[log]\nwholly_different = 1\n"), HasSubstr("known here: level, format"));
    EXPECT_THAT(problem("[log]\nformat = \"xml\"\n"), HasSubstr(R"("xml" is not known; must be one of "json", "text")"));
    EXPECT_THAT(problem("[server]\nlisten = \"here\"\n"), HasSubstr("must be an address and a port"));
    EXPECT_THAT(problem("log = 3\n"), HasSubstr("log: is an integer; must be a table"));
    EXPECT_THAT(problem("[image]\nhosts = \"a\"\n"), HasSubstr("image.hosts: is a string; must be a list"));
    EXPECT_THAT(problem("[image]\nhosts = [\"https://a\"]\n"), HasSubstr("image.hosts[0]: \"https://a\" is no host name"));
    EXPECT_THAT(problem("[auth]\ntrusted_peers = [\"::1\", \"me\"]\n"),
                HasSubstr("auth.trusted_peers[1]: \"me\" is no address"));
    EXPECT_THAT(problem("[pipelines]\nfiles = [1]\n"), HasSubstr("pipelines.files[0]: is an integer; must be a string"));
    EXPECT_THAT(problem("plugin = { id = \"a\" }\n"), HasSubstr("plugin: is a table; must be a list"));
    EXPECT_THAT(problem("[server.tls]\nkey = \"a\"\n"), HasSubstr("server.tls.certificate: is missing"));
    EXPECT_THAT(problem("[[plugin]]\nid = \"A b\"\n"), HasSubstr("plugin[0].id: \"A b\" is no id"));
    EXPECT_THAT(problem("[[plugin]]\nid = \"a\"\n[[plugin]]\nid = \"a\"\n"),
                HasSubstr(":4:6: plugin[1].id: \"a\" is there already"));
    EXPECT_THAT(problem("[[plugin]]\nplugin = \"a\"\n"), HasSubstr("plugin[0].id: is missing"));
    EXPECT_THAT(problem("[[plugin]]\nid = \"a\"\nsha256 = \"ab\"\n"), HasSubstr("64 hex digits"));
    EXPECT_THAT(problem("[[plugin]]\nid = \"a\"\nkey_origins = [\"https://a/v1\"]\n"), HasSubstr("is no origin"));
    EXPECT_THAT(problem("[[plugin]]\nid = \"a\"\nconfig.when = 2026-01-01\n"), HasSubstr("plugin[0].config.when: is a date"));
    EXPECT_THAT(problem("[[plugin]]\nid = \"a\"\nconfig.x = inf\n"), HasSubstr("is not finite"));
    EXPECT_THAT(problem("[[plugin]]\nid = \"a\"\nconfig.x = \"${UNSET}\"\n"),
                HasSubstr(":3:12: plugin[0].config.x: environment variable UNSET is not set"));
}

TEST_F(HostConfigTest, what_is_not_toml_is_told_with_its_place) {
    EXPECT_THAT(problem("[server\n"), HasSubstr("eco2.toml:1:"));
    EXPECT_THAT(problem("a = 1\na = 2\n"), HasSubstr(":2:"));
    EXPECT_THAT(load_host_config("/nowhere/eco2.toml", [](std::string_view) { return std::nullopt; }).error().detail,
                HasSubstr("/nowhere/eco2.toml: no such file"));
    EXPECT_THAT(load_host_config("/", [](std::string_view) { return std::nullopt; }).error().detail, HasSubstr("is a folder"));
}

TEST_F(HostConfigTest, all_faults_come_at_once_in_the_order_of_the_file_and_end_at_twenty) {
    const auto two = problem("[log]\nlevel = 1\n[server]\nio_threads = \"x\"\n");
    EXPECT_LT(two.find(":2:9: log.level"), two.find(":4:14: server.io_threads"));
    std::string many;
    for (int i = 0; i < 25; ++i) {
        many += "unknown_key_" + std::to_string(i) + " = 1\n";
    }
    const auto told = problem(many);
    EXPECT_THAT(told, HasSubstr("unknown_key_19"));
    EXPECT_THAT(told, Not(HasSubstr("unknown_key_20:")));
    EXPECT_THAT(told, HasSubstr("and 5 more"));
}

TEST_F(HostConfigTest, literal_secrets_are_refused_and_never_shown) {
    variables_["OPENAI_API_KEY"] = "sk-0123456789abcdef0123";
    const std::string secret = "sk-topsecret0123456789";
    for (const std::string& line : {"keys = [{ id = \"main\", value = \"" + secret + "\" }]",
                                    "keys = [{ id = \"main\", key = \"" + secret + "\" }]",
                                    "keys = [{ id = \"main\", env = \"" + secret + "\" }]",
                                    "keys = [\"" + secret + "\"]",
                                    "secrets = { password = \"" + secret + "\" }",
                                    "config = { api_key = \"" + secret + "\" }",
                                    "config = { deep = [{ Password = \"" + secret + "\" }] }",
                                    "config = { innocent = \"" + secret + "\" }",
                                    std::string("config = { x = \"${OPENAI_API_KEY}\" }")}) {
        const auto told = problem("[[plugin]]\nid = \"a\"\n" + line + "\n");
        EXPECT_THAT(told, HasSubstr(":3:")) << line;
        EXPECT_THAT(told, Not(HasSubstr("topsecret"))) << line;
        EXPECT_THAT(told, Not(HasSubstr("0123456789"))) << line;
    }
}

TEST_F(HostConfigTest, a_secret_has_exactly_one_source) {
    const auto keys = [](std::string_view inside) {
        return "[[plugin]]\nid = \"a\"\nkeys = [{ " + std::string(inside) + " }]\n";
    };
    EXPECT_THAT(problem(keys("id = \"k\"")), HasSubstr("must have exactly one of env"));
    EXPECT_THAT(problem(keys("id = \"k\", env = \"A\", file = \"b\"")), HasSubstr("must have exactly one of env"));
    EXPECT_THAT(problem(keys("env = \"A\"")), HasSubstr("keys[0].id: is missing"));
    EXPECT_THAT(problem(keys("id = \"k\", file = \"none\"")), HasSubstr("none: no such file"));
    folder_.write("blank", " \n");
    EXPECT_THAT(problem(keys("id = \"k\", file = \"blank\"")), HasSubstr("is empty; must hold the secret"));
    EXPECT_THAT(problem(keys("id = \"k\", env = \"A\" }, { id = \"k\", env = \"B\"")), HasSubstr("is there already"));
}

TEST_F(HostConfigTest, settings_that_are_wrong_together_are_refused) {
    EXPECT_THAT(problem("[server]\nlisten = \"0.0.0.0:80\"\n"), HasSubstr("auth.mode: \"none\" lets everybody in"));
    EXPECT_THAT(problem("[plugins]\nprofile = \"production\"\n"), HasSubstr("auth.mode: \"none\" is refused"));
    EXPECT_THAT(problem("[auth]\nmode = \"header\"\n[plugins]\nprofile = \"production\"\n[image]\nallow_private = true\n"),
                HasSubstr(":6:17: image.allow_private: is for tests"));
    EXPECT_THAT(problem("[image]\nside_max = 100\nside_target = 200\n"), HasSubstr("image.side_target: is larger"));
    overrides_.listen = "0.0.0.0:80";
    EXPECT_THAT(problem(""), HasSubstr("server.listen is 0.0.0.0"));
}

TEST_F(HostConfigTest, a_file_cut_at_every_byte_is_read_or_refused_with_a_place) {
    const std::string whole =
        "[server]\nlisten = \"127.0.0.1:1\"\n[[plugin]]\nid = \"a\"\nkeys = [{ id = \"m\", env = \"A\" }]\n[plugin.config]\nx "
        "= 1\n";
    for (std::size_t i = 0; i < whole.size(); ++i) {
        const auto config = load(whole.substr(0, i));
        if (!config) {
            EXPECT_THAT(config.error().detail, HasSubstr(file_.string() + ":")) << i;
        }
    }
}

TEST_F(HostConfigTest, several_ways_to_say_who_one_is) {
    variables_["JWT_SECRET"] = "0123456789012345678901234567890123456789";
    const auto config = good(R"([auth]
mode = ["key", "jwt"]
[auth.jwt]
algorithm = "HS256"
key = { env = "JWT_SECRET" }
audience = "eco2"
leeway_s = 5
[cors]
origins = ["https://app.example.com"]
credentials = true
[quota]
runs_concurrent = 3
[runs]
keep_photos = "dead_letters"
result_lifetime_s = 120
[grants]
lifetime_s = 86_400
)");
    EXPECT_TRUE(config.auth.accepts_keys);
    EXPECT_FALSE(config.auth.trusts_header);
    ASSERT_TRUE(config.auth.jwt);
    EXPECT_EQ(config.auth.jwt->algorithm, "HS256");
    EXPECT_EQ(config.auth.jwt->key.value, variables_["JWT_SECRET"]);
    EXPECT_EQ(config.auth.jwt->audience, "eco2");
    EXPECT_EQ(config.auth.jwt->leeway, std::chrono::seconds(5));
    EXPECT_THAT(config.cors.origins, ElementsAre("https://app.example.com"));
    EXPECT_TRUE(config.cors.allows_credentials);
    EXPECT_EQ(config.quota.runs_concurrent, 3U);
    EXPECT_EQ(config.runs.keep_photos, RunsConfig::KeepPhotos::dead_letters);
    EXPECT_EQ(config.runs.result_lifetime, std::chrono::seconds(120));
    EXPECT_EQ(config.grants.lifetime, std::chrono::hours(24));
}

TEST_F(HostConfigTest, credentials_that_cannot_work_are_refused) {
    EXPECT_THAT(problem("[auth]\nmode = [\"none\", \"key\"]\n"),
                HasSubstr("auth.mode: \"none\" lets everybody in and stands alone"));
    EXPECT_THAT(problem("[auth]\nmode = \"magic\"\n"), HasSubstr("auth.mode: \"magic\" is not known"));
    EXPECT_THAT(problem("[auth]\nmode = \"jwt\"\n"), HasSubstr("auth.mode: \"jwt\" needs a table [auth.jwt]"));
    EXPECT_THAT(problem("[auth]\nmode = \"jwt\"\n[auth.jwt]\nkey = { env = \"UNSET\" }\n"), HasSubstr("auth.jwt.key"));
    EXPECT_THAT(problem("[auth]\nmode = \"jwt\"\n[auth.jwt]\nalgorithm = \"none\"\n"), HasSubstr("auth.jwt.algorithm"));
    EXPECT_THAT(problem("[cors]\norigins = [\"*\"]\ncredentials = true\n"), HasSubstr("cors.credentials"));
    EXPECT_THAT(problem("[cors]\norigins = [\"app.example.com\"]\n"), HasSubstr("cors.origins[0]"));
    EXPECT_THAT(problem("[runs]\nkeep_photos = \"sometimes\"\n"), HasSubstr("runs.keep_photos"));
}

TEST_F(HostConfigTest, image_urls_have_rules_of_their_own) {
    const auto config = good(R"([image]
url_mode = "fetch"
fetch_timeout_ms = 2_000
[image.url]
channels = ["scan"]
extensions = [".jpg"]
hex_names = true
)");
    EXPECT_EQ(config.image.url_mode, ImageUrlMode::fetch);
    EXPECT_EQ(config.image.fetch_timeout, std::chrono::seconds(2));
    EXPECT_FALSE(config.image.url.is_seed_profile);
    EXPECT_THAT(config.image.url.channels, ElementsAre("scan"));
    EXPECT_THAT(config.image.url.extensions, ElementsAre(".jpg"));
    EXPECT_TRUE(config.image.url.needs_hex_name);
    EXPECT_TRUE(good("[image.url]\nprofile = \"seed\"\n").image.url.is_seed_profile);
    EXPECT_THAT(problem("[image.url]\nextensions = [\"jpg\"]\n"), HasSubstr("image.url.extensions"));
    EXPECT_THAT(problem("[image]\nurl_mode = \"steal\"\n"), HasSubstr("image.url_mode"));
}

}  // namespace
}  // namespace eco2::config
