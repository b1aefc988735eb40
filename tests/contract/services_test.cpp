#include "base/limits.hpp"
#include "contract/support.hpp"

namespace eco2::contract {
namespace {

using std::chrono::milliseconds;

constexpr const char* kSecret = "sk-very-secret";

/// The odd provider in the mood to use eco2.draft.http; the request's model is the URL.
class PluginHttp : public testing::Test {
protected:
    void load(const std::string& base_url, std::vector<std::string> origins = {}, const std::string& secret = kSecret) {
        auto config = ManualHost::config("odd_provider", R"({"behaviour":"http","base_url":")" + base_url + R"("})");
        config.keys = {{"first", secret}};
        config.key_origins = std::move(origins);
        const auto loaded = host_.host.load(config);
        ASSERT_TRUE(loaded) << loaded.error().text();
    }

    Result<void> ask(const std::string& url, const char* extra = nullptr) {
        GenerateRequest request;
        request.model = url;
        if (extra != nullptr) {
            request.params_json = std::make_shared<const std::string>(extra);
        }
        return host_.generate(*host_.host.provider("odd_provider"), seen_, std::move(request));
    }

    ManualHost host_;
    Recorder seen_;
};

TEST_F(PluginHttp, key_takes_the_place_of_its_placeholder) {
    load("https://api.example.com/v1");
    ASSERT_TRUE(ask("https://API.example.com:443/v1/chat"));
    ASSERT_EQ(host_.http.exchanges.size(), 1U);
    const auto& sent = host_.http.exchanges[0]->request;
    EXPECT_EQ(sent.headers[0].first, "Authorization");
    EXPECT_EQ(sent.headers[0].second, std::string("Bearer ") + kSecret);
    auto* observer = host_.http.exchanges[0]->observer;
    observer->on_head(200, {{"content-type", "text/plain"}});
    observer->on_body("hello");
    observer->on_done(nullptr);
    host_.executor.run();
    EXPECT_EQ(seen_.text, "hello");
    EXPECT_EQ(seen_.ends, 1);
    EXPECT_FALSE(seen_.has_failed);
}

TEST_F(PluginHttp, key_goes_nowhere_else) {
    load("https://api.example.com/v1");
    for (const auto* url : {"https://evil.example.com/v1",
                            "https://api.example.com:8443/v1",
                            "http://api.example.com/v1",
                            "https://api.example.com@evil.example.com/",
                            "https://user:pass@api.example.com/",
                            "https://api.example.com.evil.example.com/",
                            "ftp://api.example.com/",
                            "/v1/chat",
                            ""}) {
        EXPECT_FALSE(ask(url)) << url;
    }
    EXPECT_TRUE(host_.http.exchanges.empty());
    EXPECT_FALSE(host_.log.has(kSecret));
    EXPECT_EQ(host_.status().calls_open, 0U);
}

TEST_F(PluginHttp, plain_http_gets_a_key_on_loopback_only) {
    load("http://unused", {"http://127.0.0.1:8080", "http://api.example.com"});
    EXPECT_TRUE(ask("http://127.0.0.1:8080/v1"));
    Recorder second;
    seen_.call.reset();
    EXPECT_FALSE(ask("http://api.example.com/v1"));
    host_.executor.run();
}

TEST_F(PluginHttp, header_injection_is_refused) {
    load("https://api.example.com");
    EXPECT_FALSE(ask("https://api.example.com/", "a\r\nHost: evil"));
    EXPECT_FALSE(ask("https://api.example.com/", "a\nb"));
    EXPECT_TRUE(host_.http.exchanges.empty());
}

TEST_F(PluginHttp, header_injection_by_the_secret_is_refused) {
    load("https://api.example.com", {}, "secret-with-newline\n");
    EXPECT_FALSE(ask("https://api.example.com/"));
    EXPECT_FALSE(host_.log.has("secret-with-newline"));
}

TEST_F(PluginHttp, error_of_the_client_keeps_its_name) {
    load("https://api.example.com");
    ASSERT_TRUE(ask("https://api.example.com/"));
    const Error reset = fail(Errc::provider_reset, "closed in the middle");
    host_.http.exchanges[0]->observer->on_done(&reset);
    host_.executor.run();
    ASSERT_TRUE(seen_.has_failed);
    EXPECT_EQ(seen_.error.error.code, Errc::provider_reset);
    EXPECT_TRUE(seen_.error.is_retryable);
}

TEST_F(PluginHttp, pause_and_cancel_reach_the_socket) {
    load("https://api.example.com");
    seen_.pauses = true;
    ASSERT_TRUE(ask("https://api.example.com/"));
    auto& exchange = *host_.http.exchanges[0];
    EXPECT_EQ(exchange.observer->on_body("x"), HttpObserver::Flow::pause);
    seen_.call->resume();
    EXPECT_EQ(exchange.resumed, 1);
    seen_.call->cancel();
    EXPECT_TRUE(exchange.is_cancelled);
    host_.executor.run();
    EXPECT_EQ(seen_.error.error.code, Errc::cancelled);
    EXPECT_EQ(host_.status().calls_open, 0U);
}

class PluginStore : public testing::Test {
protected:
    void SetUp() override {
        auto config = ManualHost::config("odd_store");
        config.secrets = {{"password", "correct-horse"}};
        const auto loaded = host_.host.load(config);
        ASSERT_TRUE(loaded) << loaded.error().text();
        store_ = host_.host.rule_store("odd_store");
        ASSERT_NE(store_, nullptr);
    }

    void ask(Recorder& seen, const std::string& category, const std::string& key = "") {
        auto snapshot = store_->acquire();
        ASSERT_TRUE(snapshot);
        RuleQuery query;
        query.category = category;
        query.key = key;
        auto started = store_->lookup(*snapshot, query, seen);
        ASSERT_TRUE(started);
        seen.call = std::move(*started);
    }

    ManualHost host_;
    RuleStoreDoor* store_ = nullptr;
};

TEST_F(PluginStore, rule_comes_with_its_meta) {
    Recorder seen;
    ask(seen, "plastic", "bottle");
    host_.executor.run();
    EXPECT_EQ(seen.result, R"({"key":"bottle"})");
    EXPECT_EQ(seen.meta, R"({"id":"r1","version":7})");
    EXPECT_EQ(seen.ends, 1);
}

TEST_F(PluginStore, unknown_rule_is_no_result_and_no_error) {
    Recorder seen;
    ask(seen, "unknown");
    host_.executor.run();
    EXPECT_EQ(seen.result, "");
    EXPECT_EQ(seen.ends, 1);
    EXPECT_FALSE(seen.has_failed);
}

TEST_F(PluginStore, failures_are_named_after_the_door) {
    Recorder rules;
    ask(rules, "broken");
    Recorder rewards;
    RewardRequest request;
    request.user_id = "broken";
    auto started = host_.host.reward("odd_store")->decide(request, rewards);
    ASSERT_TRUE(started);
    rewards.call = std::move(*started);
    host_.executor.run();
    EXPECT_EQ(rules.error.error.code, Errc::rule_store_failed);
    EXPECT_EQ(rewards.error.error.code, Errc::reward_failed);
    EXPECT_EQ(rewards.error.upstream_code, "broken");
}

TEST_F(PluginStore, import_and_reward_tell_their_result) {
    Recorder imported;
    auto started = store_->import_directory("/rules", imported);
    ASSERT_TRUE(started);
    imported.call = std::move(*started);
    Recorder rewarded;
    RewardRequest request;
    request.input_json = R"({"reward":null})";
    auto decided = host_.host.reward("odd_store")->decide(request, rewarded);
    ASSERT_TRUE(decided);
    rewarded.call = std::move(*decided);
    host_.executor.run();
    EXPECT_EQ(imported.result, R"({"imported":3,"version":8})");
    EXPECT_EQ(rewarded.result, R"({"reward":null})");
}

TEST_F(PluginStore, open_snapshot_holds_the_instance) {
    auto snapshot = store_->acquire();
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(host_.status().calls_open, 1U);
    snapshot->reset();
    EXPECT_EQ(host_.status().calls_open, 0U);
}

TEST_F(PluginStore, metric_has_the_prefix_and_bounded_label_sets) {
    EXPECT_EQ(host_.metrics.names, std::vector<std::string>{"eco2_plugin_odd_store_lookups"});
    constexpr int kAsked = static_cast<int>(limits::kMetricLabelSetsMax) + 10;
    for (int i = 0; i < kAsked; ++i) {
        Recorder seen;
        ask(seen, "category" + std::to_string(i));
        host_.executor.run();
    }
    EXPECT_EQ(host_.metrics.values.size(), limits::kMetricLabelSetsMax + 1);
    EXPECT_EQ(host_.metrics.values["other"], 10);
}

TEST_F(PluginStore, log_carries_the_instance_and_no_secret) {
    EXPECT_TRUE(host_.log.has("[secret] plugin=odd_store instance=odd_store"));
    EXPECT_FALSE(host_.log.has("correct-horse"));
}

TEST(PluginLog, a_secret_that_the_mask_contains_is_masked_once) {
    ManualHost host;
    auto config = ManualHost::config("odd_store");
    config.secrets = {{"password", "secret"}};
    ASSERT_TRUE(host.host.load(config));
    EXPECT_TRUE(host.log.has("[secret] plugin=odd_store instance=odd_store"));
}

}  // namespace
}  // namespace eco2::contract
