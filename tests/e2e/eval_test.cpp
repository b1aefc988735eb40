#include "e2e/batch_program.hpp"

#include <map>

namespace eco2::test {
namespace {

namespace fs = std::filesystem;

class Eval : public BatchProgram {
protected:
    /// Three labelled photos; the fake sees the same class in all of them, which two labels agree with.
    fs::path labelled() {
        return input("labelled.csv",
                     "id,image,label\n"
                     "bottle," +
                         photo("pet_bottle.jpg").string() +
                         ",재활용폐기물/무색페트병/음료PET병\n"
                         "glass," +
                         photo("glass_bottle.jpg").string() +
                         ",재활용폐기물/유리병\n"
                         "shirt," +
                         photo("t_shirt.jpg").string() + ",재활용폐기물\n");
    }
    static constexpr const char* kSeen = "재활용폐기물/무색페트병/음료PET병";
};

TEST_F(Eval, live_it_tells_accuracy_confusion_cost_and_time_of_each_model) {
    start_batches({"--class", kSeen});
    const auto out = (directory / "eval").string();
    const auto ended = eco2({"eval", labelled(), "--model", "gpt-5.2,gpt-4o-mini", "--output", out, "--json"});
    ASSERT_EQ(ended.exit_code, 0) << ended;
    const auto report = json(ended.out);
    ASSERT_EQ(report.at("groups").as_array().size(), 2U) << ended;
    for (const auto& group : report.at("groups").as_array()) {
        EXPECT_EQ(group.at("items"), 3);
        EXPECT_EQ(group.at("unanswered"), 0);
        EXPECT_EQ(group.at("accuracy").at("major"), 1.0);
        EXPECT_NEAR(group.at("accuracy").at("full").as_double(), 2.0 / 3, 0.001);
        EXPECT_GT(group.at("cost_usd").to_number<double>(), 0.0);
        EXPECT_GT(group.at("times").at("p50_ms").as_int64(), 0);
        EXPECT_EQ(group.at("prompt").as_string().size(), 12U);
    }
    const auto rows = json_lines(read(fs::path(out) / "eval.jsonl"));
    ASSERT_EQ(rows.size(), 6U);
    std::map<std::string, int> right;
    for (const auto& row : rows) {
        right[std::string(row.at("id").as_string())] += row.at("ok").as_bool() ? 1 : 0;
        EXPECT_TRUE(row.at("error").is_null());
    }
    EXPECT_EQ(right, (std::map<std::string, int>{{"bottle", 2}, {"glass", 0}, {"shirt", 2}}));

    const auto text = eco2({"eval", labelled(), "--output", out});
    EXPECT_EQ(text.exit_code, 0) << text;
    EXPECT_TRUE(text.shows("model gpt-5.2") && text.shows("accuracy  major 100.0 %, middle 66.7 %, full 66.7 %")) << text;
    EXPECT_TRUE(text.shows("glass: 재활용폐기물/유리병 answered as 재활용폐기물/무색페트병")) << text;
}

TEST_F(Eval, as_jobs_it_tells_the_same_at_half_the_price_and_pays_once) {
    start_batches({"--class", kSeen});
    const auto out = (directory / "eval").string();
    const auto live = json(eco2({"eval", labelled(), "--output", out, "--json"}).out).at("groups").at(0);
    const auto ended = eco2({"eval", labelled(), "--batch", "--output", out, "--json"});
    ASSERT_EQ(ended.exit_code, 0) << ended;
    const auto group = json_lines(ended.out).back().at("groups").at(0);
    EXPECT_EQ(group.at("accuracy"), live.at("accuracy"));
    EXPECT_EQ(group.at("confusion"), live.at("confusion"));
    EXPECT_EQ(group.at("prompt"), live.at("prompt"));
    EXPECT_LT(group.at("cost_usd").as_double(), 0.7 * live.at("cost_usd").as_double());
    const auto sent = fake_count("requests");
    EXPECT_EQ(json_lines(eco2({"eval", labelled(), "--batch", "--output", out, "--json"}).out).back().at("groups").at(0),
              group);
    EXPECT_EQ(fake_count("requests"), sent) << "the job is there";
    // Other prompts make another job of what has the same name.
    edit("prompts/vision.ko.md", "\n", "\nLook twice.\n");
    const auto other =
        json_lines(eco2({"eval", labelled(), "--batch", "--output", out, "--json"}).out).back().at("groups").at(0);
    EXPECT_NE(other.at("prompt"), group.at("prompt"));
    EXPECT_GT(fake_count("requests"), sent);
}

TEST_F(Eval, rows_without_a_label_are_told_with_their_lines_before_anything_is_asked) {
    start_batches();
    const auto bottle = photo("pet_bottle.jpg").string();
    const auto ended =
        eco2({"eval", input("some.csv", "image,label\n" + bottle + ",재활용폐기물\n" + bottle + ",\n" + bottle + ",  \n")});
    EXPECT_EQ(ended.exit_code, 1) << ended;
    EXPECT_TRUE(ended.tells("some.csv:3: there is no label") && ended.tells("some.csv:4: there is no label")) << ended;
    EXPECT_EQ(eco2({"eval", photo("pet_bottle.jpg")}).exit_code, 1) << "a photo has no label";
    EXPECT_EQ(fake_count("requests"), 0);
}

TEST_F(Eval, a_label_that_is_no_class_is_warned_about_with_the_nearest) {
    start_batches();
    const auto ended =
        eco2({"eval",
              input("odd.csv", "image,label\n" + photo("pet_bottle.jpg").string() + ",재활용폐기물/무색패트병\n"),
              "--output",
              (directory / "eval").string()});
    EXPECT_EQ(ended.exit_code, 0) << ended;
    EXPECT_TRUE(ended.tells("odd.csv:2: the label \"재활용폐기물/무색패트병\" cannot be right") &&
                ended.tells("did you mean \"무색페트병\"?"))
        << ended;
}

TEST_F(Eval, items_that_fail_count_as_wrong_and_the_exit_code_says_so) {
    start_batches({"--class", kSeen});
    const auto file = input("mixed.csv",
                            "id,image,label\ngood," + photo("pet_bottle.jpg").string() + ",재활용폐기물\nbad," +
                                (source_dir() / "tests/support/bad_images/text-file.jpg").string() + ",재활용폐기물\n");
    for (const auto* way : {"--live", "--batch"}) {
        const auto out = directory / "eval" / way;
        const auto ended = eco2({"eval", file, way, "--output", out.string()});
        EXPECT_EQ(ended.exit_code, 1) << ended;
        EXPECT_TRUE(ended.shows("2 items, 0 without a label, 1 without an answer")) << ended;
        const auto rows = json_lines(read(out / "eval.jsonl"));
        ASSERT_EQ(rows.size(), 2U);
        EXPECT_TRUE(rows[1].at("id") == "bad" || rows[0].at("id") == "bad");
    }
}

TEST_F(Eval, a_cap_ends_it_between_groups_and_what_was_answered_is_told) {
    start_batches({"--class", kSeen});
    edit("eco2.toml", "#live_concurrency = 8", "live_concurrency = 1");
    const auto ended = eco2({"eval", labelled(), "--cap-usd", "0.000001", "--output", (directory / "eval").string()});
    EXPECT_EQ(ended.exit_code, 1) << ended;
    EXPECT_TRUE(ended.tells("raise --cap-usd") && ended.shows("1 item, ")) << ended;
}

TEST_F(Eval, what_goes_to_jobs_alone_and_unknown_models_are_refused) {
    start_batches();
    EXPECT_EQ(eco2({"eval", labelled(), "--provider", "openai_batch"}).exit_code, 2);
    EXPECT_EQ(eco2({"eval", labelled(), "--live", "--batch"}).exit_code, 2);
    const auto ended = eco2({"eval", labelled(), "--model", "gpt-5.2,gpt-nope"});
    EXPECT_EQ(ended.exit_code, 2) << ended;
    EXPECT_TRUE(ended.tells("gpt-nope") && ended.tells("gpt-4o-mini")) << ended;
}

}  // namespace
}  // namespace eco2::test
