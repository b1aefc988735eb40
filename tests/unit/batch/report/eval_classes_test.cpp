#include "batch/report/eval_classes.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace eco2::batch {
namespace {

using testing::HasSubstr;

PipelineDefinition pipeline() {
    StageDefinition look;
    look.name = "vision";
    look.system = {{"en", "You sort waste."}};
    look.user = {{"en", "{{json input.question}}"}};
    look.taxonomy.emplace();
    look.taxonomy->taxonomy_json = R"({"paper":{"cartons":["milk carton"],"sheets":[]},"general":["CD/DVD","cushion"]})";
    look.taxonomy->extra_majors = {"hazardous"};
    look.taxonomy->unclassified = "unclassified";
    PipelineDefinition definition;
    definition.stages = {StageDefinition(), look};
    definition.stages[0].kind = StageDefinition::Kind::rules;
    definition.data = {{"taxonomy", "{}"}};
    return definition;
}

std::string result(const std::string& parts) {
    return R"({"task_id":"t","status":"completed","pipeline_result":)" + parts + "}";
}

TEST(EvalClasses, labels_of_any_depth_are_classes) {
    const auto classes = EvalClasses::of(pipeline());
    ASSERT_TRUE(classes);
    for (const auto* label : {"paper",
                              "paper/cartons",
                              "paper/cartons/milk carton",
                              "general",
                              "general/general",
                              "general/general/CD/DVD",
                              "hazardous",
                              "hazardous/hazardous",
                              "unclassified",
                              "hazardous/hazardous/paint",
                              "paper/sheets/anything"}) {
        EXPECT_EQ(classes->objection(label), "") << label;
    }
}

TEST(EvalClasses, what_is_no_class_is_told_with_the_nearest) {
    const auto classes = EvalClasses::of(pipeline());
    ASSERT_TRUE(classes);
    EXPECT_THAT(classes->objection("papre"), HasSubstr("did you mean \"paper\"?"));
    EXPECT_THAT(classes->objection("paper/carton"), HasSubstr("did you mean \"cartons\"?"));
    EXPECT_THAT(classes->objection("paper/cartons/milk cartn"), HasSubstr("did you mean \"milk carton\"?"));
    EXPECT_THAT(classes->objection("general/cushion"), HasSubstr("no middle class is called \"cushion\"; there are general"));
    EXPECT_THAT(classes->objection("glass"), HasSubstr("there are general, hazardous, paper, unclassified"));
}

TEST(EvalClasses, without_a_taxonomy_there_is_nothing_to_object_to) {
    auto definition = pipeline();
    definition.stages[1].taxonomy.reset();
    EXPECT_FALSE(EvalClasses::of(definition));
    EXPECT_FALSE(EvalClasses::of(PipelineDefinition()));
}

TEST(EvalClasses, the_prediction_is_the_first_part_with_a_classification) {
    EXPECT_EQ(
        predicted_class(result(R"({"rule":null,"seen":{"classification":{"major_category":"paper","middle_category":"cartons",
              "minor_category":"milk carton"}},"again":{"classification":{"major_category":"other"}}})")),
        "paper/cartons/milk carton");
    EXPECT_EQ(predicted_class(result(
                  R"({"v":{"classification":{"major_category":"paper","middle_category":"cartons","minor_category":null}}})")),
              "paper/cartons");
    EXPECT_EQ(predicted_class(result(R"({"v":{"classification":{"major_category":null,"middle_category":"cartons"}}})")), "");
}

TEST(EvalClasses, what_is_no_result_predicts_nothing) {
    for (const auto& text : {result("null"),
                             result("{}"),
                             result(R"({"v":{"classification":"paper"}})"),
                             std::string(),
                             std::string("{"),
                             std::string("[]"),
                             std::string(R"({"pipeline_result":7})")}) {
        EXPECT_EQ(predicted_class(text), "") << text;
    }
}

TEST(EvalClasses, a_result_cut_at_any_byte_predicts_nothing) {
    const auto whole = result(R"({"v":{"classification":{"major_category":"paper"}}})");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(predicted_class(whole.substr(0, size)), "") << size;
    }
    EXPECT_EQ(predicted_class(whole), "paper");
}

TEST(EvalClasses, a_prediction_is_compared_as_deep_as_the_label_goes) {
    EXPECT_EQ(as_deep_as("paper", "paper/cartons/milk carton"), "paper");
    EXPECT_EQ(as_deep_as("paper/cartons", "paper/cartons/milk carton"), "paper/cartons");
    EXPECT_EQ(as_deep_as("paper/cartons/milk carton", "paper/cartons"), "paper/cartons");
    EXPECT_EQ(as_deep_as("general/general/CD/DVD", "general/general/CD/DVD"), "general/general/CD/DVD");
    EXPECT_EQ(as_deep_as("paper", ""), "");
    EXPECT_EQ(clean_label(" paper / cartons/ CD/DVD "), "paper/cartons/CD/DVD");
    EXPECT_EQ(clean_label("  "), "");
}

TEST(EvalClasses, the_prompts_hash_changes_with_whatever_a_model_is_told) {
    const auto before = prompt_hash(pipeline());
    EXPECT_EQ(before.size(), 12U);
    EXPECT_EQ(prompt_hash(pipeline()), before);
    auto other = pipeline();
    other.stages[1].system["en"] += " ";
    EXPECT_NE(prompt_hash(other), before);
    other = pipeline();
    other.data["taxonomy"] = "{\"paper\":[]}";
    EXPECT_NE(prompt_hash(other), before);
    other = pipeline();
    other.stages[1].temperature = 0;
    EXPECT_NE(prompt_hash(other), before);
    other = pipeline();
    other.stages[1].timeout = std::chrono::milliseconds(1);
    EXPECT_EQ(prompt_hash(other), before) << "no model hears of it";
}

TEST(EvalClasses, a_row_is_one_line_of_json) {
    EvalRow row{"a\"1", "paper", "paper", 1'500'000'000, std::chrono::milliseconds(1'250), "gpt-x", "0123"};
    EXPECT_EQ(eval_line(row, ""),
              R"({"id":"a\"1","label":"paper","predicted":"paper","ok":true,"model":"gpt-x","prompt":"0123","cost_usd":0.0015,)"
              R"("latency_ms":1250,"error":null})");
    row.predicted.clear();
    row.latency.reset();
    const auto value = boost::json::parse(eval_line(row, "PROVIDER_TIMEOUT"));
    EXPECT_EQ(value.at("ok"), false);
    EXPECT_TRUE(value.at("predicted").is_null());
    EXPECT_TRUE(value.at("latency_ms").is_null());
    EXPECT_EQ(value.at("error"), "PROVIDER_TIMEOUT");
}

}  // namespace
}  // namespace eco2::batch
