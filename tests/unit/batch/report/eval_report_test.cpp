#include "batch/report/eval_report.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace eco2::batch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kUsd = 1'000'000'000'000;

EvalRow row(const std::string& item, const std::string& label, const std::string& predicted) {
    return {item, label, predicted, kUsd / 100, seconds(1), "gpt", "hash"};
}

EvalGroup evaluated(const std::vector<EvalRow>& rows, Evaluation::Options options = {}) {
    Evaluation evaluation(options);
    for (const auto& one : rows) {
        evaluation.add(one);
    }
    const auto groups = evaluation.groups();
    EXPECT_EQ(groups.size(), 1U);
    return groups.at(0);
}

const EvalClass& find(const EvalGroup& group, const std::string& name) {
    for (const auto& one : group.classes) {
        if (one.name == name) {
            return one;
        }
    }
    ADD_FAILURE() << name;
    return group.classes.at(0);
}

const std::vector<EvalRow> kRows = {row("1", "paper/box/plain", "paper/box/plain"),
                                    row("2", "paper/box/plain", "paper/box/printed"),
                                    row("3", "paper/box/plain", "paper/bag/plain"),
                                    row("4", "glass/bottle/green", "paper/box/plain"),
                                    row("5", "glass/bottle/green", "glass/bottle/green"),
                                    row("6", "glass/bottle/green", ""),
                                    row("7", "", "glass/bottle/green")};

TEST(Evaluation, counts_what_is_right_by_the_parts_of_a_path) {
    const auto group = evaluated(kRows);
    EXPECT_EQ(group.items, 7);
    EXPECT_EQ(group.labelled, 6);
    EXPECT_EQ(group.unanswered, 1);
    EXPECT_EQ(group.depth, 3U);
    EXPECT_EQ(group.correct_major, 4);
    EXPECT_EQ(group.correct_middle, 3);
    EXPECT_EQ(group.correct, 2);
    EXPECT_EQ(group.cost_picousd, 7 * kUsd / 100);
}

TEST(Evaluation, classes_have_precision_recall_and_f1) {
    const auto group = evaluated(kRows);
    ASSERT_EQ(group.classes.size(), 4U);
    EXPECT_EQ(group.classes[0].name, "glass/bottle/green") << "by support, then by name";
    EXPECT_EQ(group.classes[1].name, "paper/box/plain");
    const auto& plain = find(group, "paper/box/plain");
    EXPECT_EQ(plain.support, 3);
    EXPECT_EQ(plain.predicted, 2);
    EXPECT_EQ(plain.correct, 1);
    EXPECT_DOUBLE_EQ(*plain.precision, 0.5);
    EXPECT_DOUBLE_EQ(*plain.recall, 1.0 / 3);
    EXPECT_DOUBLE_EQ(*plain.f1, 0.4);
    const auto& green = find(group, "glass/bottle/green");
    EXPECT_DOUBLE_EQ(*green.precision, 1.0) << "an item without a label says nothing";
    EXPECT_DOUBLE_EQ(*green.f1, 0.5);
    const auto& bag = find(group, "paper/bag/plain");
    EXPECT_EQ(bag.recall, std::nullopt);
    EXPECT_DOUBLE_EQ(*bag.precision, 0.0);
    EXPECT_DOUBLE_EQ(*group.macro_f1, 0.45) << "of the two that have items";
}

TEST(Evaluation, a_class_that_nobody_was_said_to_be_has_no_precision) {
    const auto group = evaluated({row("1", "a", "b"), row("2", "b", "b")});
    EXPECT_EQ(find(group, "a").precision, std::nullopt);
    EXPECT_DOUBLE_EQ(*find(group, "a").recall, 0.0);
    EXPECT_DOUBLE_EQ(*find(group, "a").f1, 0.0);
}

TEST(Evaluation, labels_and_answers_of_different_depth_are_compared_as_far_as_they_go) {
    EXPECT_EQ(evaluated({row("1", "a/b", "a/b/c")}).correct, 0);
    EXPECT_EQ(evaluated({row("1", "a/b", "a/b/c")}).correct_middle, 1);
    EXPECT_EQ(evaluated({row("1", "a/b/c", "a")}).correct_major, 1);
    EXPECT_EQ(evaluated({row("1", "a/b/c", "a")}).correct_middle, 0);
    EXPECT_EQ(evaluated({row("1", "ab/c", "a/c")}).correct_major, 0);
    EXPECT_EQ(evaluated({row("1", "a/b/c/d", "a/b/c/e")}).correct, 0);
    EXPECT_EQ(evaluated({row("1", "/", "")}).correct_major, 0) << "no answer is never right";
}

TEST(Evaluation, the_matrix_has_the_largest_classes_and_a_place_for_the_rest) {
    const auto group = evaluated(kRows, {1, 10});
    EXPECT_THAT(group.confusion.names, ElementsAre("glass/bottle/green"));
    EXPECT_THAT(group.confusion.counts, ElementsAre(ElementsAre(1, 1, 1), ElementsAre(0, 3, 0)));
    const auto all = evaluated(kRows);
    EXPECT_THAT(all.confusion.names, ElementsAre("glass/bottle/green", "paper/box/plain"));
    EXPECT_THAT(all.confusion.counts, ElementsAre(ElementsAre(1, 1, 0, 1), ElementsAre(0, 1, 2, 0), ElementsAre(0, 0, 0, 0)));
    std::int64_t sum = 0;
    for (const auto& counts : all.confusion.counts) {
        for (const auto count : counts) {
            sum += count;
        }
    }
    EXPECT_EQ(sum, all.labelled);
}

TEST(Evaluation, times_are_by_nearest_rank_of_those_that_are_known) {
    std::vector<EvalRow> rows;
    for (int i = 100; i >= 1; --i) {
        rows.push_back(row(std::to_string(i), "a", "a"));
        rows.back().latency = milliseconds(i);
    }
    rows.push_back(row("unknown", "a", "a"));
    rows.back().latency.reset();
    const auto times = evaluated(rows).times;
    ASSERT_TRUE(times);
    EXPECT_EQ(times->p50, milliseconds(50));
    EXPECT_EQ(times->p90, milliseconds(90));
    EXPECT_EQ(times->p95, milliseconds(95));
    EXPECT_EQ(times->p99, milliseconds(99));
    EXPECT_EQ(times->max, milliseconds(100));
    const auto single = evaluated({row("1", "a", "a")}).times;
    EXPECT_EQ(single->p50, seconds(1));
    EXPECT_EQ(single->p99, seconds(1));
    rows = {rows.back()};
    EXPECT_FALSE(evaluated(rows).times);
}

TEST(Evaluation, models_and_prompts_stand_apart) {
    Evaluation evaluation;
    for (const char* model : {"b", "a"}) {
        for (const char* prompt : {"2", "1"}) {
            auto one = row("1", "x", "x");
            one.model = model;
            one.prompt = prompt;
            evaluation.add(one);
        }
    }
    const auto groups = evaluation.groups();
    ASSERT_EQ(groups.size(), 4U);
    EXPECT_EQ(groups[0].model + groups[0].prompt, "a1");
    EXPECT_EQ(groups[3].model + groups[3].prompt, "b2");
}

TEST(Evaluation, the_first_wrong_items_are_kept) {
    const auto group = evaluated(kRows, {20, 2});
    ASSERT_EQ(group.examples.size(), 2U);
    EXPECT_EQ(group.examples[0].item, "2");
    EXPECT_EQ(group.examples[1].predicted, "paper/bag/plain");
}

TEST(EvalText, tells_people) {
    EXPECT_EQ(eval_text({evaluated(kRows, {20, 1})}),
              "model gpt  prompt hash  7 items, 1 without a label, 1 without an answer\n"
              "  accuracy  major 66.7 %, middle 50.0 %, full 33.3 %; macro F1 0.450\n"
              "  cost      0.07 USD, 0.01 an item\n"
              "  time      p50 1.00 s, p90 1.00 s, p95 1.00 s, p99 1.00 s, max 1.00 s\n"
              "  class                             support  precision   recall       F1\n"
              "  glass/bottle/green                      3      1.000    0.333    0.500\n"
              "  paper/box/plain                         3      0.500    0.333    0.400\n"
              "  and 2 more, some of them answers only\n"
              "  label, by answer                     1     2 other  none\n"
              "  1 glass/bottle/green                 1     1     0     1\n"
              "  2 paper/box/plain                    0     1     2     0\n"
              "  wrong     2: paper/box/plain answered as paper/box/printed\n");
}

TEST(EvalText, says_no_more_than_the_labels_do) {
    EXPECT_THAT(eval_text({evaluated({row("1", "a", "a")})}), HasSubstr("accuracy  full 100.0 %; macro F1 1.000\n"));
    EXPECT_THAT(eval_text({evaluated({row("1", "a/b", "a/c")})}), HasSubstr("accuracy  major 100.0 %, full 0.0 %"));
    auto none = row("1", "", "a");
    none.latency.reset();
    const auto text = eval_text({evaluated({none})});
    EXPECT_THAT(text, HasSubstr("accuracy  no item has a label\n"));
    EXPECT_THAT(text, HasSubstr("time      not known\n"));
    EXPECT_EQ(eval_text({}), "no items\n");
}

TEST(EvalJson, tells_scripts) {
    const auto value = boost::json::parse(eval_json({evaluated(kRows, {20, 1})})).at("groups").at(0);
    EXPECT_EQ(value.at("labelled").as_int64(), 6);
    EXPECT_DOUBLE_EQ(value.at("accuracy").at("major").as_double(), 0.666667);
    EXPECT_DOUBLE_EQ(value.at("accuracy").at("full").as_double(), 0.333333);
    EXPECT_TRUE(value.at("classes").at(3).at("recall").is_null());
    EXPECT_EQ(value.at("confusion").at("counts").at(1).at(2).as_int64(), 2);
    EXPECT_EQ(value.at("times").at("p50_ms").as_int64(), 1'000);
    EXPECT_THAT(eval_json({evaluated(kRows)}), HasSubstr(R"("cost_usd":0.07,"cost_per_item_usd":0.01,)"));
    const auto shallow = boost::json::parse(eval_json({evaluated({row("1", "", "a")})})).at("groups").at(0);
    EXPECT_TRUE(shallow.at("accuracy").at("major").is_null());
    EXPECT_TRUE(shallow.at("accuracy").at("full").is_null());
    EXPECT_EQ(eval_json({}), R"({"groups":[]})");
}

}  // namespace
}  // namespace eco2::batch
