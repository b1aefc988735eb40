#include "rules_sqlite/rule_files.hpp"

#include "fixture.hpp"

#include <gmock/gmock.h>

namespace rules_sqlite::test {
namespace {

using ::testing::HasSubstr;

class RuleFiles : public Fixture {};

TEST_F(RuleFiles, the_eighteen_shipped_rules_are_read) {
    const auto rules = read_rule_directory(shipped_rules());
    ASSERT_TRUE(rules) << rules.error().message;
    EXPECT_EQ(rules->size(), 18u);
    for (const Rule& rule : *rules) {
        EXPECT_EQ(rule.key.empty() ? rule.category : rule.category + "_" + rule.key, rule.file);
        EXPECT_EQ(rule.key.empty(), rule.category != "재활용폐기물");
        EXPECT_THAT(rule.body, HasSubstr("배출방법_공통"));
    }
}

TEST_F(RuleFiles, a_body_is_minified_and_keeps_the_order_of_its_keys) {
    const auto rule = parse_rule("b_a", " { \"z\" : [ 1 ],\n \"category\":\"b\", \"a\" : \"\\uac00 x\" } ");
    ASSERT_TRUE(rule);
    EXPECT_EQ(rule->body, R"({"z":[1],"category":"b","a":"가 x"})");
}

TEST_F(RuleFiles, only_the_first_underscore_divides_a_name) {
    const auto rule = parse_rule("a_b_c", R"({"category":"a"})");
    ASSERT_TRUE(rule);
    EXPECT_EQ(rule->category, "a");
    EXPECT_EQ(rule->key, "b_c");
    EXPECT_EQ(rule->file, "a_b_c");
}

TEST_F(RuleFiles, a_rule_cut_at_any_byte_is_refused) {
    const std::string whole = R"({"category":"종이","배출방법_공통":["a\"b",null,1.5]})";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(parse_rule("종이", std::string_view(whole).substr(0, size))) << size;
    }
    EXPECT_TRUE(parse_rule("종이", whole));
}

struct BadRule {
    std::string stem;
    std::string bytes;
    std::string reason;
};

TEST_F(RuleFiles, a_bad_rule_is_refused_with_its_name_and_the_reason) {
    const std::vector<BadRule> bad{
        {"a", "", "not JSON"},
        {"a", "\xEF\xBB\xBF{\"category\":\"a\"}", "not JSON"},
        {"a", "{\"category\":\"a\",\"x\":\"\xFF\"}", "not JSON"},
        {"a", "{\"category\":\"a\"} {}", "not JSON"},
        {"a", "[]", "not a JSON object"},
        {"a", "null", "not a JSON object"},
        {"a", "{}", "no text `category`"},
        {"a", R"({"category":null})", "no text `category`"},
        {"a_", R"({"category":"a"})", "file name must be"},
        {"_a", R"({"category":""})", "file name must be"},
        {"a", std::string(kRuleBytesMax + 1, ' '), "larger than"},
        {"a", R"({"category":"a","x":)" + std::string(100, '[') + std::string(100, ']') + "}", "not JSON"},
    };
    for (const BadRule& rule : bad) {
        const auto parsed = parse_rule(rule.stem, rule.bytes);
        ASSERT_FALSE(parsed) << rule.reason;
        EXPECT_EQ(parsed.error().code, "bad_rule_file");
        EXPECT_THAT(parsed.error().message, HasSubstr(rule.stem + ".json: "));
        EXPECT_THAT(parsed.error().message, HasSubstr(rule.reason));
    }
}

TEST_F(RuleFiles, files_that_are_no_json_and_subfolders_do_not_count) {
    const auto directory = folder("rules");
    write_rules(directory, 2, "x");
    write_file(directory / "README.md", "not a rule");
    std::filesystem::create_directories(directory / "more");
    write_file(directory / "more" / "bad.json", "bad");
    const auto rules = read_rule_directory(directory);
    ASSERT_TRUE(rules) << rules.error().message;
    EXPECT_EQ(rules->size(), 2u);
}

TEST_F(RuleFiles, a_directory_without_rules_is_refused) {
    for (const auto& directory : {folder("empty"), root() / "missing"}) {
        const auto rules = read_rule_directory(directory);
        ASSERT_FALSE(rules);
        EXPECT_EQ(rules.error().code, "bad_rule_directory");
        EXPECT_THAT(rules.error().message, HasSubstr(directory.string()));
    }
}

TEST_F(RuleFiles, a_folder_with_the_name_of_a_rule_is_refused) {
    const auto directory = folder("rules");
    write_rules(directory, 1, "x");
    std::filesystem::create_directories(directory / "a.json");
    const auto rules = read_rule_directory(directory);
    ASSERT_FALSE(rules);
    EXPECT_THAT(rules.error().message, HasSubstr("a.json: not a regular file"));
}

}  // namespace
}  // namespace rules_sqlite::test
