#include "protocol/json_members.hpp"

#include <gtest/gtest.h>

#include <string>

namespace eco2 {
namespace {

const std::string kText = R"( { "a" : 1 ,"b":"x\"},{\\","c":{"d":[1,{"e":"]"}]} , "f":[], "g":null,"h":-1.5e3})";

TEST(JsonMembers, gives_each_member_as_it_stands_there) {
    JsonMembers members(kText);
    JsonMember member;
    std::string seen;
    while (members.next(member)) {
        seen += std::string(member.key) + "=" + std::string(member.value) + ";";
        EXPECT_EQ(kText.substr(member.begin, 1), "\"");
        EXPECT_EQ(kText.substr(member.end - member.value.size(), member.value.size()), member.value);
    }
    EXPECT_EQ(seen, R"(a=1;b="x\"},{\\";c={"d":[1,{"e":"]"}]};f=[];g=null;h=-1.5e3;)");
    EXPECT_EQ(count_json_members(kText), 6U);
    EXPECT_EQ(json_member(kText, "d"), "") << "inner members are not its own";
    EXPECT_EQ(json_member(json_member(kText, "c"), "d"), R"([1,{"e":"]"}])");
}

TEST(JsonMembers, what_is_no_object_has_no_members) {
    for (const auto* text : {"", " ", "[]", "null", "\"a\":1", "{}", "{ }", "{,", "{\"", "{\"a\"", "{\"a\":", "{1:2}"}) {
        EXPECT_EQ(count_json_members(text), 0U) << text;
    }
}

TEST(JsonMembers, a_text_cut_anywhere_ends_the_walk_inside) {
    for (std::size_t size = 0; size < kText.size(); ++size) {
        const std::string cut = kText.substr(0, size);
        JsonMembers members(cut);
        JsonMember member;
        while (members.next(member)) {
            ASSERT_LE(member.end, size);
        }
        EXPECT_LE(count_json_members(cut), 6U);
    }
}

}  // namespace
}  // namespace eco2
