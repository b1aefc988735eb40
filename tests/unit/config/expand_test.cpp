#include "config/expand.hpp"

#include <gtest/gtest.h>

#include <map>

namespace eco2::config {
namespace {

class ExpandTest : public testing::Test {
protected:
    ExpandTest() {
        names_.environment = &environment_;
        names_.own["data_dir"] = "/var/eco2";
    }

    std::string text(std::string_view from) { return expand(from, names_).text; }
    std::string problem(std::string_view from) { return expand(from, names_).problem; }

    std::map<std::string, std::string, std::less<>> variables_ = {
        {"A", "one"}, {"EMPTY", ""}, {"TRICK", "${A}"}, {"X_KEY", "sk-secret"}};
    Environment environment_ = [this](std::string_view name) -> std::optional<std::string> {
        const auto found = variables_.find(name);
        return found != variables_.end() ? std::optional(found->second) : std::nullopt;
    };
    Names names_;
};

TEST_F(ExpandTest, references_are_replaced_and_other_text_stays) {
    EXPECT_EQ(text("plain $5 {x}"), "plain $5 {x}");
    EXPECT_EQ(text("<${A}${A}>"), "<oneone>");
    EXPECT_EQ(text("${data_dir}/rules.db"), "/var/eco2/rules.db");
    EXPECT_EQ(text(""), "");
}

TEST_F(ExpandTest, defaults_stand_in_for_unset_and_empty_variables) {
    EXPECT_EQ(text("${NONE:-https://a.example/v1}"), "https://a.example/v1");
    EXPECT_EQ(text("${EMPTY:-x}"), "x");
    EXPECT_EQ(text("${EMPTY}"), "");
    EXPECT_EQ(text("${NONE:-}"), "");
    EXPECT_EQ(text("${A:-x}"), "one");
}

TEST_F(ExpandTest, what_is_put_in_is_not_looked_at_again) {
    EXPECT_EQ(text("${TRICK}"), "${A}");
}

TEST_F(ExpandTest, two_dollars_stand_for_the_characters_themselves) {
    EXPECT_EQ(text("$${A} ${A}"), "${A} one");
    EXPECT_EQ(problem("$${"), "");
}

TEST_F(ExpandTest, faults_are_told_with_what_is_allowed) {
    EXPECT_NE(problem("${NONE}").find("NONE is not set; set it, or give a default: ${NONE:-default}"), std::string::npos);
    EXPECT_NE(problem("${A").find("without \"}\""), std::string::npos);
    for (const auto* text : {"${}", "${9}", "${A B}", "${:-x}", "${A-x}"}) {
        EXPECT_NE(problem(text), "") << text;
    }
}

TEST_F(ExpandTest, variables_that_hold_secrets_are_refused_without_their_value) {
    const auto what = problem("${X_KEY}");
    EXPECT_NE(what.find("keys ="), std::string::npos);
    EXPECT_EQ(what.find("sk-secret"), std::string::npos);
    EXPECT_NE(problem("${MY_TOKEN:-x}"), "");
}

}  // namespace
}  // namespace eco2::config
