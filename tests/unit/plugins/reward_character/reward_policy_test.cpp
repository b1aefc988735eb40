#include "reward_character/reward_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace reward_character {
namespace {

using ::testing::HasSubstr;

const char* const kRecyclable = "재활용폐기물";

RewardPolicy policy(bool is_enabled = true) {
    auto catalogue = Catalogue::load(ECO2_CONFIG_DIR "/data/characters.json");
    EXPECT_TRUE(catalogue);
    return RewardPolicy(*std::move(catalogue), {is_enabled, kRecyclable});
}

std::string input(std::string_view major,
                  std::string_view middle,
                  std::string_view minor = "null",
                  std::string_view has_rule = "true",
                  std::string_view insufficiencies = "[]") {
    const auto quote = [](std::string_view text) { return "\"" + std::string(text) + "\""; };
    return R"({"classification":{"major_category":)" + quote(major) + R"(,"middle_category":)" + quote(middle) +
           R"(,"minor_category":)" + std::string(minor) + R"(},"has_rule":)" + std::string(has_rule) +
           R"(,"insufficiencies":)" + std::string(insufficiencies) + "}";
}

std::string refusal(std::string_view reason) {
    return R"({"reward":null,"reason":")" + std::string(reason) + R"(","grant":null})";
}

std::string decide(const RewardPolicy& policy, const std::string& input_json) {
    const auto decision = policy.decide(input_json);
    return decision ? *decision : "failure: " + decision.error().code;
}

TEST(RewardPolicy, each_recyclable_middle_class_earns_its_character) {
    const std::vector<std::pair<std::string, std::string>> earned{{"종이", "페이피"},
                                                                  {"종이팩", "팩토리"},
                                                                  {"무색페트병", "페티"},
                                                                  {"금속류", "메탈리"},
                                                                  {"비닐류", "비니"},
                                                                  {"유리병", "글래시"},
                                                                  {"의류및원단", "코튼"},
                                                                  {"플라스틱류", "플리"},
                                                                  {"전기전자제품", "일렉"},
                                                                  {"전지", "배리"},
                                                                  {"조명제품", "라이티"},
                                                                  {"발포합성수지", "폼이"}};
    const RewardPolicy rewards = policy();
    for (const auto& [middle, name] : earned) {
        const std::string decision = decide(rewards, input(kRecyclable, middle));
        EXPECT_THAT(decision, HasSubstr(R"({"reward":{"name":")" + name + "\""));
        EXPECT_THAT(decision, HasSubstr(R"("match_reason":")" + middle + "\""));
        EXPECT_THAT(decision, HasSubstr(R"("reason":null)"));
    }
}

TEST(RewardPolicy, a_reward_has_its_fields_in_this_order) {
    EXPECT_EQ(decide(policy(), input(kRecyclable, "무색페트병", R"("음료PET병")")),
              R"({"reward":{"name":"페티","dialog":"라벨과 뚜껑을 분리하고 투명하게 헹궈요!",)"
              R"("match_reason":"무색페트병>음료PET병","type":"먹는샘물 페트병, 음료 페트병"},)"
              R"("reason":null,"grant":{"code":"char-petty","name":"페티"}})");
}

TEST(RewardPolicy, without_a_minor_class_the_middle_class_is_the_reason_of_the_match) {
    for (const char* minor : {"null", R"("")", R"("  ")"}) {
        EXPECT_THAT(decide(policy(), input(kRecyclable, "전지", minor)), HasSubstr(R"("match_reason":"전지","type")"));
    }
}

TEST(RewardPolicy, other_major_classes_earn_nothing) {
    for (const char* major : {"일반종량제폐기물",
                              "불연성종량제폐기물",
                              "음식물류폐기물",
                              "공사장생활폐기물",
                              "대형폐기물",
                              "생활계유해폐기물",
                              "미분류"}) {
        EXPECT_EQ(decide(policy(), input(major, major)), refusal("not_recyclable"));
    }
    EXPECT_EQ(decide(policy(), input("일반종량제폐기물", "종이")), refusal("not_recyclable"));
}

TEST(RewardPolicy, each_condition_has_its_reason) {
    EXPECT_EQ(decide(policy(false), input(kRecyclable, "종이")), refusal("feature_disabled"));
    EXPECT_EQ(decide(policy(), input("", "종이")), refusal("classification_incomplete"));
    EXPECT_EQ(decide(policy(), input(kRecyclable, "\\t ")), refusal("classification_incomplete"));
    EXPECT_EQ(decide(policy(), input(kRecyclable, "종이", "null", "false")), refusal("no_rule"));
    EXPECT_EQ(decide(policy(), input(kRecyclable, "종이", "null", "true", R"(["헹구지 않음"])")), refusal("insufficient"));
    EXPECT_EQ(decide(policy(), input(kRecyclable, "목재")), refusal("no_match"));
}

TEST(RewardPolicy, the_first_condition_that_fails_gives_the_reason) {
    // From the last condition to the first, each with all the later ones broken as well.
    const std::string broken = R"(["x"])";
    EXPECT_EQ(decide(policy(), input(kRecyclable, "목재", "null", "true", broken)), refusal("insufficient"));
    EXPECT_EQ(decide(policy(), input(kRecyclable, "목재", "null", "false", broken)), refusal("no_rule"));
    EXPECT_EQ(decide(policy(), input("대형폐기물", "목재", "null", "false", broken)), refusal("not_recyclable"));
    EXPECT_EQ(decide(policy(), input("대형폐기물", "", "null", "false", broken)), refusal("classification_incomplete"));
    EXPECT_EQ(decide(policy(false), input("대형폐기물", "", "null", "false", broken)), refusal("feature_disabled"));
}

TEST(RewardPolicy, the_default_character_cannot_be_earned_by_its_own_label_elsewhere) {
    EXPECT_EQ(decide(policy(), input("대표 캐릭터", "대표 캐릭터")), refusal("not_recyclable"));
}

TEST(RewardPolicy, blank_insufficiencies_do_not_count) {
    for (const char* blank : {"[]", "null", R"([""])", R"(["  ","\n","　"])"}) {
        EXPECT_THAT(decide(policy(), input(kRecyclable, "종이", "null", "true", blank)), HasSubstr("페이피")) << blank;
    }
    EXPECT_EQ(decide(policy(), input(kRecyclable, "종이", "null", "true", R"([" "," x "])")), refusal("insufficient"));
}

TEST(RewardPolicy, a_missing_list_of_insufficiencies_means_none) {
    EXPECT_THAT(
        decide(policy(), R"({"classification":{"major_category":"재활용폐기물","middle_category":"종이"},"has_rule":true})"),
        HasSubstr("페이피"));
}

TEST(RewardPolicy, spaces_around_classes_do_not_count) {
    EXPECT_THAT(decide(policy(), input(" 재활용폐기물\\n", "　종이\u00A0", R"(" 신문지 ")")),
                HasSubstr(R"("match_reason":"종이>신문지")"));
    EXPECT_EQ(decide(policy(), input(kRecyclable, "종 이")), refusal("no_match"));
}

TEST(RewardPolicy, a_missing_class_is_incomplete) {
    for (const char* text : {R"({"has_rule":true})",
                             R"({"classification":null,"has_rule":true})",
                             R"({"classification":{},"has_rule":true})",
                             R"({"classification":{"major_category":null,"middle_category":"종이"},"has_rule":true})",
                             R"({"classification":{"major_category":"재활용폐기물"},"has_rule":true})"}) {
        EXPECT_EQ(decide(policy(), text), refusal("classification_incomplete")) << text;
    }
}

TEST(RewardPolicy, input_of_another_shape_is_a_failure_that_names_the_field) {
    const std::vector<std::pair<std::string, std::string>> bad{
        {"", "the input"},
        {"[]", "the input"},
        {"null", "the input"},
        {"{\"has_rule\":true", "the input"},
        {R"({"classification":[],"has_rule":true})", "classification"},
        {R"({"classification":"종이","has_rule":true})", "classification"},
        {R"({"classification":{"major_category":1},"has_rule":true})", "classification.major_category"},
        {R"({"classification":{"middle_category":[]},"has_rule":true})", "classification.middle_category"},
        {R"({"classification":{"minor_category":{}},"has_rule":true})", "classification.minor_category"},
        {R"({"classification":{}})", "has_rule"},
        {R"({"classification":{},"has_rule":null})", "has_rule"},
        {R"({"classification":{},"has_rule":"true"})", "has_rule"},
        {R"({"classification":{},"has_rule":true,"insufficiencies":"x"})", "insufficiencies"},
        {R"({"classification":{},"has_rule":true,"insufficiencies":{}})", "insufficiencies"},
        {R"({"classification":{},"has_rule":true,"insufficiencies":["",null]})", "insufficiencies"},
    };
    for (const auto& [text, field] : bad) {
        const auto decision = policy().decide(text);
        ASSERT_FALSE(decision) << text;
        EXPECT_EQ(decision.error().code, "bad_input");
        EXPECT_THAT(decision.error().message, HasSubstr(field + " must be")) << text;
    }
}

TEST(RewardPolicy, input_cut_at_any_byte_is_a_failure) {
    const std::string whole = input(kRecyclable, "종이", R"("신문지")", "true", R"(["x"])");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(policy().decide(std::string_view(whole).substr(0, size))) << size;
    }
}

TEST(RewardPolicy, names_with_quotes_stay_whole) {
    auto catalogue = Catalogue::parse(R"([{"code":"c","name":"a\"b","type":"\\","dialog":"x\ny","match":"m\"m"}])", "f");
    ASSERT_TRUE(catalogue);
    const RewardPolicy rewards(*std::move(catalogue), {true, "major"});
    EXPECT_EQ(decide(rewards, input("major", R"(m\"m)")),
              R"({"reward":{"name":"a\"b","dialog":"x\ny","match_reason":"m\"m","type":"\\"},"reason":null,)"
              R"("grant":{"code":"c","name":"a\"b"}})");
}

}  // namespace
}  // namespace reward_character
