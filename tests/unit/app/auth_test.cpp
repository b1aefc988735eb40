#include "app/auth.hpp"

#include <gtest/gtest.h>

namespace eco2::app {
namespace {

net::ServerRequest request(std::string peer, std::string user) {
    net::ServerRequest out;
    out.peer = std::move(peer);
    if (!user.empty()) {
        out.headers.emplace_back("x-user-id", std::move(user));
    }
    return out;
}

config::AuthConfig header_mode() {
    config::AuthConfig auth;
    auth.mode = config::AuthMode::header;
    auth.trusted_peers = {*config::AddressRange::parse("10.0.0.0/8"), *config::AddressRange::parse("::1")};
    return auth;
}

const std::string kUser = "11111111-2222-3333-4444-55555555555A";

TEST(Auth, without_users_everybody_is_nobody_whatever_they_claim) {
    EXPECT_EQ(authenticate({}, request("127.0.0.1", kUser)).value(), kNobody);
}

TEST(Auth, a_trusted_peer_names_the_user) {
    EXPECT_EQ(authenticate(header_mode(), request("10.1.2.3", kUser)).value(), "11111111-2222-3333-4444-55555555555a");
    EXPECT_TRUE(authenticate(header_mode(), request("::1", kUser)));
}

TEST(Auth, a_stranger_may_not) {
    EXPECT_EQ(authenticate(header_mode(), request("11.1.2.3", kUser)).error().code, Errc::unauthorized);
    EXPECT_EQ(authenticate(header_mode(), request("", kUser)).error().code, Errc::unauthorized);
}

TEST(Auth, the_header_must_be_there_and_a_uuid) {
    EXPECT_EQ(authenticate(header_mode(), request("10.1.2.3", "")).error().detail, "Missing x-user-id header");
    EXPECT_EQ(authenticate(header_mode(), request("10.1.2.3", "bob")).error().detail, "Invalid x-user-id format");
}

TEST(Auth, two_headers_are_nobodys) {
    for (const std::string& second : {kUser, std::string("99999999-2222-3333-4444-555555555555"), std::string()}) {
        auto twice = request("10.1.2.3", kUser);
        twice.headers.emplace_back("x-user-id", second);
        EXPECT_EQ(authenticate(header_mode(), twice).error().code, Errc::unauthorized) << second;
    }
}

TEST(Auth, without_users_only_loopback_may_be_listened_on) {
    config::HostConfig config;
    for (const auto& [host, is_allowed] : {std::pair{"127.0.0.1", true},
                                           std::pair{"::1", true},
                                           std::pair{"0.0.0.0", false},
                                           std::pair{"10.0.0.1", false},
                                           std::pair{"::", false}}) {
        config.server.listen.host = host;
        EXPECT_EQ(check_listener(config).has_value(), is_allowed) << host;
    }
    config.auth = header_mode();
    EXPECT_TRUE(check_listener(config));
}

}  // namespace
}  // namespace eco2::app
