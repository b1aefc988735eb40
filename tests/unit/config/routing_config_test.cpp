#include "config/routing_config.hpp"

#include "config/host_config.hpp"
#include "unit/config/folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace eco2::config {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using namespace std::chrono_literals;

constexpr std::string_view kPlugins =
    "[[plugin]]\nid = \"a\"\n[[plugin]]\nid = \"b\"\n[[plugin]]\nid = \"off\"\nenabled = false\n";

class RoutingConfigTest : public testing::Test {
protected:
    Result<HostConfig> load(std::string_view text) {
        const auto file = folder_.write("eco2.toml", text);
        return load_host_config(file, [this](std::string_view name) -> std::optional<std::string> {
            const auto found = variables_.find(name);
            return found != variables_.end() ? std::optional(found->second) : std::nullopt;
        });
    }

    /// The fault of a file with two plugins and `text`.
    std::string problem(std::string_view text) {
        const auto config = load(std::string(kPlugins) + std::string(text));
        return config ? "no problem" : config.error().detail;
    }

    RoutingDefinition good(std::string_view text) {
        auto config = load(text);
        EXPECT_TRUE(config) << config.error().detail;
        return config ? config->routing : RoutingDefinition{};
    }

    Folder folder_;
    std::map<std::string, std::string, std::less<>> variables_;
};

std::string route(std::string_view inside) {
    return "[[route]]\nmatch = \"*\"\ntargets = [{ provider = \"a\" }]\n" + std::string(inside);
}

TEST_F(RoutingConfigTest, an_empty_file_has_no_routes_and_the_defaults) {
    const auto routing = good("");
    EXPECT_THAT(routing.routes, SizeIs(0));
    EXPECT_THAT(routing.providers, SizeIs(0));
    EXPECT_EQ(routing.breaker.failures, BreakerPolicy().failures);
    EXPECT_EQ(routing.retry_share, RoutingDefinition().retry_share);
}

TEST_F(RoutingConfigTest, every_key_is_read) {
    variables_ = {{"K1", "secret-1"}, {"MODEL", "gpt-x"}};
    const auto routing = good(R"([[account]]
id = "team"
requests_per_minute = 500
tokens_per_minute = 90_000
[[account.model]]
match = "big*"
requests_per_minute = 5
[[plugin]]
id = "a"
keys = [{ id = "k1", env = "K1", account = "team", requests_per_minute = 10, tokens_per_minute = 20 }]
[[plugin]]
id = "b"
[[route]]
match = "gpt-*"
name = "openai-like"
router = "b"
targets = [{ provider = "a" }, { provider = "b", model = "${MODEL}", weight = 2, priority = 7, context_tokens = 1_000_000 }]
[route.policy]
attempts = 9
cost_usd = 0.25
total_ms = 1
headers_ms = 2
first_content_ms = 3
between_contents_ms = 4
whole_ms = 5
same_target_retries = 0
hint_wait_max_ms = 0
backoff_base_ms = 6
backoff_max_ms = 7
context_length = "give_back"
content_policy = "next"
mid_stream = "restart_marked"
queue_max = 0
queue_wait_max_ms = 8
stream_stages = "always"
[routing]
breaker = { failures = 2, open_min_ms = 10, open_max_ms = 20 }
retry_share = 0.5
retry_floor_per_second = 1
key_probe_ms = 30
limited_default_ms = 40
[prices]
version = "v1"
review_by = "2027-03-31"
[[prices.model]]
match = "gpt-*"
provider = "a"
input_usd = 1
output_usd = 2.5
)");
    ASSERT_THAT(routing.accounts, SizeIs(1));
    EXPECT_EQ(routing.accounts[0].quota.requests_per_minute, 500);
    EXPECT_EQ(routing.accounts[0].quota.tokens_per_minute, 90'000);
    EXPECT_EQ(routing.accounts[0].models.at(0).match, "big*");
    EXPECT_EQ(routing.accounts[0].models.at(0).quota.requests_per_minute, 5);
    ASSERT_THAT(routing.providers, SizeIs(2));
    EXPECT_EQ(routing.providers[0].keys.at(0).account, "team");
    EXPECT_EQ(routing.providers[0].keys.at(0).quota.requests_per_minute, 10);
    EXPECT_EQ(routing.providers[0].keys.at(0).quota.tokens_per_minute, 20);
    ASSERT_THAT(routing.routes, SizeIs(1));
    const auto& found = routing.routes[0];
    EXPECT_EQ(found.name, "openai-like");
    EXPECT_EQ(found.router, "b");
    ASSERT_THAT(found.targets, SizeIs(2));
    EXPECT_EQ(found.targets[0].priority, 0);
    EXPECT_EQ(found.targets[1].model, "gpt-x");
    EXPECT_EQ(found.targets[1].weight, 2);
    EXPECT_EQ(found.targets[1].priority, 7);
    EXPECT_EQ(found.targets[1].context_tokens, 1'000'000);
    RoutePolicy policy;
    policy.attempts = 9;
    policy.cost_usd = 0.25;
    policy.total = 1ms;
    policy.headers = 2ms;
    policy.first_content = 3ms;
    policy.between_contents = 4ms;
    policy.whole = 5ms;
    policy.same_target_retries = 0;
    policy.hint_wait_max = 0ms;
    policy.backoff_base = 6ms;
    policy.backoff_max = 7ms;
    policy.context_length = RoutePolicy::ContextLength::give_back;
    policy.content_policy = RoutePolicy::ContentPolicy::next;
    policy.mid_stream = RoutePolicy::MidStream::restart_marked;
    policy.queue_max = 0;
    policy.queue_wait_max = 8ms;
    policy.stream_stages = RoutePolicy::StreamStages::always;
    EXPECT_EQ(found.policy, policy);
    EXPECT_EQ(routing.breaker.failures, 2);
    EXPECT_EQ(routing.breaker.open_min, 10ms);
    EXPECT_EQ(routing.breaker.open_max, 20ms);
    EXPECT_EQ(routing.retry_share, 0.5);
    EXPECT_EQ(routing.retry_floor_per_second, 1);
    EXPECT_EQ(routing.key_probe, 30ms);
    EXPECT_EQ(routing.limited_default, 40ms);
    EXPECT_EQ(routing.prices.version, "v1");
    EXPECT_EQ(routing.prices.review_by, "2027-03-31");
    EXPECT_EQ(routing.prices.prices.at(0).provider, "a");
    EXPECT_EQ(routing.prices.prices.at(0).cached_input_usd, -1);
    EXPECT_EQ(routing.prices.prices.at(0).output_usd, 2.5);
}

TEST_F(RoutingConfigTest, a_route_begins_with_what_holds_for_all) {
    const auto routing = good(std::string(kPlugins) + "[routing.policy]\nattempts = 7\nwhole_ms = 9\n" +
                              route("[route.policy]\nwhole_ms = 10\n"));
    EXPECT_EQ(routing.routes.at(0).policy.attempts, 7);
    EXPECT_EQ(routing.routes.at(0).policy.whole, 10ms);
    EXPECT_EQ(routing.routes.at(0).policy.headers, RoutePolicy().headers);
    EXPECT_EQ(routing.routes.at(0).name, "*");
}

TEST_F(RoutingConfigTest, a_key_without_a_value_is_in_no_list_so_that_places_agree) {
    variables_ = {{"SECOND", "secret-2"}, {"THIRD", "secret-3"}};
    const auto config = load(
        "[[plugin]]\nid = \"a\"\nkeys = [{ id = \"one\", env = \"FIRST\" }, { id = \"two\", env = \"SECOND\" }, { id = "
        "\"three\", env = \"THIRD\" }]\n[[plugin]]\nid = \"off\"\nenabled = false\nkeys = [{ id = \"x\", env = \"THIRD\" }]\n");
    ASSERT_TRUE(config);
    ASSERT_THAT(config->routing.providers, SizeIs(1));
    std::vector<std::string> present;
    for (const auto& key : config->plugins.at(0).keys) {
        if (key.value) {
            present.push_back(key.id);
        }
    }
    std::vector<std::string> routed;
    for (const auto& key : config->routing.providers[0].keys) {
        routed.push_back(key.id);
    }
    EXPECT_EQ(routed, present);
    EXPECT_THAT(routed, testing::ElementsAre("two", "three"));
}

TEST_F(RoutingConfigTest, names_that_lead_nowhere_are_refused_with_their_place) {
    EXPECT_THAT(problem("[[route]]\nmatch = \"*\"\ntargets = [{ provider = \"a\" }, { provider = \"c\" }]\n"),
                HasSubstr(":10:45: route[0].targets[1].provider: \"c\" is no enabled [[plugin]]; must be one of: a, b"));
    EXPECT_THAT(problem("[[route]]\nmatch = \"*\"\ntargets = [{ provider = \"off\" }]\n"), HasSubstr("\"off\" is no enabled"));
    EXPECT_THAT(problem(route("router = \"c\"\n")), HasSubstr(":11:10: route[0].router: \"c\" is no enabled [[plugin]]"));
    EXPECT_THAT(problem("[prices]\nversion = \"1\"\n[[prices.model]]\nmatch = \"x\"\nprovider = \"c\"\n"),
                HasSubstr("prices.model[0].provider: \"c\" is no enabled"));
    EXPECT_THAT(problem("[[plugin]]\nid = \"d\"\nkeys = [{ id = \"k\", env = \"K\", account = \"team\" }]\n"),
                HasSubstr(":10:42: plugin[3].keys[0].account: \"team\" is no [[account]]; there are none"));
    EXPECT_THAT(problem("[[route]]\nmatch = \"*\"\n"), HasSubstr("route[0].targets: is missing"));
    EXPECT_THAT(problem("[[route]]\nmatch = \"*\"\ntargets = []\n"), HasSubstr("route[0].targets: is empty"));
    EXPECT_THAT(problem("[[route]]\nmatch = \"\"\ntargets = [{ provider = \"a\" }]\n"), HasSubstr("route[0].match: is empty"));
}

TEST_F(RoutingConfigTest, what_is_there_already_or_never_reached_is_refused) {
    EXPECT_THAT(problem("[[account]]\nid = \"x\"\n[[account]]\nid = \"x\"\n"),
                HasSubstr(":11:6: account[1].id: \"x\" is there"));
    const auto second = [](std::string_view first, std::string_view then) {
        return "[[route]]\nmatch = \"" + std::string(first) + "\"\ntargets = [{ provider = \"a\" }]\n[[route]]\nmatch = \"" +
               std::string(then) + "\"\ntargets = [{ provider = \"b\" }]\n";
    };
    EXPECT_THAT(problem(second("*", "gpt-4o")), HasSubstr(":12:9: route[1].match: \"gpt-4o\" is never reached"));
    EXPECT_THAT(problem(second("gpt-*", "gpt-4*")), HasSubstr("\"gpt-4*\" is never reached"));
    EXPECT_THAT(problem(second("gpt", "gpt")), HasSubstr("\"gpt\" is never reached"));
    EXPECT_EQ(problem(second("gpt-4*", "gpt-*")), "no problem");
    EXPECT_EQ(problem(second("gpt-4*", "*")), "no problem");
    EXPECT_THAT(problem(second("a*", "b*") + "[[route]]\nmatch = \"c\"\nname = \"b*\"\ntargets = [{ provider = \"a\" }]\n"),
                HasSubstr("route[2].name: \"b*\" is there already"));
}

TEST_F(RoutingConfigTest, clocks_and_counts_are_in_range) {
    for (const std::string key : {"total_ms",
                                  "headers_ms",
                                  "first_content_ms",
                                  "between_contents_ms",
                                  "whole_ms",
                                  "backoff_base_ms",
                                  "backoff_max_ms",
                                  "queue_wait_max_ms",
                                  "attempts"}) {
        for (const std::string value : {"0", "-1"}) {
            EXPECT_THAT(problem(route("[route.policy]\n" + key + " = " + value + "\n")),
                        HasSubstr("route[0].policy." + key + ": " + value + " is out of range"));
            EXPECT_THAT(problem("[routing.policy]\n" + key + " = " + value + "\n"),
                        HasSubstr("routing.policy." + key + ": " + value + " is out of range"));
        }
    }
    for (const std::string key : {"same_target_retries", "hint_wait_max_ms", "queue_max", "cost_usd"}) {
        EXPECT_THAT(problem("[routing.policy]\n" + key + " = -1\n"), HasSubstr(key + ": -1 is out of range"));
        EXPECT_EQ(problem("[routing.policy]\n" + key + " = 0\n"), "no problem");
    }
    EXPECT_THAT(problem("[routing.policy]\nbackoff_base_ms = 9_000\n"), HasSubstr("backoff_base_ms is 9000"));
    EXPECT_THAT(problem("[routing]\nbreaker = { open_min_ms = 30_000 }\n"),
                HasSubstr("routing.breaker.open_min_ms: is larger"));
    EXPECT_THAT(problem("[routing]\nkey_probe_ms = 0\n"), HasSubstr("routing.key_probe_ms: 0 is out of range"));
    EXPECT_THAT(problem("[[account]]\nid = \"x\"\nrequests_per_minute = -1\n"), HasSubstr("account[0].requests_per_minute"));
    EXPECT_THAT(problem("[[route]]\nmatch = \"*\"\ntargets = [{ provider = \"a\", weight = 0 }]\n"),
                HasSubstr("route[0].targets[0].weight"));
}

TEST_F(RoutingConfigTest, the_day_of_review_is_a_day_that_exists_or_none) {
    for (const std::string day : {"2027-02-29", "2027-13-01", "2027-00-10", "2027-3-31", "31.03.2027", "2027-03-31 ", "soon"}) {
        EXPECT_THAT(problem("[prices]\nreview_by = \"" + day + "\"\n"),
                    HasSubstr("prices.review_by: \"" + day + "\" is no day; must be such as \"2027-03-31\""));
    }
    EXPECT_EQ(problem("[prices]\nreview_by = \"2028-02-29\"\n"), "no problem");
    EXPECT_EQ(problem("[prices]\nreview_by = \"\"\n"), "no problem");
}

TEST(PriceTable, is_past_its_review_on_the_day_after_it) {
    PriceTable table;
    EXPECT_FALSE(table.is_past_review("9999-12-31")) << "without a day";
    table.review_by = "2027-03-31";
    EXPECT_FALSE(table.is_past_review("2026-12-31"));
    EXPECT_FALSE(table.is_past_review("2027-03-31"));
    EXPECT_TRUE(table.is_past_review("2027-04-01"));
    EXPECT_TRUE(table.is_past_review("2028-01-01"));
}

TEST_F(RoutingConfigTest, unknown_keys_and_words_are_refused) {
    EXPECT_THAT(problem(route("[route.policy]\nattempt = 1\n")),
                HasSubstr(":12:1: route[0].policy.attempt: unknown key; did you mean \"attempts\"?"));
    EXPECT_THAT(problem(route("target = 1\n")), HasSubstr("did you mean \"targets\"?"));
    EXPECT_THAT(problem("[[account]]\nid = \"x\"\nrpm = 1\n"), HasSubstr("account[0].rpm: unknown key"));
    EXPECT_THAT(problem("[routing]\nretries = 1\n"), HasSubstr("routing.retries: unknown key"));
    EXPECT_THAT(problem("[routing.policy]\nmid_stream = \"hope\"\n"), HasSubstr("\"hope\" is not known; must be one of"));
    EXPECT_THAT(problem("[prices]\n[[prices.model]]\nmatch = \"x\"\ninput_usd = 1\noutput_usd = 1\n"),
                HasSubstr("prices.version: is missing"));
    EXPECT_THAT(problem("[prices]\nversion = \"1\"\n[[prices.model]]\nmatch = \"x\"\ninput_usd = 1\n"),
                HasSubstr("prices.model[0].output_usd: is missing"));
}

}  // namespace
}  // namespace eco2::config
