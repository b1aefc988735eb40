#include "plugin_host/origin.hpp"

#include <gtest/gtest.h>

namespace eco2::plugin_host {
namespace {

TEST(OriginOfUrl, is_lower_case_with_a_port) {
    EXPECT_EQ(origin_of("HTTPS://Api.Example.COM/v1")->text, "https://api.example.com:443");
    EXPECT_EQ(origin_of("http://a.example:8080")->text, "http://a.example:8080");
    EXPECT_EQ(origin_of("http://[::1]:9/x")->text, "http://[::1]:9");
}

TEST(OriginOfUrl, is_the_host_behind_a_user_name) {
    const auto origin = origin_of("https://api.example.com@evil.example/");
    EXPECT_EQ(origin->text, "https://evil.example:443");
    EXPECT_TRUE(origin->has_user);
}

TEST(OriginOfUrl, knows_loopback_by_address_not_by_likeness) {
    for (const auto* url : {"http://127.0.0.1", "http://127.8.9.1:1", "http://[::1]", "http://localhost:80/x"}) {
        EXPECT_TRUE(origin_of(url)->is_loopback) << url;
    }
    for (const auto* url :
         {"http://127.0.0.1.example.com", "http://localhost.example.com", "http://10.0.0.1", "http://[::2]"}) {
        EXPECT_FALSE(origin_of(url)->is_loopback) << url;
    }
}

TEST(OriginOfUrl, refuses_what_is_no_http_url) {
    for (const auto* url : {"", "/path", "ftp://a/", "https://", "https:a", "http://a b/", "https://a:port/"}) {
        EXPECT_FALSE(origin_of(url)) << url;
    }
}

}  // namespace
}  // namespace eco2::plugin_host
