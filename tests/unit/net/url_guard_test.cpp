#include "net/url_guard.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace eco2::net {
namespace {

struct Case {
    std::string url;
    std::string outcome;  // the normal form, or the error's name
};

void expect_all(const std::vector<Case>& cases, const UrlRules& rules) {
    for (const Case& each : cases) {
        const auto result = check_image_url(each.url, rules);
        EXPECT_EQ(result ? *result : std::string(result.error().name()), each.outcome) << each.url;
    }
}

const std::string kInvalid = "VALIDATION_ERROR";
const std::string kNoHttps = "HTTPS_REQUIRED";
const std::string kBlocked = "SSRF_BLOCKED";

TEST(UrlGuard, public_urls_come_back_in_normal_form) {
    expect_all(
        {
            {"https://example.com/a.jpg", "https://example.com/a.jpg"},
            {"HTTPS://EXAMPLE.com", "https://example.com/"},
            {"https://example.com.", "https://example.com/"},
            {"https://example.com:443/x", "https://example.com/x"},
            {"https://example.com:8443/x", "https://example.com:8443/x"},
            {"https://example.com:/x", "https://example.com/x"},
            {"https://example.com/x#fragment", "https://example.com/x"},
            {"https://example.com?x=%2F#f", "https://example.com/?x=%2F"},
            {"https://my_bucket.s3.example.com/a%20b?X-Sig=ab%2Bc", "https://my_bucket.s3.example.com/a%20b?X-Sig=ab%2Bc"},
            {"https://xn--9d0b.example/", "https://xn--9d0b.example/"},
            {"https://8.8.8.8/", "https://8.8.8.8/"},
            {"https://[2606:4700::1111]/", "https://[2606:4700::1111]/"},
            {"https://127.example.com/", "https://127.example.com/"},
            {"https://localhost.example.com/", "https://localhost.example.com/"},
            {"https://notlocalhost/", "https://notlocalhost/"},
        },
        {});
}

TEST(UrlGuard, only_https_passes) {
    expect_all({{"http://example.com/", kNoHttps},
                {"ftp://example.com/", kNoHttps},
                {"gopher://127.0.0.1/", kNoHttps},
                {"file://localhost/etc/passwd", kNoHttps},
                {"httpss://example.com/", kNoHttps}},
               {});
}

TEST(UrlGuard, what_is_no_url_or_could_be_read_in_two_ways_is_refused) {
    std::vector<Case> cases;
    for (const char* url : {"",
                            " ",
                            "example.com",
                            "//example.com/",
                            "https:",
                            "https:/example.com",
                            "https:example.com",
                            "https://",
                            "https:///path",
                            "https://:443/",
                            "https:\\\\example.com",
                            "https://example.com\\@127.0.0.1/",
                            "https://example.com\t/",
                            "https://exa\nmple.com/",
                            "https://example.com/a b",
                            " https://example.com/",
                            "https://example.com/\r\nHost: x",
                            "https://ex%61mple.com/",
                            "https://127.0.0.1%2f.example.com/",
                            "https://%6c%6f%63%61%6c%68%6f%73%74/",
                            "https://\xed\x95\x9c\xea\xb5\xad.example/",
                            "https://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa7.0.0.1/",
                            "https://example..com/",
                            "https://.example.com/",
                            "https://example.com../",
                            "https://./",
                            "https://exa,mple.com/",
                            "https://example.com;127.0.0.1/",
                            "https://a$b/",
                            "https://user@example.com/",
                            "https://user:secret@example.com/",
                            "https://@example.com/",
                            "https://example.com:0/",
                            "https://example.com:99999/",
                            "https://example.com:80:80/",
                            "https://example.com:8o/",
                            "https://[::1",
                            "https://[::1]x/",
                            "https://[v1.x]/",
                            "https://[fe80::1%25eth0]/",
                            "https://1.2.3.4.5/",
                            "https://127.0.0.1./",
                            "https://256.256.256.256/",
                            "https://4294967296/",
                            "https://08.0.0.1/",
                            "https://example.0x1g/",
                            "https://example.123/"}) {
        cases.push_back({url, kInvalid});
    }
    expect_all(cases, {});
}

TEST(UrlGuard, this_machine_and_private_nets_are_blocked_in_every_spelling) {
    std::vector<Case> cases;
    for (const char* host : {"localhost",
                             "LOCALHOST",
                             "localhost.",
                             "a.localhost",
                             "a.b.localhost.",
                             "printer.local",
                             "metadata.google.internal",
                             "127.0.0.1",
                             "127.1",
                             "127.0.1",
                             "2130706433",
                             "0x7f.1",
                             "0x7f000001",
                             "0X7F.0x0.0x0.0x1",
                             "0177.0.0.1",
                             "017700000001",
                             "0",
                             "0.0.0.0",
                             "10.1.2.3",
                             "100.64.0.1",
                             "100.127.255.255",
                             "169.254.169.254",
                             "0xa9fea9fe",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.0.0.1",
                             "192.0.2.1",
                             "192.88.99.1",
                             "192.168.1.1",
                             "198.18.0.1",
                             "198.51.100.1",
                             "203.0.113.1",
                             "224.0.0.1",
                             "240.0.0.1",
                             "255.255.255.255",
                             "134744072",  // 8.8.8.8, but why
                             "010.8.8.8",  // 8.8.8.8 or 10.8.8.8
                             "8.8.2056",
                             "[::]",
                             "[::1]",
                             "[0:0:0:0:0:0:0:1]",
                             "[::127.0.0.1]",
                             "[::ffff:127.0.0.1]",
                             "[::FFFF:7f00:1]",
                             "[::ffff:10.0.0.1]",
                             "[64:ff9b::7f00:1]",
                             "[64:ff9b::10.0.0.1]",
                             "[64:ff9b:1::1]",
                             "[2002:7f00:1::]",
                             "[2002:a9fe:a9fe::1]",
                             "[2001::1]",
                             "[2001:db8::1]",
                             "[3fff::1]",
                             "[100::1]",
                             "[fc00::1]",
                             "[fd12:3456::1]",
                             "[fe80::1]",
                             "[fec0::1]",
                             "[ff02::1]"}) {
        cases.push_back({std::string("https://") + host + "/x", kBlocked});
        cases.push_back({std::string("https://") + host + ":8443/x", kBlocked});
    }
    cases.push_back({"https://example.com@127.0.0.1/", kBlocked});
    expect_all(cases, {});
}

TEST(UrlGuard, the_neighbours_of_private_nets_pass) {
    for (const char* host : {"9.255.255.255",
                             "11.0.0.0",
                             "100.63.255.255",
                             "100.128.0.0",
                             "126.255.255.255",
                             "128.0.0.1",
                             "172.15.255.255",
                             "172.32.0.0",
                             "192.167.255.255",
                             "192.169.0.0",
                             "223.255.255.255",
                             "[2001:200::1]",
                             "[2002:808:808::1]",
                             "[::ffff:8.8.8.8]"}) {
        EXPECT_TRUE(check_image_url(std::string("https://") + host + "/", {})) << host;
    }
}

TEST(UrlGuard, the_first_clients_rules_and_the_order_of_their_codes) {
    auto rules = seed_url_rules();
    rules.hosts = {"img.example.com"};
    const std::string name = "0123456789abcdef0123456789abcdef";
    const std::string host = "https://img.example.com";
    expect_all({{host + "/scan/" + name + ".jpg", host + "/scan/" + name + ".jpg"},
                {host + "/chat/" + name + ".JPEG?x=/y.z", host + "/chat/" + name + ".JPEG?x=/y.z"},
                {host + "/my/" + name + ".gif", host + "/my/" + name + ".gif"},
                {"http://evil.example.com/x", kNoHttps},
                {"https://evil.example.com/x", "INVALID_HOST"},
                {"https://127.0.0.1/x", "INVALID_HOST"},
                {host, "INVALID_PATH_FORMAT"},
                {host + "/", "INVALID_PATH_FORMAT"},
                {host + "/scan", "INVALID_PATH_FORMAT"},
                {host + "/scan/", "INVALID_PATH_FORMAT"},
                {host + "//" + name + ".jpg", "INVALID_PATH_FORMAT"},
                {host + "/scan/x/" + name + ".jpg", "INVALID_PATH_FORMAT"},
                {host + "/scan/" + name + ".jpg/", "INVALID_PATH_FORMAT"},
                {host + "/other/x", "INVALID_CHANNEL"},
                {host + "/%73can/" + name + ".jpg", "INVALID_CHANNEL"},
                {host + "/Scan/" + name + ".jpg", "INVALID_CHANNEL"},
                {host + "/scan/x", "INVALID_EXTENSION"},
                {host + "/scan/" + name, "INVALID_EXTENSION"},
                {host + "/scan/" + name + ".", "INVALID_EXTENSION"},
                {host + "/scan/x.exe", "INVALID_EXTENSION"},
                {host + "/scan/" + name + ".jpg.exe", "INVALID_EXTENSION"},
                {host + "/scan/" + name + ".svg?x=.jpg", "INVALID_EXTENSION"},
                {host + "/scan/x.jpg", "INVALID_FILENAME"},
                {host + "/scan/.jpg", "INVALID_FILENAME"},
                {host + "/scan/" + name + "0.jpg", "INVALID_FILENAME"},
                {host + "/scan/" + name.substr(1) + "A.jpg", "INVALID_FILENAME"},
                {host + "/scan/" + name + ".x.jpg", "INVALID_FILENAME"}},
               rules);
    rules.hosts.clear();
    expect_all({{"https://127.0.0.1/x", kBlocked}}, rules);
}

TEST(UrlGuard, each_rule_of_the_path_stands_alone) {
    expect_all({{"https://e.com/a/b/c.png", "https://e.com/a/b/c.png"}, {"https://e.com/a.b/c", "INVALID_EXTENSION"}},
               {.extensions = {".png"}});
    expect_all({{"https://e.com/a/c", "https://e.com/a/c"}, {"https://e.com/b/c", "INVALID_CHANNEL"}}, {.channels = {"a"}});
    expect_all({{"https://e.com/x.jpg", "INVALID_FILENAME"}}, {.needs_hex_name = true});
}

TEST(UrlGuard, every_code_of_its_own_is_a_fault_of_the_image_url) {
    for (const auto code : {Errc::image_url_required,
                            Errc::https_required,
                            Errc::invalid_host,
                            Errc::ssrf_blocked,
                            Errc::invalid_path_format,
                            Errc::invalid_channel,
                            Errc::invalid_extension,
                            Errc::invalid_filename,
                            Errc::image_unreachable,
                            Errc::url_invalid}) {
        EXPECT_TRUE(is_image_url_fault(code));
    }
    EXPECT_FALSE(is_image_url_fault(Errc::image_too_large));
    EXPECT_FALSE(is_image_url_fault(Errc::internal));
}

TEST(UrlGuard, a_host_list_is_exact) {
    const UrlRules rules{.hosts = {"img.example.com"}};
    expect_all({{"https://img.example.com/a", "https://img.example.com/a"},
                {"https://IMG.example.com./a", "https://img.example.com/a"},
                {"https://x.img.example.com/a", "INVALID_HOST"},
                {"https://img.example.com.evil.example/a", "INVALID_HOST"},
                {"https://img.example.com@evil.example/", "INVALID_HOST"},
                {"https://127.0.0.1/", "INVALID_HOST"}},
               rules);
}

TEST(UrlGuard, length_is_limited) {
    const std::string start = "https://example.com/";
    EXPECT_TRUE(check_image_url(start + std::string(2048 - start.size(), 'a'), {}));
    const auto refused = check_image_url(start + std::string(2049 - start.size(), 'a'), {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::url_invalid);
}

TEST(UrlGuard, tests_may_let_private_addresses_and_http_through) {
    const UrlRules rules{.allow_private = true};
    expect_all({{"http://127.0.0.1:8080/a", "http://127.0.0.1:8080/a"},
                {"https://localhost/", "https://localhost/"},
                {"ftp://127.0.0.1/", kNoHttps}},
               rules);
}

TEST(UrlGuard, addresses_and_loopback_hosts_are_told_apart) {
    EXPECT_TRUE(is_private_address("10.0.0.1"));
    EXPECT_TRUE(is_private_address("[fe80::1%eth0]"));
    EXPECT_TRUE(is_private_address("::ffff:192.168.0.1"));
    EXPECT_FALSE(is_private_address("8.8.8.8"));
    EXPECT_FALSE(is_private_address("example.com"));
    EXPECT_FALSE(is_private_address(""));
    for (const char* host : {"localhost", "LocalHost", "localhost.", "127.0.0.1", "127.9.9.9", "::1", "[::1]"}) {
        EXPECT_TRUE(is_loopback_host(host)) << host;
    }
    for (const char* host : {"", ".", "localhost.example.com", "10.0.0.1", "::2", "example.com", "[", "[]"}) {
        EXPECT_FALSE(is_loopback_host(host)) << host;
    }
}

}  // namespace
}  // namespace eco2::net
