#include "pipeline/stage_work.hpp"

#include "base/limits.hpp"
#include "fixture.hpp"

#include <gtest/gtest.h>

namespace eco2::test {
namespace {

TEST(StageWork, a_request_carries_prompt_question_image_and_schema) {
    const RunBench bench;
    const auto& vision = bench.context.pipeline->stages()[0];
    RunInput input;
    input.language = "ko";
    input.model = "model-b";
    input.image_bytes = std::make_shared<const std::string>("bytes");
    input.image_mime = "image/jpeg";
    RunValues values;
    values.input = {{"question", "\"따옴표\""}};
    const auto request = prepare_infer(vision, input, values);
    EXPECT_EQ(request->model, "model-b");
    ASSERT_EQ(request->messages.size(), 2U);
    EXPECT_EQ(*request->messages[0].parts[0].text,
              "classes:\n- 재활용폐기물\n  - 종이: 신문지\n  - 유리병: 소주병\n- 일반종량제폐기물: 휴지\n");
    ASSERT_EQ(request->messages[1].parts.size(), 2U);
    EXPECT_EQ(*request->messages[1].parts[0].text, R"("\"따옴표\"")");
    EXPECT_EQ(request->messages[1].parts[1].kind, Part::Kind::image_bytes);
    EXPECT_EQ(*request->schema_name, "vision");
}

TEST(StageWork, the_system_prompt_is_shared_not_copied) {
    const RunBench bench;
    const auto& vision = bench.context.pipeline->stages()[0];
    const RunInput input = RunBench::input();
    const RunValues values;
    const auto first = prepare_infer(vision, input, values);
    const auto second = prepare_infer(vision, input, values);
    EXPECT_EQ(first->messages[0].parts[0].text.get(), second->messages[0].parts[0].text.get());
}

TEST(StageWork, what_an_answer_leaves_out_is_filled_in_before_the_schema_is_checked) {
    auto definition = scan_definition();
    definition.stages[2].defaults_json = R"({"steps":{"a":null,"b":null},"insufficiencies":[]})";
    definition.stages[2].schema_json = R"({"type":"object","required":["steps","insufficiencies","user_answer"]})";
    const auto pipeline = Pipeline::compile(std::move(definition)).value();
    const auto settle = [&](const char* text) {
        return settle_infer(pipeline->stages()[2], RunBench::input(), text, FinishReason::stop);
    };
    EXPECT_EQ(settle(R"({"user_answer":"x","steps":{"b":"y"}})").value().output.json(),
              R"({"steps":{"b":"y","a":null},"user_answer":"x","insufficiencies":[]})");
    EXPECT_EQ(settle(R"({"steps":{}})").error().code, Errc::provider_bad_answer) << "what has no default stays required";
    EXPECT_EQ(settle(R"([])").error().code, Errc::provider_bad_answer);
}

TEST(StageWork, a_reward_result_must_have_a_reward_or_a_reason) {
    EXPECT_TRUE(settle_reward(R"({"reward":null,"reason":"no_rule","grant":null})"));
    EXPECT_TRUE(settle_reward(R"({"reward":{"name":"a"},"reason":null})"));
    for (const std::string_view bad : {"",
                                       "{}",
                                       "[]",
                                       R"({"reward":null,"reason":null})",
                                       R"({"reward":null})",
                                       R"({"reward":{"name":"a"},"reason":"x"})",
                                       R"({"reward":"text","reason":null})",
                                       R"({"reward":{"name":"a"},"reason":null,"grant":{"name":"no code"}})"}) {
        EXPECT_EQ(settle_reward(bad).error().code, Errc::reward_failed) << bad;
    }
}

TEST(StageWork, a_path_to_a_later_stage_is_refused) {
    auto definition = scan_definition();
    definition.stages[0].user = {{"ko", "{{json answer}}"}};
    const auto compiled = Pipeline::compile(std::move(definition));
    ASSERT_FALSE(compiled);
    EXPECT_NE(compiled.error().detail.find("scan.toml: stage \"vision\""), std::string::npos) << compiled.error().detail;
}

TEST(Pipeline, has_at_least_one_stage_and_not_too_many) {
    for (const std::size_t count : {std::size_t{0}, limits::kStagesMax + 1}) {
        auto definition = scan_definition();
        const auto stage = definition.stages.front();
        definition.stages.assign(count, stage);
        EXPECT_EQ(Pipeline::compile(std::move(definition)).error().code, Errc::config_invalid) << count;
    }
}

TEST(Pipeline, picks_the_first_supported_language) {
    const auto pipeline = Pipeline::compile(scan_definition()).value();
    EXPECT_EQ(pipeline->language(""), "ko");
    EXPECT_EQ(pipeline->language("en-US,en;q=0.9,ko;q=0.8"), "en");
    EXPECT_EQ(pipeline->language("fr, EN;q=0.5"), "en");
    EXPECT_EQ(pipeline->language("english,fr"), "ko");
    EXPECT_EQ(pipeline->language("*"), "ko");
}

}  // namespace
}  // namespace eco2::test
