#include "cut_results.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

/// T10 to T13: result files as they should not be.
namespace eco2::batch {
namespace {

struct Flawed {
    const char* name;
    const char* faults;
    int requests;
    const char* incident;  // that is told; empty: none
    int count;
    bool is_booked;           // else lines were billed that never came
    bool is_paid_once;        // else some were asked for again
    bool is_all_told = true;  // else a file is left whose name nobody was told
};

class MachineResults : public ::testing::TestWithParam<Flawed> {};

TEST_P(MachineResults, are_told_by_id_and_each_item_gets_its_own) {
    const auto& flaw = GetParam();
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(std::string(R"({"batch":{"shuffle":false,"faults":[)") + flaw.faults + "]}}"));
    const auto job = bench.planned(bench.requests(flaw.requests));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.job(job.id).items_failed, 0);
    EXPECT_EQ(bench.rows(job), honest_rows(flaw.requests));
    if (*flaw.incident != '\0') {
        EXPECT_EQ(bench.incidents(job, flaw.incident), flaw.count);
    } else {
        EXPECT_EQ(bench.number("SELECT count(*) FROM incidents"), 0);
    }
    Bench::Expected expected;
    expected.is_bill_booked = flaw.is_booked;
    expected.is_paid_once = flaw.is_paid_once;
    expected.is_nothing_left = flaw.is_all_told;
    bench.check(expected);
    EXPECT_EQ(bench.fake.faults_left(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    T10_T11_T13,
    MachineResults,
    ::testing::Values(
        Flawed{"crlf", R"({"fault":"crlf"})", 5, "", 0, true, true},
        Flawed{"no_final_newline", R"({"fault":"no_final_newline"})", 5, "", 0, true, true},
        Flawed{"blank_line", R"({"fault":"blank_line","line":2})", 5, "", 0, true, true},
        Flawed{"crlf_and_blank",
               R"({"fault":"crlf"},{"fault":"blank_line","line":1},{"fault":"no_final_newline"})",
               5,
               "",
               0,
               true,
               true},
        Flawed{"duplicate", R"({"fault":"duplicate_line","line":2})", 5, "duplicate", 1, true, true},
        Flawed{"conflicting", R"({"fault":"duplicate_line","line":2,"conflicting":true})", 5, "conflicting", 1, true, true},
        Flawed{"unknown_id", R"({"fault":"unknown_line","line":3,"count":2})", 5, "unknown_id", 2, true, true},
        // Read twice, as its answer may be behind a cut; then the request is asked for again, and what was billed is told.
        Flawed{"without_id", R"({"fault":"line_without_id","line":2})", 5, "no_id", 1, false, false},
        Flawed{"dropped", R"({"fault":"drop_line","line":2})", 5, "lost", 1, false, false},
        Flawed{"null_output_for_three_polls", R"({"fault":"null_output","polls":3})", 5, "", 0, true, true},
        Flawed{"empty_ids_for_three_polls", R"({"fault":"empty_ids","polls":3})", 5, "", 0, true, true},
        Flawed{"only_errors", R"({"fault":"only_errors"})", 5, "", 0, true, true},
        Flawed{"cut_download", R"({"on":"content","fault":"half_body","times":3})", 5, "", 0, true, true},
        Flawed{"silent_download", R"({"on":"content","fault":"silence"})", 5, "", 0, true, true},
        Flawed{"unknown_content_for_a_minute", R"({"on":"content","fault":"not_found","times":3})", 5, "", 0, true, true}),
    [](const auto& made) { return std::string(made.param.name); });

TEST(MachineResults, T13_what_was_done_and_is_never_named_is_not_paid_for_again) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"null_output","polls":0}]}})"));
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::paused);
    EXPECT_NE(bench.job(job.id).reason.find("names no file"), std::string::npos) << bench.job(job.id).reason;
    EXPECT_EQ(bench.incidents(job, "vanished"), 1);
    EXPECT_EQ(bench.fake.executed(), 5);
}

TEST(MachineResults, what_a_batch_was_billed_and_never_told_is_shown_as_unexplained) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"drop_line","line":2}]}})"));
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    const auto unexplained = bench.number("SELECT sum(unexplained) FROM shards");
    EXPECT_GT(unexplained, 0);
    EXPECT_EQ(bench.job(job.id).money.booked + unexplained, bench.fake.cost_picousd());
}

TEST(MachineResults, T10_cut_within_their_last_three_lines_are_fetched_again) {
    const CutResults cut;
    // Each byte: machine_crash_full_test.cpp.
    for (std::size_t missing = 1; missing <= cut.tail(); ++missing) {
        const auto from_line_end = std::min(missing % cut.line(), cut.line() - missing % cut.line());
        if (from_line_end < 3 || missing % 97 == 0) {
            cut.check(missing);
        }
    }
}

TEST(MachineResults, T10_a_long_line_is_taken) {
    run_with_long_line(3'000'000);
}

TEST(MachineResults, T12_answers_that_changed_places_are_noticed_and_asked_for_again) {
    Bench honest;
    const auto honest_job = honest.planned(honest.scans(6));
    honest.run();

    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"swap_answers","line":2}]}})"));
    const auto job = bench.planned(bench.scans(6));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.incidents(job, "swapped"), 2);
    EXPECT_EQ(bench.number("SELECT count(*) FROM lines WHERE outcome = 5"), 2);
    EXPECT_EQ(bench.rows(job), honest.rows(honest_job));
    Bench::Expected expected;
    expected.is_paid_once = false;
    bench.check(expected);
    EXPECT_EQ(bench.fake.executed(), bench.number("SELECT count(*) FROM work") + 2);
}

TEST(MachineResults, T12_without_the_echo_nothing_tells) {
    Bench bench;
    bench.settings.has_echo = false;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"swap_answers","line":2}]}})"));
    const auto job = bench.planned(bench.scans(6));
    bench.run();
    EXPECT_EQ(bench.incidents(job, "swapped"), 0);
    bench.check();
}

TEST(MachineResults, failing_lines_are_told_apart) {
    Bench bench;
    bench.settings.attempts = 2;
    bench.settings.content_attempts = 2;
    ASSERT_TRUE(bench.fake.behave(
        R"({"batch":{"faults":[{"fault":"lines","times":0,)"
        R"("shares":{"429":0.15,"500":0.15,"image_timeout":0.1,"length":0.1,"refusal":0.1,"wrong_schema":0.1}}]}})"));
    const auto job = bench.planned(bench.scans(60));
    bench.run();
    const auto end = bench.job(job.id);
    EXPECT_EQ(end.state, JobState::done);
    EXPECT_GT(end.items_failed, 0);
    EXPECT_GT(end.items_done, 0);
    Bench::Expected expected;
    expected.is_paid_once = false;
    bench.check(expected);
    for (const auto& row : bench.items(end)) {
        if (row.state == ItemState::failed) {
            EXPECT_TRUE(row.retry == RetryClass::transient || row.retry == RetryClass::content)
                << row.error << name_of(row.retry);
        }
    }
    // Nothing was tried more often than it may be.
    EXPECT_LE(bench.number("SELECT max(attempts) FROM work"), 4);
    EXPECT_LE(bench.number("SELECT max(n) FROM (SELECT count(*) AS n FROM lines GROUP BY work)"), 4);
}

TEST(MachineResults, of_a_body_that_is_wrong_are_not_asked_for_again) {
    Bench bench;
    const auto input = bench.write("in.jsonl",
                                   Bench::request("good", "x") +
                                       R"({"custom_id":"bad","method":"POST","url":"/v1/chat/completions",)"
                                       R"("body":{"model":"gpt-5.2","n":500,"messages":[{"role":"user","content":"x"}]}})"
                                       "\n");
    const auto job = bench.planned(input);
    bench.run();
    EXPECT_EQ(bench.item(job, "good").state, ItemState::done);
    const auto bad = bench.item(job, "bad");
    EXPECT_EQ(bad.state, ItemState::failed);
    EXPECT_EQ(bad.retry, RetryClass::fix_body);
    EXPECT_EQ(bench.number("SELECT count(*) FROM lines"), 2);
    Bench::Expected expected;
    expected.is_paid_once = false;
    bench.check(expected);
}

TEST(MachineResults, that_several_items_refuse_are_counted_once) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"lines","shares":{"wrong_schema":1.0}}]}})"));
    std::string text;
    for (int i = 0; i < 6; ++i) {
        text += R"({"id":"s)" + std::to_string(i) + R"(","image_url":"https://img.test/a.jpg","question":"which?"})" + "\n";
    }
    const auto job = bench.planned(bench.write("equal.jsonl", text));
    (void)bench.run_until([&] { return bench.number("SELECT min(answered) FROM stages") < 0; });
    EXPECT_EQ(bench.job(job.id).items_done, 6);
    EXPECT_GT(bench.number("SELECT sum(content_attempts) FROM work"), 0);
    EXPECT_EQ(bench.texts("SELECT requests || ' ' || answered FROM stages WHERE name <> '' ORDER BY stage"),
              (std::vector<std::string>{"1 1", "1 1"}));
    bench.check();
}

TEST(MachineBuild, sends_nothing_for_a_photo_that_is_gone) {
    Bench bench;
    const auto job = bench.planned(bench.photos(4));
    // Once the request is in the queue, and before it is written into a file.
    ASSERT_TRUE(bench.run_until([&] { return bench.number("SELECT count(*) FROM work") == 4; }));
    const auto gone = bench.item(job, "p2.jpg");
    ASSERT_TRUE(std::filesystem::remove(bench.data_dir() / "batch/photos" / (gone.photo + ".jpg")));
    bench.run();
    const auto end = bench.job(job.id);
    EXPECT_EQ(end.state, JobState::done) << end.reason;
    EXPECT_EQ(end.items_done, 3);
    EXPECT_EQ(bench.item(job, "p2.jpg").state, ItemState::failed);
    EXPECT_EQ(bench.item(job, "p2.jpg").error, "IO_FAILED");
    EXPECT_EQ(bench.fake.executed(), 6) << "two stages of the three others";
    bench.check();
}

TEST(MachineIngest, a_file_that_cannot_be_read_loses_no_line) {
    for (const bool is_gone : {true, false}) {
        Bench bench;
        const auto job = bench.planned(bench.requests(2'000));
        ASSERT_TRUE(bench.run_until([&] {
            const auto shards = bench.shards(job);
            return !shards.empty() && shards.front().state == ShardState::ingesting;
        }));
        for (const auto& entry : std::filesystem::directory_iterator(bench.data_dir() / "batch/shards")) {
            if (is_gone) {
                std::filesystem::remove(entry.path());
            } else {
                std::filesystem::resize_file(entry.path(), entry.file_size() / 2);
            }
        }
        bench.run();
        EXPECT_EQ(bench.job(job.id).items_done, 2'000);
        bench.check();
    }
}

TEST(MachineDisk, that_is_full_is_not_a_reason_to_ask_the_provider_in_a_loop) {
    Bench bench;
    const auto job = bench.planned(bench.requests(5));
    int refused = 0;
    bench.wire.before = [&](const std::string& step, int) -> std::optional<WireResult> {
        if (step == "retrieve" && refused == 0) {
            ++refused;
            bench.set_disk_full(true);
            return FakeWire::status(500);
        }
        return std::nullopt;
    };
    ASSERT_TRUE(bench.run_until([&] { return !bench.last_error.detail.empty(); }, 1h)) << "a turn that ends by an error";
    EXPECT_EQ(bench.last_error.code, Errc::store_failed);
    EXPECT_EQ(refused, 1);
    EXPECT_EQ(bench.wire.sent("retrieve"), 0);
    bench.set_disk_full(false);
    bench.run();
    EXPECT_EQ(bench.job(job.id).items_done, 5);
    bench.check();
}

}  // namespace
}  // namespace eco2::batch
