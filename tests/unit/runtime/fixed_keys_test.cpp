#include "runtime/fixed_keys.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace eco2::runtime {
namespace {

TEST(FixedKeys, are_keys_or_tables_of_the_configuration) {
    const auto known = config::known_host_keys();
    for (const auto key : fixed_keys()) {
        const bool is_known = std::any_of(known.begin(), known.end(), [&](const auto& name) {
            return name == key || name.starts_with(std::string(key) + ".");
        });
        EXPECT_TRUE(is_known) << key;
    }
}

TEST(FixedKeys, nothing_is_told_where_nothing_changed) {
    const config::HostConfig running;
    config::HostConfig config;
    EXPECT_TRUE(keep_fixed_keys(running, config).empty());
}

TEST(FixedKeys, changed_ones_are_told_and_keep_the_running_value) {
    config::HostConfig running;
    running.server.listen = {"127.0.0.1", 8080};
    running.data_dir = "/data";
    config::HostConfig config = running;
    config.server.listen.port = 9090;
    config.server.tls = config::TlsFiles{"a.pem", "a.key"};
    config.http.proxy = "http://user:password@proxy:3128";
    config.data_dir = "/elsewhere";
    config.is_production = true;
    EXPECT_EQ(keep_fixed_keys(running, config),
              std::vector<std::string>({"server.listen", "server.tls", "data.dir", "http.proxy", "plugins.profile"}));
    EXPECT_EQ(config.server.listen.port, 8080);
    EXPECT_FALSE(config.server.tls);
    EXPECT_EQ(config.http.proxy, "");
    EXPECT_EQ(config.data_dir, "/data");
    EXPECT_FALSE(config.is_production);
}

TEST(FixedKeys, everything_else_is_left_as_it_is) {
    const config::HostConfig running;
    config::HostConfig config;
    config.server.runs_max = 7;
    config.server.drain_timeout = std::chrono::milliseconds(1);
    config.auth.accepts_keys = true;
    config.quota.runs_per_minute = 3;
    config.log.level = LogLevel::debug;
    config.image.hosts = {"a.example"};
    EXPECT_TRUE(keep_fixed_keys(running, config).empty());
    EXPECT_EQ(config.server.runs_max, 7U);
    EXPECT_TRUE(config.auth.accepts_keys);
    EXPECT_EQ(config.image.hosts.size(), 1U);
}

}  // namespace
}  // namespace eco2::runtime
