#include "config/host_config.hpp"
#include "config/pipeline_file.hpp"
#include "config/section.hpp"
#include "config/text_file.hpp"
#include "config/toml_file.hpp"
#include "unit/config/folder.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>

namespace eco2::config {
namespace {

const std::filesystem::path kShipped = ECO2_CONFIG_DIR;
const Environment kNothing = [](std::string_view) { return std::nullopt; };

/// eco2.toml with every commented-out setting switched on.
std::string with_all_settings() {
    std::istringstream lines(read_text_file(kShipped / "eco2.toml").value());
    std::string out;
    for (std::string line; std::getline(lines, line);) {
        const bool is_setting = line.size() > 1 && line[0] == '#' && line[1] != ' ';
        out += (is_setting ? line.substr(1) : line) + "\n";
    }
    return out;
}

const Node* find(const Node& root, const std::string& path) {
    const Node* node = &root;
    std::istringstream parts(path);
    for (std::string part; node != nullptr && std::getline(parts, part, '.');) {
        if (node->kind == Node::Kind::list) {
            node = node->items.empty() ? nullptr : &node->items.front();
        }
        node = node != nullptr ? node->find(part) : nullptr;
    }
    return node;
}

TEST(ShippedFiles, eco2_toml_loads_with_an_empty_environment) {
    const auto config = load_host_config(kShipped / "eco2.toml", kNothing, {{}, "/srv/data", {}});
    ASSERT_TRUE(config) << config.error().detail;
    ASSERT_EQ(config->plugins.size(), 5U);
    EXPECT_EQ(config->plugins[0].id, "openai");
    EXPECT_EQ(config->plugins[0].config_json, R"({"base_url":"https://api.openai.com/v1"})");
    EXPECT_EQ(config->plugins[0].keys.at(0).value, std::nullopt);
    EXPECT_EQ(config->plugins[1].id, "openai_batch");
    EXPECT_FALSE(config->plugins[1].is_required) << "serving needs no batches";
    EXPECT_EQ(config->plugins[2].config_json,
              R"({"database":"/srv/data/rules.db","seed_directory":")" + (kShipped / "data/rules").string() + R"("})");
}

TEST(ShippedFiles, every_pipeline_that_eco2_toml_names_loads) {
    const auto config = load_host_config(kShipped / "eco2.toml", kNothing);
    ASSERT_TRUE(config) << config.error().detail;
    for (const auto& file : config->pipelines) {
        const auto pipeline = load_pipeline(file);
        EXPECT_TRUE(pipeline) << pipeline.error().detail;
    }
}

TEST(ShippedFiles, every_key_that_is_known_is_documented) {
    const auto parsed = parse_toml(with_all_settings(), "eco2.toml");
    ASSERT_TRUE(parsed) << parsed.error().detail;
    const auto text = with_all_settings();
    const auto keys = known_host_keys();
    EXPECT_GT(keys.size(), 40U);
    for (const auto& key : keys) {
        const auto last = key.substr(key.rfind('.') + 1);
        if (key.starts_with("plugin.secrets.") || key.starts_with("plugin.keys.") || key == "auth.jwt.key.env") {
            EXPECT_TRUE(last == "NAME" || text.find(last + " = ") != std::string::npos) << key;  // in a comment's example
        } else if (key.starts_with("route.policy")) {  // the same table as of all routes
            EXPECT_TRUE(key == "route.policy" || find(*parsed, "routing.policy." + last) != nullptr) << key;
        } else {
            EXPECT_NE(find(*parsed, key), nullptr) << key << " is not in config/eco2.toml";
        }
    }
}

TEST(ShippedFiles, the_defaults_in_the_comments_are_the_defaults) {
    Folder folder;
    auto text = with_all_settings();
    text.erase(text.find("[server.tls]"), text.find("[auth]") - text.find("[server.tls]"));
    text.erase(text.find("[auth.jwt]"), text.find("[cors]") - text.find("[auth.jwt]"));
    const auto written = load_host_config(folder.write("eco2.toml", text), kNothing);
    ASSERT_TRUE(written) << written.error().detail;
    const HostConfig defaults = load_host_config(folder.write("empty.toml", ""), kNothing).value();
    EXPECT_EQ(written->server.listen.host, defaults.server.listen.host);
    EXPECT_EQ(written->server.listen.port, defaults.server.listen.port);
    EXPECT_EQ(written->server.io_threads, defaults.server.io_threads);
    EXPECT_EQ(written->server.connections_max, defaults.server.connections_max);
    EXPECT_EQ(written->server.runs_max, defaults.server.runs_max);
    EXPECT_EQ(written->server.request_body_bytes_max, defaults.server.request_body_bytes_max);
    EXPECT_EQ(written->server.drain_timeout, defaults.server.drain_timeout);
    EXPECT_EQ(written->auth.lets_everybody_in(), defaults.auth.lets_everybody_in());
    EXPECT_EQ(written->cors.origins, defaults.cors.origins);
    EXPECT_EQ(written->cors.allows_credentials, defaults.cors.allows_credentials);
    EXPECT_EQ(written->cors.max_age, defaults.cors.max_age);
    EXPECT_EQ(written->quota.runs_concurrent, defaults.quota.runs_concurrent);
    EXPECT_EQ(written->quota.runs_per_minute, defaults.quota.runs_per_minute);
    EXPECT_EQ(written->quota.photo_bytes_per_minute, defaults.quota.photo_bytes_per_minute);
    EXPECT_EQ(written->runs.result_lifetime, defaults.runs.result_lifetime);
    EXPECT_EQ(written->runs.dead_letter_lifetime, defaults.runs.dead_letter_lifetime);
    EXPECT_EQ(written->runs.keep_photos, defaults.runs.keep_photos);
    EXPECT_EQ(written->runs.memory_bytes_max, defaults.runs.memory_bytes_max);
    EXPECT_EQ(written->grants.lifetime, defaults.grants.lifetime);
    EXPECT_EQ(written->batch.provider, defaults.batch.provider);
    EXPECT_EQ(written->batch.poll_min, defaults.batch.poll_min);
    EXPECT_EQ(written->batch.poll_max, defaults.batch.poll_max);
    EXPECT_EQ(written->batch.visibility_grace, defaults.batch.visibility_grace);
    EXPECT_EQ(written->batch.retry_base, defaults.batch.retry_base);
    EXPECT_EQ(written->batch.retry_max, defaults.batch.retry_max);
    EXPECT_EQ(written->batch.lease, defaults.batch.lease);
    EXPECT_EQ(written->batch.call_timeout, defaults.batch.call_timeout);
    EXPECT_EQ(written->batch.idle_timeout, defaults.batch.idle_timeout);
    EXPECT_EQ(written->batch.attempts, defaults.batch.attempts);
    EXPECT_EQ(written->batch.content_attempts, defaults.batch.content_attempts);
    EXPECT_EQ(written->batch.cost_cap_usd, defaults.batch.cost_cap_usd);
    EXPECT_EQ(written->batch.output_tokens_assumed, defaults.batch.output_tokens_assumed);
    EXPECT_EQ(written->batch.enqueued_tokens_max, defaults.batch.enqueued_tokens_max);
    EXPECT_EQ(written->batch.requests_max, defaults.batch.requests_max);
    EXPECT_EQ(written->batch.has_echo, defaults.batch.has_echo);
    EXPECT_EQ(written->batch.cleans_up, defaults.batch.cleans_up);
    EXPECT_EQ(written->batch.is_supervised, defaults.batch.is_supervised);
    EXPECT_EQ(written->batch.allows_past_review, defaults.batch.allows_past_review);
    EXPECT_EQ(written->batch.deadline_action, defaults.batch.deadline_action);
    EXPECT_EQ(written->batch.live_concurrency, defaults.batch.live_concurrency);
    EXPECT_EQ(written->batch.pilot_items, defaults.batch.pilot_items);
    EXPECT_EQ(written->auth.trusted_peers.size(), defaults.auth.trusted_peers.size());
    EXPECT_EQ(written->log.level, defaults.log.level);
    EXPECT_EQ(written->log.format, defaults.log.format);
    EXPECT_EQ(written->data_dir, defaults.data_dir);
    EXPECT_EQ(written->image.hosts, defaults.image.hosts);
    EXPECT_EQ(written->image.allow_private, defaults.image.allow_private);
    EXPECT_EQ(written->image.bytes_max, defaults.image.bytes_max);
    EXPECT_EQ(written->image.pixels_max, defaults.image.pixels_max);
    EXPECT_EQ(written->image.side_max, defaults.image.side_max);
    EXPECT_EQ(written->image.side_target, defaults.image.side_target);
    EXPECT_EQ(written->http.ca_file, defaults.http.ca_file);
    EXPECT_EQ(written->http.connect_timeout, defaults.http.connect_timeout);
    EXPECT_EQ(written->http.idle_timeout, defaults.http.idle_timeout);
    EXPECT_EQ(written->is_production, defaults.is_production);
    EXPECT_EQ(written->plugin_dirs, defaults.plugin_dirs);
    ASSERT_EQ(written->pipelines.size(), 2U) << "a file without the key serves the scan alone";
    EXPECT_EQ(written->pipelines.front(), defaults.pipelines.front());
    EXPECT_TRUE(written->plugins.at(0).is_required);
    const auto& routing = written->routing;
    ASSERT_EQ(routing.routes.size(), 1U);
    EXPECT_EQ(routing.routes[0].policy, RoutePolicy());
    EXPECT_EQ(routing.routes[0].name, "*");
    const auto& target = routing.routes[0].targets.at(0);
    EXPECT_EQ(target.weight, RouteTarget().weight);
    EXPECT_EQ(target.priority, RouteTarget().priority);
    EXPECT_EQ(target.context_tokens, RouteTarget().context_tokens);
    EXPECT_EQ(routing.breaker.failures, defaults.routing.breaker.failures);
    EXPECT_EQ(routing.breaker.open_min, defaults.routing.breaker.open_min);
    EXPECT_EQ(routing.breaker.open_max, defaults.routing.breaker.open_max);
    EXPECT_EQ(routing.retry_share, defaults.routing.retry_share);
    EXPECT_EQ(routing.retry_floor_per_second, defaults.routing.retry_floor_per_second);
    EXPECT_EQ(routing.key_probe, defaults.routing.key_probe);
    EXPECT_EQ(routing.limited_default, defaults.routing.limited_default);
    EXPECT_EQ(routing.accounts.at(0).models.at(0).quota.requests_per_minute, RateQuota().requests_per_minute);
}

TEST(ShippedFiles, every_example_loads_with_its_pipelines_and_routes_every_model) {
    const Environment variables = [](std::string_view name) -> std::optional<std::string> {
        if (name == "PRIMARY_BASE_URL" || name == "FALLBACK_BASE_URL") {
            return "http://127.0.0.1:4010/v1";
        }
        return name == "FALLBACK_MODEL" ? std::optional<std::string>("gpt-x") : std::nullopt;
    };
    std::size_t examples = 0;
    for (const auto& file : std::filesystem::directory_iterator(kShipped / "examples")) {
        ++examples;
        const auto config = load_host_config(file.path(), variables);
        ASSERT_TRUE(config) << config.error().detail;
        ASSERT_FALSE(config->routing.routes.empty()) << file.path();
        EXPECT_EQ(config->routing.routes.back().match, "*") << file.path();
        ASSERT_FALSE(config->pipelines.empty());
        for (const auto& pipeline : config->pipelines) {
            EXPECT_TRUE(load_pipeline(pipeline)) << pipeline;
        }
        for (const auto& plugin : config->plugins) {
            for (const std::string folder : {"seed_directory\":\"", "catalogue\":\""}) {
                const auto begin = plugin.config_json.find(folder);
                const auto from = begin + folder.size();
                EXPECT_TRUE(begin == std::string::npos ||
                            std::filesystem::exists(plugin.config_json.substr(from, plugin.config_json.find('"', from) - from)))
                    << file.path() << plugin.config_json;
            }
        }
    }
    EXPECT_GE(examples, 5U);
}

TEST(ShippedFiles, the_failover_example_asks_the_primary_then_the_fallback_which_is_the_larger) {
    const Environment variables = [](std::string_view name) -> std::optional<std::string> {
        const bool is_ours = name.starts_with("PRIMARY_") || name.starts_with("FALLBACK_");
        return is_ours ? std::optional("x-" + std::string(name)) : std::nullopt;
    };
    const auto config = load_host_config(kShipped / "examples/failover.toml", variables);
    ASSERT_TRUE(config) << config.error().detail;
    const auto& targets = config->routing.routes.at(0).targets;
    ASSERT_EQ(targets.size(), 2U);
    EXPECT_EQ(targets[0].provider, "primary");
    EXPECT_EQ(targets[0].model, "");
    EXPECT_EQ(targets[0].context_tokens, 0);
    EXPECT_EQ(targets[1].provider, "fallback");
    EXPECT_EQ(targets[1].model, "x-FALLBACK_MODEL");
    EXPECT_GT(targets[1].context_tokens, 0);
    for (const auto& plugin : config->plugins) {
        EXPECT_TRUE(plugin.is_required);
    }
    EXPECT_EQ(config->routing.providers.at(0).keys.at(0).id, "main");
}

TEST(ShippedFiles, stages_of_shipped_pipelines_leave_the_provider_to_the_routes) {
    for (const auto& file : std::filesystem::directory_iterator(kShipped / "pipelines")) {
        const auto pipeline = load_pipeline(file.path());
        ASSERT_TRUE(pipeline) << pipeline.error().detail;
        for (const auto& stage : pipeline->stages) {
            EXPECT_EQ(stage.provider, "") << file.path() << stage.name;
        }
    }
}

TEST(ShippedFiles, every_plant_problem_has_its_rule_and_every_rule_its_problem) {
    const auto schema = read_text_file(kShipped / "schemas/plant_look.json").value();
    std::size_t rules = 0;
    for (const auto& file : std::filesystem::directory_iterator(kShipped / "data/plant_rules")) {
        ++rules;
        EXPECT_NE(schema.find('"' + file.path().stem().string() + '"'), std::string::npos) << file.path();
        EXPECT_EQ(file.path().stem().string().find('_'), std::string::npos) << "an underscore would split category from key";
    }
    const auto begin = schema.find("[\"overwatering\"");
    const auto problems = schema.substr(begin, schema.find(']', begin) - begin);
    EXPECT_EQ(static_cast<std::size_t>(std::count(problems.begin(), problems.end(), ',')), rules) << "all but `unknown`";
}

}  // namespace
}  // namespace eco2::config
