#include "app/auth.hpp"

#include "support/manual_executor.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

namespace eco2::app {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

const std::string kUser = "11111111-2222-3333-4444-55555555555A";
const std::string kLowerUser = "11111111-2222-3333-4444-55555555555a";

net::ServerRequest request(std::string peer, Headers headers, std::string method = "POST") {
    net::ServerRequest out;
    out.method = std::move(method);
    out.peer = std::move(peer);
    out.headers = std::move(headers);
    return out;
}

class AuthTest : public testing::Test {
protected:
    AuthTest() {
        config_.data_dir = folder_.path();
        config_.auth.trusted_peers = {*config::AddressRange::parse("10.0.0.0/8"), *config::AddressRange::parse("::1")};
    }

    const Authenticator& authenticator() {
        if (authenticator_ == nullptr) {
            authenticator_ = Authenticator::make(config_, null_log(), clock_).value();
        }
        return *authenticator_;
    }

    Result<Caller> ask(std::string peer, Headers headers, std::string method = "POST") {
        return authenticator().authenticate(request(std::move(peer), std::move(headers), std::move(method)));
    }
    Error refused(std::string peer, Headers headers, std::string method = "POST") {
        auto caller = ask(std::move(peer), std::move(headers), std::move(method));
        return caller ? fail(Errc::internal, "it was let in") : caller.error();
    }

    /// Puts a key into the file before the host opens it.
    std::string add_key(const std::function<void(store::ApiKey&)>& change = [](store::ApiKey&) {}) {
        auto made = store::make_key(clock_);
        change(made.key);
        store::KeyFile file(folder_.path() / "keys.db");
        EXPECT_TRUE(file.prepare());
        EXPECT_TRUE(file.add(made.key));
        config_.auth.accepts_keys = true;
        return made.text;
    }

    test::TemporaryFolder folder_;
    test::ManualClock clock_;
    config::HostConfig config_;
    std::shared_ptr<const Authenticator> authenticator_;
};

TEST_F(AuthTest, without_users_everybody_is_nobody_whatever_they_claim) {
    EXPECT_EQ(ask("127.0.0.1", {{"x-user-id", kUser}})->user_id, kNobody);
}

TEST_F(AuthTest, without_users_a_page_of_another_site_starts_nothing) {
    const Headers evil = {{"host", "127.0.0.1:8080"}, {"origin", "https://evil.example"}};
    EXPECT_EQ(refused("127.0.0.1", evil).code, Errc::forbidden);
    EXPECT_EQ(refused("127.0.0.1", {{"host", "127.0.0.1:8080"}, {"origin", "null"}}).code, Errc::forbidden);
    EXPECT_TRUE(ask("127.0.0.1", evil, "GET")) << "a browser shows it nothing";
    EXPECT_TRUE(ask("127.0.0.1", {{"host", "127.0.0.1:8080"}, {"origin", "http://127.0.0.1:8080"}}));
    for (const auto* origin : {"https://evil.example", "*"}) {
        config_.cors.origins = {origin};
        authenticator_.reset();  // as a reload does
        EXPECT_TRUE(ask("127.0.0.1", evil)) << origin;
    }
}

TEST_F(AuthTest, a_trusted_peer_names_the_user) {
    config_.auth.trusts_header = true;
    const auto caller = ask("10.1.2.3", {{"x-user-id", kUser}, {"x-auth-provider", "kakao"}});
    EXPECT_EQ(caller->user_id, kLowerUser);
    EXPECT_EQ(caller->auth_provider, "kakao");
    EXPECT_TRUE(ask("::1", {{"x-user-id", kUser}}));
}

TEST_F(AuthTest, a_stranger_may_not) {
    config_.auth.trusts_header = true;
    EXPECT_EQ(refused("11.1.2.3", {{"x-user-id", kUser}}).code, Errc::unauthorized);
    EXPECT_EQ(refused("", {{"x-user-id", kUser}}).code, Errc::unauthorized);
}

TEST_F(AuthTest, the_header_must_be_there_once_and_a_uuid) {
    config_.auth.trusts_header = true;
    EXPECT_EQ(refused("10.1.2.3", {}).detail, "Missing x-user-id header");
    EXPECT_EQ(refused("10.1.2.3", {{"x-user-id", "bob"}}).detail, "Invalid x-user-id format");
    for (const std::string& second : {kUser, std::string("99999999-2222-3333-4444-555555555555"), std::string()}) {
        EXPECT_EQ(refused("10.1.2.3", {{"x-user-id", kUser}, {"x-user-id", second}}).code, Errc::unauthorized) << second;
    }
}

TEST_F(AuthTest, a_key_is_its_users_in_both_spellings) {
    const auto text = add_key([](store::ApiKey& key) { key.user_id = kLowerUser; });
    EXPECT_EQ(ask("1.2.3.4", {{"authorization", "Bearer " + text}})->user_id, kLowerUser);
    EXPECT_EQ(ask("1.2.3.4", {{"authorization", "bearer  " + text}})->user_id, kLowerUser);
    EXPECT_EQ(ask("1.2.3.4", {{"x-api-key", text}})->user_id, kLowerUser);
    EXPECT_EQ(ask("1.2.3.4", {{"x-api-key", text}, {"x-user-id", "99999999-2222-3333-4444-555555555555"}})->user_id, kLowerUser)
        << "only a key for users may name another";
}

TEST_F(AuthTest, every_wrong_byte_of_a_key_and_every_cut_is_refused) {
    const auto text = add_key();
    config_.auth.trusts_header = true;
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto wrong = text;
        wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
        // From a trusted peer with a good header: what is wrong is never passed over.
        EXPECT_EQ(refused("10.1.2.3", {{"x-api-key", wrong}, {"x-user-id", kUser}}).code, Errc::unauthorized) << i;
        if (i > 0) {
            EXPECT_EQ(refused("10.1.2.3", {{"x-api-key", text.substr(0, i)}, {"x-user-id", kUser}}).code, Errc::unauthorized)
                << i;
        }
    }
    EXPECT_EQ(refused("1.2.3.4", {{"x-api-key", text + "0"}}).code, Errc::unauthorized);
    EXPECT_TRUE(ask("1.2.3.4", {{"x-api-key", text}}));
}

TEST_F(AuthTest, credentials_that_come_twice_are_nobodys) {
    const auto text = add_key();
    EXPECT_EQ(refused("1.2.3.4", {{"x-api-key", text}, {"x-api-key", text}}).code, Errc::unauthorized);
    EXPECT_EQ(refused("1.2.3.4", {{"authorization", "Bearer " + text}, {"x-api-key", text}}).code, Errc::unauthorized);
    EXPECT_EQ(refused("1.2.3.4", {{"authorization", "Basic dXNlcjpwYXNz"}}).code, Errc::unauthorized);
    EXPECT_EQ(refused("1.2.3.4", {}).code, Errc::unauthorized);
}

TEST_F(AuthTest, an_expired_or_revoked_key_is_refused_by_name) {
    const auto expired = add_key([&](store::ApiKey& key) { key.expires_ns = clock_.wall_ns() + 1'000; });
    const auto revoked = add_key();
    {
        store::KeyFile file(folder_.path() / "keys.db");
        const auto id = file.all()->back().id;
        EXPECT_TRUE(file.revoke(revoked.substr(5, 16), clock_.wall_ns()));
    }
    EXPECT_TRUE(ask("1.2.3.4", {{"x-api-key", expired}}));
    clock_.advance(std::chrono::microseconds(1));
    EXPECT_EQ(refused("1.2.3.4", {{"x-api-key", expired}}).detail, "this API key has expired");
    EXPECT_EQ(refused("1.2.3.4", {{"x-api-key", revoked}}).detail, "this API key was revoked");
}

TEST_F(AuthTest, a_key_for_users_names_the_user) {
    const auto text = add_key([](store::ApiKey& key) {
        key.is_for_users = true;
        key.user_id = "99999999-2222-3333-4444-555555555555";
    });
    EXPECT_EQ(ask("1.2.3.4", {{"x-api-key", text}, {"x-user-id", kUser}})->user_id, kLowerUser);
    EXPECT_EQ(ask("1.2.3.4", {{"x-api-key", text}})->user_id, "99999999-2222-3333-4444-555555555555");
    EXPECT_EQ(refused("1.2.3.4", {{"x-api-key", text}, {"x-user-id", "bob"}}).code, Errc::unauthorized);
    EXPECT_EQ(refused("1.2.3.4", {{"x-api-key", text}, {"x-user-id", kUser}, {"x-user-id", kUser}}).code, Errc::unauthorized);
}

TEST_F(AuthTest, a_key_does_only_what_it_is_for) {
    const auto text = add_key([](store::ApiKey& key) {
        key.scopes = {"read"};
        key.pipelines = {"scan"};
    });
    const auto with_key = request("1.2.3.4", {{"x-api-key", text}});
    EXPECT_TRUE(authenticator().authorize(with_key, kScopeRead, "scan"));
    EXPECT_TRUE(authenticator().authorize(with_key, kScopeRead, ""));
    EXPECT_EQ(authenticator().authorize(with_key, kScopeRun, "scan").error().code, Errc::forbidden);
    EXPECT_EQ(authenticator().authorize(with_key, kScopeRead, "plants").error().code, Errc::forbidden);
}

TEST_F(AuthTest, keys_are_not_taken_where_they_are_not_accepted) {
    const auto text = add_key();
    config_.auth.accepts_keys = false;
    config_.auth.trusts_header = true;
    EXPECT_EQ(refused("10.1.2.3", {{"x-api-key", text}, {"x-user-id", kUser}}).code, Errc::unauthorized);
}

TEST_F(AuthTest, without_users_only_loopback_may_be_listened_on) {
    config::HostConfig config;
    for (const auto& [host, is_allowed] : {std::pair{"127.0.0.1", true},
                                           std::pair{"::1", true},
                                           std::pair{"0.0.0.0", false},
                                           std::pair{"10.0.0.1", false},
                                           std::pair{"::", false}}) {
        config.server.listen.host = host;
        EXPECT_EQ(check_listener(config).has_value(), is_allowed) << host;
    }
    config.auth.accepts_keys = true;
    EXPECT_TRUE(check_listener(config));
}

TEST_F(AuthTest, a_keys_models_and_limits_come_with_its_caller) {
    const auto text = add_key([](store::ApiKey& key) {
        key.scopes = {"chat"};
        key.models = {"gpt-*-mini", "*", "x"};
        key.requests_per_minute = 1;
        key.tokens_per_minute = 2;
        key.spend_max_picousd = 3;
    });
    const auto caller = ask("127.0.0.1", {{"authorization", "Bearer " + text}});
    ASSERT_TRUE(caller);
    EXPECT_TRUE(caller->may(kScopeChat));
    EXPECT_FALSE(caller->may(kScopeRun));
    EXPECT_EQ(caller->models.size(), 3U);
    EXPECT_EQ(caller->requests_per_minute, 1);
    EXPECT_EQ(caller->tokens_per_minute, 2);
    EXPECT_EQ(caller->spend_max_picousd, 3);
}

TEST(Caller, models_are_globs) {
    const std::tuple<std::string, std::string, bool> kCases[] = {
        {"m", "m", true},
        {"m", "mm", false},
        {"m", "", false},
        {"*", "", true},
        {"gpt-*", "gpt-4o", true},
        {"gpt-*", "gpt-", true},
        {"gpt-*", "gp", false},
        {"*-mini", "gpt-mini-mini", true},
        {"a*b*c", "a-b-b-c", true},
        {"a*b*c", "acb", false},
        {"a**c", "abc", true},
        {"*a", "b", false},
        {"", "", true},
        {"", "a", false},
        {"a*", "ba", false},
        {"pipeline/*", "pipeline/scan", true},
    };
    for (const auto& [glob, name, fits] : kCases) {
        Caller caller;
        caller.models = {glob};
        EXPECT_EQ(caller.may_use_model(name), fits) << glob << " " << name;
    }
    EXPECT_TRUE(Caller().may_use_model("any"));
}

}  // namespace
}  // namespace eco2::app
