#include "config/address.hpp"

#include <gtest/gtest.h>

namespace eco2::config {
namespace {

TEST(AddressRange, single_addresses_contain_themselves_alone) {
    const auto v4 = AddressRange::parse("10.0.0.7");
    ASSERT_TRUE(v4);
    EXPECT_TRUE(v4->contains("10.0.0.7"));
    EXPECT_TRUE(v4->contains("::ffff:10.0.0.7"));
    EXPECT_FALSE(v4->contains("10.0.0.8"));
    EXPECT_FALSE(v4->contains("::1"));
    const auto v6 = AddressRange::parse("::1");
    ASSERT_TRUE(v6);
    EXPECT_TRUE(v6->contains("0:0:0:0:0:0:0:1"));
    EXPECT_FALSE(v6->contains("127.0.0.1"));
}

TEST(AddressRange, ranges_end_at_any_bit) {
    for (int bits = 0; bits <= 32; ++bits) {
        const auto range = AddressRange::parse("170.85.170.85/" + std::to_string(bits));
        ASSERT_TRUE(range) << bits;
        EXPECT_TRUE(range->contains("170.85.170.85"));
        EXPECT_EQ(range->contains("170.85.170.84"), bits < 32) << bits;
        EXPECT_EQ(range->contains("42.85.170.85"), bits == 0) << bits;
        EXPECT_FALSE(range->contains("fd00::1")) << bits;
    }
    EXPECT_TRUE(AddressRange::parse("fd00::/8")->contains("fdff::1"));
    EXPECT_FALSE(AddressRange::parse("fd00::/8")->contains("fe00::1"));
    EXPECT_TRUE(AddressRange::parse("::/0")->contains("10.0.0.1"));
}

TEST(AddressRange, what_is_no_range_is_refused) {
    for (const auto* text : {"",
                             "localhost",
                             "10.0.0",
                             "10.0.0.256",
                             "10.0.0.0/33",
                             "10.0.0.0/",
                             "10.0.0.0/-1",
                             "10.0.0.0/8x",
                             "::/129",
                             "::g",
                             "10.0.0.0/ 8",
                             "/8"}) {
        EXPECT_FALSE(AddressRange::parse(text)) << text;
    }
    EXPECT_FALSE(AddressRange::parse("10.0.0.0/8")->contains("nonsense"));
    EXPECT_FALSE(AddressRange::parse("10.0.0.0/8")->contains(""));
}

TEST(HostPort, addresses_with_ports_are_read) {
    const auto v4 = parse_host_port("0.0.0.0:0");
    ASSERT_TRUE(v4);
    EXPECT_EQ(v4->host, "0.0.0.0");
    EXPECT_EQ(v4->port, 0);
    const auto v6 = parse_host_port("[::1]:65535");
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->host, "::1");
    EXPECT_EQ(v6->port, 65535);
    EXPECT_EQ(parse_host_port("localhost:80")->host, "127.0.0.1");
}

TEST(HostPort, what_is_no_address_with_a_port_is_refused) {
    for (const auto* text : {"",
                             "8080",
                             ":8080",
                             "127.0.0.1",
                             "127.0.0.1:",
                             "127.0.0.1:65536",
                             "127.0.0.1:-1",
                             "127.0.0.1:80 ",
                             "::1:80",
                             "[127.0.0.1]:80",
                             "example.com:80",
                             "http://127.0.0.1:80",
                             "[]:80"}) {
        EXPECT_FALSE(parse_host_port(text)) << text;
    }
}

}  // namespace
}  // namespace eco2::config
