#include "fake_provider/schema_sample.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <string>

namespace eco2::fake {
namespace {

TEST(FakeSchemaSample, gives_the_smallest_instance) {
    EXPECT_EQ(sample_of_schema(R"({"type":"string"})"), "\"made up\"");
    EXPECT_EQ(sample_of_schema(R"({"type":"string","enum":["a","b"]})"), "\"a\"");
    EXPECT_EQ(sample_of_schema(R"({"const":5})"), "5");
    EXPECT_EQ(sample_of_schema(R"({"type":["integer","null"],"minimum":3})"), "3");
    EXPECT_EQ(sample_of_schema(R"({"type":"array","items":{"type":"boolean"}})"), "[]");
    EXPECT_EQ(sample_of_schema(R"({"type":"array","minItems":2,"items":{"type":"boolean"}})"), "[false,false]");
    EXPECT_EQ(
        sample_of_schema(R"({"type":"object","properties":{"a":{"type":"null"},"b":{"type":"number"}},"required":["b"]})"),
        R"({"b":0})");
    EXPECT_EQ(sample_of_schema(R"({"anyOf":[{"type":"boolean"},{"type":"null"}]})"), "false");
    EXPECT_EQ(sample_of_schema(R"({"$ref":"#/$defs/x","$defs":{"x":{"type":"integer"}}})"), "0");
}

TEST(FakeSchemaSample, a_schema_that_names_itself_ends) {
    const std::string text =
        sample_of_schema(R"({"type":"object","required":["a","b"],"properties":{"a":{"$ref":"#"},"b":{"$ref":"#"}}})");
    EXPECT_LT(text.size(), 100'000U);
    EXPECT_EQ(sample_of_schema(R"({"$ref":"#"})"), "null");
    EXPECT_EQ(sample_of_schema(R"({"type":"array","minItems":1000000,"items":{"type":"null"}})").size(), 100 * 5 + 1U);
}

TEST(FakeSchemaSample, tells_what_an_answer_lacks_of_what_is_required) {
    const auto missing = [](const std::string& schema) {
        return sample_of_missing(boost::json::parse(schema).as_object(), {"a", "b"});
    };
    EXPECT_EQ(missing(R"({"required":["a"],"properties":{"a":{},"c":{"const":1}}})"), "");
    EXPECT_EQ(missing(R"({"required":["a","c","d"],"properties":{"c":{"enum":["T\""]},"d":{"$ref":"#/x"}},"x":{"const":2}})"),
              R"(,"c":"T\"","d":2)");
    EXPECT_EQ(missing(R"({"type":"object","required":["e"]})"), R"(,"e":null)") << "nobody says what it is";
    EXPECT_EQ(missing(R"({"required":7})"), "");
    EXPECT_EQ(missing("{}"), "");
}

TEST(FakeSchemaSample, what_is_no_schema_gives_an_empty_object) {
    EXPECT_EQ(sample_of_schema("{"), "{}");
}

}  // namespace
}  // namespace eco2::fake
