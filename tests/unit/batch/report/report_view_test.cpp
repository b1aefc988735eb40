#include "batch/report/report_view.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace eco2::batch {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kUsd = 1'000'000'000'000;

JobReport report() {
    JobReport job;
    job.job = "j-7f3a";
    job.pipeline = "scan";
    job.state = JobState::done;
    job.created_at_ns = 1'793'000'000'000'000'000;
    job.ended_at_ns = 1'793'003'600'000'000'000;
    job.elapsed = std::chrono::seconds(3'600);
    job.items = {{ItemState::done, 995}, {ItemState::failed, 5}};
    job.stages = {{"vision", 990, 40, 4, 961, {{RetryClass::expired, 9}, {RetryClass::transient, 2}}},
                  {"answer", 500, 0, 1, 500, {}}};
    job.money = {2 * kUsd, 0, kUsd + kUsd / 4, 2 * kUsd + kUsd / 2, 0, 20 * kUsd};
    job.tokens = {100'000, 5'000, 20'000};
    job.pilot = "the pilot has brought 20 answers";
    job.incidents = {{JobReport::Incident::swapped_answers, 2, "photo-17"},
                     {JobReport::Incident::orphans, 0, ""},
                     {JobReport::Incident::adopted_batches, 1, "batch_abc"}};
    job.dead_letters = {{RetryClass::content, "vision", "STAGE_OUTPUT_INVALID: no major_category", 3, "photo-3"},
                        {RetryClass::fix_body, "answer", "BAD_REQUEST: image is no JPEG\x1b[2J", 2, "photo-9"}};
    return job;
}

TEST(ReportView, tells_people_everything_of_a_job) {
    EXPECT_EQ(
        report_text({report()}),
        "job j-7f3a  scan  done\n"
        "  time       2026-10-26T07:33:20.000Z to 2026-10-26T08:33:20.000Z, 1 h\n"
        "  items      1000 items, 995 done, 5 failed\n"
        "  vision     990 requests (40 cached), 4 batches, 961 attempts; without a usable answer: 2 transient, 9 expired\n"
        "  answer     500 requests (0 cached), 1 batch, 500 attempts\n"
        "  tokens     100000 in (5000 cached), 20000 out\n"
        "  money      booked 1.25 USD, reserved 0.00, estimated 2.00; live it would have been 2.50, saved 1.25; "
        "unexplained 0.00\n"
        "  cap        20.00 USD\n"
        "  pilot      the pilot has brought 20 answers\n"
        "  incidents  2 swapped answers, such as photo-17\n"
        "             1 adopted batches, such as batch_abc\n"
        "  failed\n"
        "    3 x vision: STAGE_OUTPUT_INVALID: no major_category\n"
        "      such as photo-3; again: eco2 batch retry j-7f3a --class content\n"
        "    2 x answer: BAD_REQUEST: image is no JPEG [2J\n"
        "      such as photo-9; mend the items, then give them to a new job\n");
}

TEST(ReportView, tells_scripts_the_same_with_the_sums_on_top) {
    EXPECT_EQ(
        report_json({report()}),
        R"({"booked_usd":1.25,"reserved_usd":0.00,"estimated_usd":2.00,"synchronous_usd":2.50,"saved_usd":1.25,)"
        R"("unexplained_usd":0.00,"jobs":[{"job":"j-7f3a","pipeline":"scan","state":"done","reason":null,)"
        R"("created_at":"2026-10-26T07:33:20.000Z","ended_at":"2026-10-26T08:33:20.000Z","elapsed_ms":3600000,)"
        R"("items":{"total":1000,"done":995,"failed":5,"asked":0,"waiting":0},)"
        R"("stages":[{"name":"vision","requests":990,"cached":40,"shards":4,"attempts":961,)"
        R"("retries":{"transient":2,"expired":9}},)"
        R"({"name":"answer","requests":500,"cached":0,"shards":1,"attempts":500,"retries":{}}],)"
        R"("money":{"booked_usd":1.25,"reserved_usd":0.00,"estimated_usd":2.00,"synchronous_usd":2.50,"saved_usd":1.25,)"
        R"("unexplained_usd":0.00,"cap_usd":20.00},"pilot":"the pilot has brought 20 answers","tokens":{"input":100000,"cached_input":5000,"output":20000},)"
        R"("incidents":[{"incident":"swapped_answers","count":2,"example":"photo-17"},)"
        R"({"incident":"orphans","count":0,"example":null},)"
        R"({"incident":"adopted_batches","count":1,"example":"batch_abc"}],)"
        R"("dead_letters":[{"class":"content","stage":"vision","cause":"STAGE_OUTPUT_INVALID: no major_category",)"
        R"("count":3,"example":"photo-3","retry_command":"eco2 batch retry j-7f3a --class content"},)"
        R"({"class":"fix_body","stage":"answer","cause":"BAD_REQUEST: image is no JPEG\u001b[2J","count":2,)"
        R"("example":"photo-9","retry_command":null}]}]})");
}

TEST(ReportView, a_job_that_has_not_begun_is_told_as_well) {
    JobReport job;
    job.job = "j-1";
    job.pipeline = "scan";
    job.state = JobState::paused;
    job.reason = "the provider refuses the key";
    job.created_at_ns = 0;
    EXPECT_EQ(report_text({job}),
              "job j-1  scan  paused: the provider refuses the key\n"
              "  time       1970-01-01T00:00:00.000Z to now, 0 s\n"
              "  items      0 items\n"
              "  tokens     0 in (0 cached), 0 out\n"
              "  money      booked 0.00 USD, reserved 0.00, estimated 0.00; live it would have been 0.00, saved 0.00; "
              "unexplained 0.00\n"
              "  cap        none\n"
              "  incidents  none\n");
    const auto value = boost::json::parse(report_json({job})).at("jobs").at(0);
    EXPECT_TRUE(value.at("ended_at").is_null());
    EXPECT_TRUE(value.at("money").at("cap_usd").is_null());
    EXPECT_EQ(value.at("reason").as_string(), "the provider refuses the key");
}

TEST(ReportView, several_jobs_are_summed_up) {
    auto second = report();
    second.job = "j-8";
    second.money.booked = 1;
    second.money.unexplained = -3;
    const auto text = report_text({report(), second});
    EXPECT_THAT(text, HasSubstr("\n\njob j-8  scan"));
    EXPECT_THAT(text, HasSubstr("\n2 jobs: booked 1.250000000001 USD"));
    const auto json = report_json({report(), second});
    EXPECT_THAT(json, testing::StartsWith(R"({"booked_usd":1.250000000001,)"));
    EXPECT_THAT(json, HasSubstr(R"("unexplained_usd":-0.000000000003,"jobs":[)"));
    EXPECT_EQ(boost::json::parse(json).at("jobs").as_array().size(), 2U);
}

TEST(ReportView, no_job_is_no_fault) {
    EXPECT_THAT(report_text({}), HasSubstr("0 jobs: booked 0.00 USD"));
    EXPECT_THAT(report_json({}), testing::EndsWith(R"("jobs":[]})"));
}

TEST(ReportView, what_has_cost_more_than_live_is_not_hidden) {
    auto job = report();
    job.money.booked = 3 * kUsd;
    EXPECT_THAT(report_text({job}), HasSubstr("saved -0.50"));
}

TEST(RetryCommand, is_there_for_everything_that_may_end_otherwise) {
    for (const auto retry :
         {RetryClass::transient, RetryClass::expired, RetryClass::account, RetryClass::content, RetryClass::limit}) {
        EXPECT_EQ(retry_command("j", retry), "eco2 batch retry j --class " + std::string(name_of(retry)));
    }
    EXPECT_EQ(retry_command("j", RetryClass::fix_body), "");
    EXPECT_EQ(retry_command("j", RetryClass::none), "");
}

TEST(Incidents, have_names) {
    const auto last = static_cast<int>(JobReport::Incident::estimated_costs);
    for (int i = 0; i <= last; ++i) {
        EXPECT_NE(name_of(static_cast<JobReport::Incident>(i)), "unknown");
    }
    EXPECT_EQ(name_of(static_cast<JobReport::Incident>(last + 1)), "unknown");
}

}  // namespace
}  // namespace eco2::batch
