#include "base/json_schema.hpp"

#include "base/limits.hpp"

#include <gtest/gtest.h>

namespace eco2 {
namespace {

constexpr std::string_view kSchema = R"({"type":"object","properties":{"a":{"type":["string","null"]},
    "b":{"type":"array","items":{"type":"integer"}}},"required":["a"],"additionalProperties":false})";

Result<void> check(std::string_view json) {
    return JsonSchema::compile(kSchema).value()->check(json);
}

TEST(JsonSchema, takes_what_fits) {
    EXPECT_TRUE(check(R"({"a":"x"})"));
    EXPECT_TRUE(check(R"({"a":null,"b":[1,2]})"));
}

TEST(JsonSchema, names_the_place_and_the_keyword) {
    EXPECT_EQ(check(R"({"b":[1]})").error().text(), "INVALID_FIELD: the document breaks \"required\"");
    EXPECT_EQ(check(R"({"a":1})").error().text(), "INVALID_FIELD: /a breaks \"type\"");
    EXPECT_EQ(check(R"({"a":"x","b":[1,"y"]})").error().text(), "INVALID_FIELD: /b/1 breaks \"type\"");
    EXPECT_EQ(check(R"({"a":"x","c":1})").error().text(), "INVALID_FIELD: /c breaks \"additionalProperties\"");
}

TEST(JsonSchema, a_document_cut_anywhere_is_not_json) {
    constexpr std::string_view kWhole = R"({"a":"x","b":[1,2]})";
    for (std::size_t size = 0; size < kWhole.size(); ++size) {
        EXPECT_FALSE(check(kWhole.substr(0, size))) << size;
    }
    EXPECT_EQ(check(R"({"a":"x"} y)").error().code, Errc::invalid_json);
    EXPECT_EQ(check("{\"a\":\"\xff\"}").error().code, Errc::invalid_json);
}

TEST(JsonSchema, refuses_depth_beyond_the_limit_without_recursing) {
    const auto any = JsonSchema::compile("{}").value();
    EXPECT_TRUE(any->check(std::string(limits::kJsonDepthMax, '[') + std::string(limits::kJsonDepthMax, ']')));
    EXPECT_EQ(any->check(std::string(1'000'000, '[')).error().code, Errc::invalid_json);
}

TEST(JsonSchema, a_schema_that_is_no_object_is_refused) {
    EXPECT_EQ(JsonSchema::compile("[]").error().code, Errc::config_invalid);
    EXPECT_EQ(JsonSchema::compile("{").error().code, Errc::config_invalid);
}

}  // namespace
}  // namespace eco2
