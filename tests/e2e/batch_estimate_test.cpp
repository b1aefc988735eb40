#include "e2e/batch_program.hpp"

namespace eco2::test {
namespace {

namespace fs = std::filesystem;

class BatchEstimate : public BatchProgram {
protected:
    /// `count` items by URL, each with a request of its own.
    fs::path urls(int count) {
        std::string text = "id,image_url\n";
        for (int i = 0; i < count; ++i) {
            text += "i" + std::to_string(i) + ",https://images.example.com/" + std::to_string(i) + ".jpg\n";
        }
        return input("urls.csv", text);
    }
    static std::string request(int number, const std::string& model) {
        return R"({"custom_id":"r)" + std::to_string(number) +
               R"(","method":"POST","url":"/v1/chat/completions","body":{"model":")" + model +
               R"(","messages":[{"role":"user","content":"question )" + std::to_string(number) + R"("}],"max_tokens":50}})" +
               "\n";
    }
};

TEST_F(BatchEstimate, tells_of_every_kind_of_input_what_it_will_take_and_asks_nobody) {
    start_batches();
    fs::create_directories(directory / "photos");
    fs::copy_file(photo("pet_bottle.jpg"), directory / "photos" / "a.jpg");
    fs::copy_file(photo("pet_bottle.jpg"), directory / "photos" / "same.jpg");
    fs::copy_file(photo("t_shirt.jpg"), directory / "photos" / "b.jpg");
    write(directory / "photos" / "notes.txt", "no photo");
    struct Case {
        fs::path input;
        std::int64_t items, requests;
        std::size_t stages;
        const char* warning;
    };
    for (const auto& [file, items, requests, stages, warning] : std::initializer_list<Case>{
             {directory / "photos", 3, 2, 2, "input"},
             {input("in.csv", "id,photo\na," + photo("pet_bottle.jpg").string() + "\n"), 1, 1, 2, "retention"},
             {input("in.jsonl",
                    R"({"id":1,"image_url":"https://images.example.com/a.jpg"})"
                    "\n"),
              1,
              1,
              2,
              "image_urls"},
             {input("openai.jsonl", request(1, "gpt-4o-mini") + request(2, "gpt-4o-mini")), 2, 2, 1, "results_kept"},
         }) {
        const auto text = eco2({"batch", "estimate", file});
        EXPECT_EQ(text.exit_code, 0) << file << text;
        EXPECT_TRUE(text.shows("USD, expected") && text.shows("outside zero data retention") && text.shows("prices of version"))
            << text;
        const auto ended = eco2({"batch", "estimate", file, "--json"});
        ASSERT_EQ(ended.exit_code, 0) << file << ended;
        const auto told = json(ended.out);
        ASSERT_EQ(told.at("stages").as_array().size(), stages) << ended;
        const auto& first = told.at("stages").at(0);
        EXPECT_EQ(first.at("items"), items) << file;
        EXPECT_EQ(first.at("requests"), requests) << file;
        EXPECT_EQ(first.at("is_priced"), true);
        const auto& money = told.at("total").at("batch_picousd");
        EXPECT_GT(money.at("low").as_int64(), 0);
        EXPECT_LE(money.at("low").as_int64(), money.at("expected").as_int64());
        EXPECT_LE(money.at("expected").as_int64(), money.at("high").as_int64());
        EXPECT_LE(money.at("high").as_int64(), told.at("total").at("worst_picousd").as_int64());
        EXPECT_NE(ended.out.find("\"code\":\"" + std::string(warning) + "\""), std::string::npos) << ended;
    }
    EXPECT_EQ(fake_count("requests"), 0);
    EXPECT_TRUE(eco2({"batch", "status"}).shows("no jobs")) << "an estimate leaves none";
}

TEST_F(BatchEstimate, of_a_broken_input_tells_the_lines) {
    start_batches();
    const auto ended = eco2({"batch", "estimate", input("bad.csv", "id,image_url\na,http://images.example.com/a.jpg\nb,\n")});
    EXPECT_EQ(ended.exit_code, 1) << ended;
    EXPECT_TRUE(ended.tells("bad.csv:2: ") && ended.tells("bad.csv:3: ")) << ended;
}

TEST_F(BatchEstimate, on_prices_past_their_day_there_is_none_unless_it_is_allowed) {
    start_batches();
    const auto file = urls(1);
    edit("eco2.toml", "review_by = \"2027-03-31\"", "review_by = \"2020-01-01\"");
    for (const auto* command : {"estimate", "run"}) {
        const auto ended = eco2({"batch", command, file});
        EXPECT_EQ(ended.exit_code, 3) << command << ended;
        EXPECT_TRUE(ended.tells("allow_past_review")) << ended;
    }
    edit("eco2.toml", "#allow_past_review = false", "allow_past_review = true");
    const auto ended = eco2({"batch", "estimate", file});
    EXPECT_EQ(ended.exit_code, 0) << ended;
    EXPECT_TRUE(ended.shows("were to be reviewed by 2020-01-01")) << ended;
}

TEST_F(BatchEstimate, a_model_without_a_price_is_told_and_a_capped_job_of_it_does_not_begin) {
    start_batches();
    const auto file = input("openai.jsonl", request(1, "unheard-of"));
    const auto told = eco2({"batch", "estimate", file});
    EXPECT_EQ(told.exit_code, 0) << told;
    EXPECT_TRUE(told.shows("no price is known for model \"unheard-of\"") && told.shows("not known")) << told;
    EXPECT_EQ(eco2({"batch", "run", file, "--cap-usd", "1", "--output", (directory / "out").string()}).exit_code, 3);
}

TEST_F(BatchEstimate, needs_no_key_and_takes_broken_photos_for_items_that_fail) {
    start_batches();
    environment.erase("OPENAI_BASE_URL");
    environment.erase("OPENAI_API_KEY");
    fs::create_directories(directory / "photos");
    fs::copy_file(photo("pet_bottle.jpg"), directory / "photos" / "a.jpg");
    write(directory / "photos" / "b.jpg", "");
    write(directory / "photos" / "c.jpg", "no photo");
    const auto ended = eco2({"batch", "estimate", directory / "photos", "--json"});
    ASSERT_EQ(ended.exit_code, 0) << ended;
    EXPECT_EQ(json(ended.out).at("stages").at(0).at("items"), 1) << ended;
    const auto run = eco2({"batch", "run", directory / "photos"});
    EXPECT_EQ(run.exit_code, 3) << run;
    EXPECT_NE(run.err.find("OPENAI_API_KEY"), std::string::npos) << "what costs money does need one" << run;
}

TEST_F(BatchEstimate, a_job_keeps_the_estimate_of_its_plan) {
    start_batches();
    const auto file = urls(450);  // more than the sample
    const auto all =
        json(eco2({"batch", "estimate", file, "--json"}).out).at("total").at("batch_picousd").at("expected").as_int64();
    const auto ran = eco2({"batch", "run", file, "--output", (directory / "out").string()});
    ASSERT_EQ(ran.exit_code, 0) << ran;
    EXPECT_TRUE(ran.tells("450 items, about ")) << ran;
    const auto report = json(eco2({"batch", "report", "--json"}).out);
    const auto kept = report.at("estimated_usd").as_double() * 1e12;
    EXPECT_NEAR(kept, static_cast<double>(all), 0.02 * static_cast<double>(all)) << "200 items stand for all";
}

TEST_F(BatchEstimate, a_pilot_goes_ahead_alone_and_its_usage_makes_the_estimate) {
    start_batches({"--class", "재활용폐기물/무색페트병/음료PET병"});
    const auto file = urls(300);
    const auto out = (directory / "out").string();
    const auto first = eco2({"batch", "run", file, "--output", out, "--pilot", "20", "--cap-usd", "1", "--json"});
    EXPECT_EQ(first.exit_code, 1) << first;
    EXPECT_TRUE(first.tells("is paused: by its pilot the job may cost") && first.tells("raise --cap-usd")) << first;
    const auto progress = json_lines(first.out);
    ASSERT_GE(progress.size(), 2U) << first;
    const auto& last = progress.back();
    EXPECT_EQ(last.at("items_done"), 20) << "the others wait";
    EXPECT_EQ(last.at("reserved_usd").to_number<double>(), 0.0);
    EXPECT_LT(last.at("estimated_usd").as_double(), progress.front().at("estimated_usd").as_double())
        << "the fake's answers are short";

    const auto again = eco2({"batch", "run", file, "--output", out, "--cap-usd", "5"});
    EXPECT_EQ(again.exit_code, 0) << again;
    EXPECT_TRUE(again.tells("300 items done, 0 failed")) << again;
    const auto report = json(eco2({"batch", "report", "--json"}).out).at("jobs").at(0);
    EXPECT_TRUE(
        std::string(report.at("pilot").as_string()).starts_with("the pilot has brought 21 answers; by them the job costs"))
        << report;
    EXPECT_EQ(report.at("incidents").as_array().size(), 0U) << report;
    const auto& money = report.at("money");
    EXPECT_NEAR(money.at("booked_usd").as_double(),
                money.at("estimated_usd").as_double(),
                0.25 * money.at("estimated_usd").as_double());
}

TEST_F(BatchEstimate, a_pilot_that_brings_nothing_stops_the_job_before_the_rest_is_sent) {
    start_batches();
    fake(R"({"batch":{"faults":[{"fault":"only_errors","times":1}]}})");
    const auto file = urls(30);
    const auto out = (directory / "out").string();
    const auto first = eco2({"batch", "run", file, "--output", out, "--pilot", "5"});
    EXPECT_EQ(first.exit_code, 1) << first;
    EXPECT_TRUE(first.tells("no request of the pilot was answered")) << first;
    const auto again = eco2({"batch", "run", file, "--output", out});
    EXPECT_EQ(again.exit_code, 0) << again;
    EXPECT_TRUE(again.tells("30 items done, 0 failed")) << again;
}

TEST_F(BatchEstimate, a_pilot_of_a_model_without_a_price_is_one_batch_and_the_rest_another) {
    start_batches();
    std::string text;
    for (int i = 0; i < 20; ++i) {
        text += request(i, "unheard-of");
    }
    const auto ended =
        eco2({"batch", "run", input("openai.jsonl", text), "--output", (directory / "out").string(), "--pilot", "5"});
    EXPECT_EQ(ended.exit_code, 0) << ended;
    const auto report = json(eco2({"batch", "report", "--json"}).out).at("jobs").at(0);
    EXPECT_EQ(report.at("stages").at(0).at("shards"), 2) << report;
    EXPECT_EQ(report.at("items").at("done"), 20);
}

}  // namespace
}  // namespace eco2::test
