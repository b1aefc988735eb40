#include "batch/report/flat_json.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace eco2::batch {
namespace {

using testing::ElementsAre;

std::vector<std::string> leaves(std::string_view json) {
    std::vector<std::string> out;
    for_each_leaf(
        json, "r", [&](const std::string& name, std::string_view value) { out.push_back(name + "=" + std::string(value)); });
    return out;
}

std::string cell(std::string_view text, bool is_number = false) {
    std::string out;
    append_csv_cell(out, text, is_number);
    return out;
}

TEST(FlatJson, walks_into_objects_and_takes_everything_else_as_it_stands) {
    EXPECT_THAT(leaves(R"({"a":1.0,"b":{"c":"x","d":[1, {"e":2}]}, "f":null,"g":{ },"h":true})"),
                ElementsAre("r.a=1.0", "r.b.c=\"x\"", "r.b.d=[1, {\"e\":2}]", "r.f=null", "r.g={ }", "r.h=true"));
    EXPECT_THAT(leaves("{}"), ElementsAre("r={}"));
    EXPECT_THAT(leaves("[1]"), ElementsAre("r=[1]"));
    EXPECT_THAT(leaves("7"), ElementsAre("r=7"));
}

TEST(FlatJson, different_ways_have_different_names) {
    EXPECT_THAT(leaves(R"({"a.b":1,"a":{"b":2},"a\\":{"b":3},"\u0061.c":4})"),
                ElementsAre("r.a\\.b=1", "r.a.b=2", "r.a\\\\.b=3", "r.a\\.c=4"));
}

TEST(FlatJson, what_is_cut_anywhere_is_walked_without_harm) {
    const std::string whole = R"({"a":1.0,"b":{"c":"x\"","d":[1,{"e":2}]},"\u0066":null})";
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        EXPECT_LE(leaves(std::string_view(whole).substr(0, size)).size(), 4U) << size;
    }
}

TEST(FlatJson, strings_are_read_and_other_values_stay) {
    EXPECT_EQ(text_of_json(R"("a\n\u00e9\"")"), "a\n\xC3\xA9\"");
    EXPECT_EQ(text_of_json("\"\""), "");
    EXPECT_EQ(text_of_json("0.10"), "0.10");
    EXPECT_EQ(text_of_json(""), "");
    EXPECT_EQ(text_of_json("\""), "\"");
}

TEST(FlatJson, cells_are_quoted_where_they_must_be) {
    EXPECT_EQ(cell("a b"), "a b");
    EXPECT_EQ(cell("a,b"), "\"a,b\"");
    EXPECT_EQ(cell("say \"yes\""), "\"say \"\"yes\"\"\"");
    EXPECT_EQ(cell("a\nb"), "\"a\nb\"");
    EXPECT_EQ(cell(" a"), "\" a\"");
}

TEST(FlatJson, a_text_is_never_a_formula_and_a_number_is_never_touched) {
    EXPECT_EQ(cell("=1+1"), "'=1+1");
    EXPECT_EQ(cell("+1"), "'+1");
    EXPECT_EQ(cell("-1"), "'-1");
    EXPECT_EQ(cell("@x"), "'@x");
    EXPECT_EQ(cell("\tx"), "'\tx");
    EXPECT_EQ(cell("=HYPERLINK(\"x\",\"y\")"), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
    EXPECT_EQ(cell("-1", true), "-1");
}

}  // namespace
}  // namespace eco2::batch
