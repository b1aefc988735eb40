#include "app/jwt_verifier.hpp"

#include "app/auth.hpp"
#include "base/text.hpp"
#include "support/manual_executor.hpp"

#include <gtest/gtest.h>

#include <jwt.h>

#include <cstdlib>
#include <memory>

namespace eco2::app {
namespace {

const std::string kSecret = "0123456789abcdef0123456789abcdef";
const std::string kUser = "11111111-2222-3333-4444-555555555555";

class JwtTest : public testing::Test {
protected:
    std::int64_t now() const { return clock_.wall_ns() / 1'000'000'000; }
    std::string claims(std::int64_t exp_in, const std::string& more = {}) const {
        return R"({"sub":")" + kUser + R"(","exp":)" + std::to_string(now() + exp_in) + more + "}";
    }
    std::string token(const std::string& claims_json, jwt_alg_t algorithm = JWT_ALG_HS256, const std::string& key = kSecret) {
        jwt_t* jwt = nullptr;
        EXPECT_EQ(jwt_new(&jwt), 0);
        EXPECT_EQ(jwt_add_grants_json(jwt, claims_json.c_str()), 0);
        EXPECT_EQ(jwt_set_alg(jwt,
                              algorithm,
                              algorithm == JWT_ALG_NONE ? nullptr : reinterpret_cast<const unsigned char*>(key.data()),
                              algorithm == JWT_ALG_NONE ? 0 : static_cast<int>(key.size())),
                  0);
        char* text = jwt_encode_str(jwt);
        std::string out = text == nullptr ? "" : text;
        std::free(text);
        jwt_free(jwt);
        return out;
    }
    std::string why_refused(const std::string& text,
                            JwtRules rules = {"HS256", kSecret, "", "", std::chrono::seconds(30), "sub"}) {
        const auto user = JwtVerifier::make(std::move(rules), clock_).value()->verify(text);
        return user ? "it was let in" : user.error().detail;
    }

    test::ManualClock clock_;
    const JwtRules rules_{"HS256", kSecret, "", "", std::chrono::seconds(30), "sub"};
};

TEST_F(JwtTest, a_good_token_is_its_users) {
    EXPECT_EQ(JwtVerifier::make(rules_, clock_).value()->verify(token(claims(60))).value(), kUser);
}

TEST_F(JwtTest, every_changed_byte_and_every_cut_is_refused) {
    const auto good = token(claims(60));
    const auto verifier = JwtVerifier::make(rules_, clock_).value();
    for (std::size_t i = 0; i < good.size(); ++i) {
        EXPECT_FALSE(verifier->verify(good.substr(0, i))) << i;
        auto wrong = good;
        wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
        // The last character of base64 has bits that mean nothing.
        if (i + 1 != good.size()) {
            EXPECT_FALSE(verifier->verify(wrong)) << i;
        }
    }
}

TEST_F(JwtTest, time_counts_with_a_leeway) {
    EXPECT_EQ(why_refused(token(claims(-31))), "token refused: it has expired");
    EXPECT_EQ(why_refused(token(claims(-29))), "it was let in");
    EXPECT_EQ(why_refused(token(R"({"sub":")" + kUser + "\"}")), "token refused: it has no exp");
    EXPECT_EQ(why_refused(token(claims(600, ",\"nbf\":" + std::to_string(now() + 31)))), "token refused: it is not good yet");
    EXPECT_EQ(why_refused(token(claims(600, ",\"nbf\":" + std::to_string(now() + 29)))), "it was let in");
    EXPECT_EQ(why_refused(token(claims(600, ",\"iat\":" + std::to_string(now() + 31)))), "token refused: it is not good yet");
    EXPECT_EQ(why_refused(token(claims(600, ",\"nbf\":\"soon\""))), "token refused: it is not good yet");
}

TEST_F(JwtTest, issuer_and_audience_where_they_are_asked_for) {
    auto rules = rules_;
    rules.issuer = "https://id.example.com";
    rules.audience = "eco2";
    const std::string issuer = R"(,"iss":"https://id.example.com")";
    EXPECT_EQ(why_refused(token(claims(60, issuer + R"(,"aud":"eco2")")), rules), "it was let in");
    EXPECT_EQ(why_refused(token(claims(60, issuer + R"(,"aud":["x","eco2"])")), rules), "it was let in");
    EXPECT_EQ(why_refused(token(claims(60, issuer + R"(,"aud":["x"])")), rules), "token refused: it is for another audience");
    EXPECT_EQ(why_refused(token(claims(60, issuer)), rules), "token refused: it is for another audience");
    EXPECT_EQ(why_refused(token(claims(60, R"(,"aud":"eco2","iss":"x")")), rules), "token refused: its issuer is another");
}

TEST_F(JwtTest, the_user_must_be_a_uuid) {
    EXPECT_EQ(why_refused(token(R"({"sub":"bob","exp":)" + std::to_string(now() + 60) + "}")),
              "token refused: its sub is no UUID");
}

TEST_F(JwtTest, the_token_does_not_choose_the_algorithm) {
    EXPECT_EQ(why_refused(token(claims(60), JWT_ALG_NONE)), "token refused: its algorithm is not HS256");
    EXPECT_EQ(why_refused(token(claims(60), JWT_ALG_HS512)), "token refused: its algorithm is not HS256");
    // A public key as HMAC secret: the classic confusion.
    const std::string pem = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";
    EXPECT_EQ(why_refused(token(claims(60), JWT_ALG_HS256, pem), {"RS256", pem, "", "", std::chrono::seconds(30), "sub"}),
              "token refused: its algorithm is not RS256");
}

TEST_F(JwtTest, keys_that_are_none_for_the_algorithm_stop_the_start) {
    const auto make = [&](std::string algorithm, std::string key) {
        return JwtVerifier::make({std::move(algorithm), std::move(key), "", "", std::chrono::seconds(0), "sub"}, clock_);
    };
    EXPECT_EQ(make("HS256", "short").error().code, Errc::config_invalid);
    EXPECT_EQ(make("RS256", kSecret).error().code, Errc::config_invalid);
    EXPECT_EQ(make("HS256", "-----BEGIN PUBLIC KEY-----").error().code, Errc::config_invalid);
    EXPECT_EQ(make("ES256", "-----BEGIN EC PRIVATE KEY-----").error().code, Errc::config_invalid);
}

class CookieTest : public JwtTest {
protected:
    CookieTest() {
        config_.auth.jwt.emplace();
        config_.auth.jwt->algorithm = "HS256";
        config_.auth.jwt->key.value = kSecret;
        config_.cors.origins = {"https://app.example.com"};
    }
    Result<Caller> ask(std::string method, std::vector<std::pair<std::string, std::string>> headers) {
        net::ServerRequest request;
        request.method = std::move(method);
        request.headers = std::move(headers);
        return Authenticator::make(config_, null_log(), clock_).value()->authenticate(request);
    }

    config::HostConfig config_;
};

TEST_F(CookieTest, reads_from_anywhere_and_writes_only_from_known_pages) {
    const auto cookie = "theme=dark; s_access=" + token(claims(60));
    EXPECT_EQ(ask("GET", {{"cookie", cookie}})->user_id, kUser);
    EXPECT_EQ(ask("POST", {{"cookie", cookie}}).error().code, Errc::forbidden);
    EXPECT_EQ(ask("POST", {{"cookie", cookie}, {"origin", "https://evil.example"}}).error().code, Errc::forbidden);
    EXPECT_EQ(ask("POST", {{"cookie", cookie}, {"origin", "null"}}).error().code, Errc::forbidden);
    EXPECT_TRUE(ask("POST", {{"cookie", cookie}, {"origin", "https://app.example.com"}}));
    EXPECT_TRUE(ask("POST", {{"cookie", cookie}, {"origin", "https://api.example.com"}, {"host", "api.example.com"}}));
    EXPECT_TRUE(ask("POST", {{"cookie", cookie}, {"sec-fetch-site", "same-origin"}}));
}

TEST_F(CookieTest, two_of_them_are_nobodys) {
    const auto one = "s_access=" + token(claims(60));
    EXPECT_EQ(ask("GET", {{"cookie", one + "; " + one}}).error().code, Errc::unauthorized);
    EXPECT_EQ(ask("GET", {{"cookie", one}, {"cookie", one}}).error().code, Errc::unauthorized);
}

}  // namespace
}  // namespace eco2::app
