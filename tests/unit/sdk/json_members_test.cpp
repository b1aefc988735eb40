#include "eco2/plugin/json_members.hpp"

#include "eco2/plugin/json.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace {

using eco2::plugin::change_json_members;
using eco2::plugin::find_json_member;
using eco2::plugin::json_says;
using eco2::plugin::JsonChange;
using eco2::plugin::JsonItems;
using eco2::plugin::read_json_string;

const std::vector<JsonChange> kModel{{"model", "\"new\""}};

std::vector<std::string> items_of(std::string_view text, char opening) {
    std::vector<std::string> out;
    JsonItems items(text, opening);
    while (const auto item = items.next()) {
        out.push_back(std::string(item->name) + "=" + std::string(item->value));
    }
    if (!items.is_whole()) {
        out.emplace_back("broken");
    }
    return out;
}

TEST(JsonMembers, are_told_as_they_are_written) {
    EXPECT_EQ(items_of(" { \"a\" : 1.0 ,\"b\":[1,{\"c\":\"}]\"}], \"\\\"\":\"\\\\\\\"\" }\n", '{'),
              (std::vector<std::string>{"\"a\"=1.0", "\"b\"=[1,{\"c\":\"}]\"}]", "\"\\\"\"=\"\\\\\\\"\""}));
    EXPECT_EQ(items_of("[1, \"a,b\",{},[ ]]", '['), (std::vector<std::string>{"=1", "=\"a,b\"", "={}", "=[ ]"}));
    EXPECT_EQ(items_of("{}", '{'), std::vector<std::string>{});
    EXPECT_EQ(items_of(" [ ] ", '['), std::vector<std::string>{});
}

TEST(JsonMembers, a_text_that_is_cut_or_goes_on_is_not_whole) {
    const std::string_view whole = R"({"a":[1,"x\"",null,{"b":true}],"c":-1e5})";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(items_of(whole.substr(0, size), '{').back(), "broken") << size;
        EXPECT_EQ(change_json_members(whole.substr(0, size), kModel), std::nullopt) << size;
    }
    EXPECT_NE(change_json_members(whole, kModel), std::nullopt);
    for (const std::string_view bad : {"{} x",
                                       "[]",
                                       "null",
                                       "{\"a\"}",
                                       "{\"a\":}",
                                       "{\"a\":1,}",
                                       "{,}",
                                       "{a:1}",
                                       "{\"a\" 1}",
                                       "{\"a\":1 2}",
                                       "{\"a\":1]",
                                       "{\"a\":\"\n\"}"}) {
        EXPECT_EQ(change_json_members(bad, kModel), std::nullopt) << bad;
    }
}

TEST(JsonMembers, a_change_leaves_every_other_byte_alone) {
    EXPECT_EQ(change_json_members("{ \"t\": 1.0,\n \"model\" : \"old\" , \"x\":{\"model\":\"deep\"}, \"n\":1e400 }", kModel),
              "{ \"t\": 1.0,\n \"model\" : \"new\" , \"x\":{\"model\":\"deep\"}, \"n\":1e400 }");
    EXPECT_EQ(change_json_members("{\"a\":1}", kModel), "{\"a\":1,\"model\":\"new\"}");
    EXPECT_EQ(change_json_members("{}", kModel), "{\"model\":\"new\"}");
}

TEST(JsonMembers, a_member_that_stands_there_twice_or_in_disguise_is_changed_all_the_same) {
    EXPECT_EQ(change_json_members(R"({"model":"a","x":1,"mod\u0065l":"b","model":"c"})", kModel), R"({"model":"new","x":1})");
    EXPECT_EQ(change_json_members(R"({"\u006dodel":"a"})", kModel), R"({"\u006dodel":"new"})");
    EXPECT_EQ(change_json_members(R"({"Model":"a"})", kModel), R"({"Model":"a","model":"new"})");
}

TEST(JsonMembers, a_member_without_a_value_is_left_out_wherever_it_stands) {
    const std::vector<JsonChange> changes{{"b", ""}};
    EXPECT_EQ(change_json_members(R"({"b":1,"a":2})", changes), R"({"a":2})");
    EXPECT_EQ(change_json_members(R"({"a":2,"b":1})", changes), R"({"a":2})");
    EXPECT_EQ(change_json_members(R"({"a":2,"b":1,"c":3})", changes), R"({"a":2,"c":3})");
    EXPECT_EQ(change_json_members(R"({"b":1})", changes), "{}");
}

TEST(JsonMembers, the_last_of_equal_members_counts) {
    EXPECT_EQ(find_json_member(R"({"a":1,"a": {"b":[]} ,"c":2})", "a"), R"({"b":[]})");
    EXPECT_EQ(find_json_member(R"({"a":1})", "b"), "");
    EXPECT_EQ(find_json_member("[1]", "a"), "");
}

TEST(JsonMembers, strings_say_what_a_parser_reads_in_them) {
    for (const std::string_view json :
         {R"("plain")", R"("")", R"("\"\\\/\b\f\n\r\t")", R"("\u0041\u00e9\ud55c\ud83d\ude00")", R"("한😀")"}) {
        eco2::plugin::JsonDocument<> document;
        ASSERT_TRUE(document.parse(json));
        const std::string_view expected = *eco2::plugin::json_text(&document.value());
        EXPECT_EQ(read_json_string(json), expected) << json;
        EXPECT_TRUE(json_says(json, expected));
        EXPECT_FALSE(json_says(json, std::string(expected) + "x"));
    }
    for (const std::string_view bad : {R"(")",
                                       R"(x)",
                                       R"("a)",
                                       R"("a"b")",
                                       R"("\")",
                                       R"("\x")",
                                       R"("\u12")",
                                       R"("\ud83d")",
                                       R"("\ude00")",
                                       R"("\ud83dx\ude00")",
                                       R"("\u+123")",
                                       ""}) {
        EXPECT_EQ(read_json_string(bad), std::nullopt) << bad;
    }
}

}  // namespace
