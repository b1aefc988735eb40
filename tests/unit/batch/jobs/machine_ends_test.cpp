#include "machine_bench.hpp"

#include <gtest/gtest.h>

/// T14 to T20: how batches end, and what they may be ended by.
namespace eco2::batch {
namespace {

Bench::Expected paid_more_than_once() {
    Bench::Expected expected;
    expected.is_paid_once = false;
    return expected;
}

TEST(MachineExpiry, T14_keeps_what_was_done_and_asks_for_the_rest_without_counting_an_attempt) {
    Bench bench;
    bench.settings.attempts = 1;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"expire","share":0.6}]}})"));
    const auto job = bench.planned(bench.requests(10));
    ASSERT_TRUE(bench.run_until([&] { return bench.shards(job).size() > 1; }));
    EXPECT_EQ(bench.number("SELECT count(*) FROM lines WHERE shard = 1 AND outcome = 1"), 6);
    EXPECT_EQ(bench.number("SELECT count(*) FROM lines WHERE shard = 1 AND outcome = 3"), 4);
    bench.run();
    const auto end = bench.job(job.id);
    EXPECT_EQ(end.state, JobState::done);
    EXPECT_EQ(end.items_done, 10);
    EXPECT_EQ(bench.shards(job).back().lines, 4);
    EXPECT_EQ(bench.number("SELECT max(attempts) FROM work"), 1) << "expiry charges none";
    bench.check();
}

TEST(MachineExpiry, T14_counts_expired_lines_as_failed_or_not) {
    for (const auto* counts : {"true", "false"}) {
        Bench bench;
        ASSERT_TRUE(bench.fake.behave(std::string(R"({"batch":{"counts_expired":)") + counts +
                                      R"(,"faults":[{"fault":"expire","share":0.6},{"fault":"expire","share":0}]}})"));
        const auto job = bench.planned(bench.requests(10));
        bench.run();
        EXPECT_EQ(bench.job(job.id).items_done, 10);
        bench.check();
    }
}

TEST(MachineExpiry, T15_that_loses_all_is_asked_again_in_smaller_shards) {
    Bench bench;
    ChangedProvider lossy(bench.provider(), [](BatchCapabilities& able) { able.expiry = BatchCapabilities::Expiry::lost; });
    bench.providers["openai_batch"] = &lossy;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"expire","share":0}]}})"));
    // Nothing comes back at all: no files, no lines.
    bench.wire.after = [&](const std::string& step, int, WireResult& result) {
        if (step == "retrieve" && result.body.find("\"expired\"") != std::string::npos) {
            for (const std::string name : {"\"output_file_id\"", "\"error_file_id\""}) {
                if (const auto at = result.body.find(name); at != std::string::npos) {
                    const auto begin = result.body.find(':', at) + 1;
                    const auto end = result.body.find_first_of(",}", begin);
                    result.body.replace(begin, end - begin, " null");
                }
            }
        }
    };
    const auto job = bench.planned(bench.requests(10));
    bench.run();
    const auto end = bench.job(job.id);
    EXPECT_EQ(end.state, JobState::done);
    EXPECT_EQ(end.items_done, 10);
    EXPECT_GE(bench.shards(job).size(), 3U) << "smaller than the one that expired";
    EXPECT_EQ(bench.number("SELECT max(attempts) FROM work"), 1);
    auto expected = Bench::Expected{};
    expected.is_nothing_left = false;  // the error file that was not named
    bench.check(expected);
}

TEST(MachineExpiry, for_ever_ends_with_failed_items) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"window_ms":3600000,"faults":[{"fault":"expire","share":0,"times":0}]}})"));
    const auto job = bench.planned(bench.requests(3));
    bench.run(1'000h);
    const auto end = bench.job(job.id);
    EXPECT_EQ(end.state, JobState::done);
    EXPECT_EQ(end.items_failed, 3);
    EXPECT_EQ(bench.item(job, "r1").retry, RetryClass::expired);
    EXPECT_LE(bench.shards(job).size(), 25U);
    bench.check(paid_more_than_once());
}

TEST(MachineValidation, T16_a_line_that_is_named_fails_and_the_others_go_on) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"invalid","line":3,"message":"no good"}]}})"));
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    const auto end = bench.job(job.id);
    EXPECT_EQ(end.state, JobState::done);
    EXPECT_EQ(end.items_done, 4);
    EXPECT_EQ(bench.item(job, "r3").state, ItemState::failed);
    EXPECT_EQ(bench.item(job, "r3").retry, RetryClass::fix_body);
    EXPECT_NE(bench.item(job, "r3").detail.find("no good"), std::string::npos);
    EXPECT_EQ(bench.fake.batch_ids().size(), 2U);
    bench.check(paid_more_than_once());
}

TEST(MachineValidation, T16_that_names_no_line_is_no_loop) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"invalid","line":9999,"times":0}]}})"));
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::paused);
    EXPECT_LE(bench.fake.batch_ids().size(), 3U);
    EXPECT_EQ(bench.number("SELECT max(attempts) FROM work"), 0);
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[]}})"));
    JobFile other(bench.db());
    ASSERT_TRUE(other.reopen(job.id));
    bench.run();
    EXPECT_EQ(bench.job(job.id).items_done, 5);
    bench.check();
}

TEST(MachineValidation, T16_each_line_in_turn_ends) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"invalid","line":1,"times":0}]}})"));
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.job(job.id).items_failed, 5);
    bench.check(paid_more_than_once());
}

TEST(MachineQueue, T17_a_full_queue_for_six_hours_costs_no_attempt_and_holds_nobody_else_up) {
    Bench bench;
    bench.settings.attempts = 1;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"enqueued_tokens_max":{"gpt-5.2":1}}})"));
    const auto job = bench.planned(bench.requests(40));
    const auto other = bench.planned(bench.requests(5, "other.jsonl", "gpt-5.1"));
    bench.run(6h);
    EXPECT_EQ(bench.job(other.id).state, JobState::done);
    EXPECT_EQ(bench.job(job.id).state, JobState::open);
    EXPECT_EQ(bench.number("SELECT max(attempts) FROM work WHERE job = " + std::to_string(job.key)), 0);
    EXPECT_LE(bench.fake.batch_ids().size(), 150U) << "every few minutes, not in a loop";
    // The queue has room again.
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"enqueued_tokens_max":{}}})"));
    const auto before = bench.fake.batch_ids().size();
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.job(job.id).items_done, 40);
    EXPECT_LE(bench.fake.batch_ids().size() - before, 12U) << "what was learned in a bad hour is not kept for ever";
    bench.check();
}

TEST(MachineQueue, T17_a_limit_is_learned_and_kept_to) {
    Bench bench;
    bench.settings.requests_max = 5;
    // Room for two of four shards.
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"enqueued_tokens_max":{"gpt-5.2":250}}})"));
    const auto job = bench.planned(bench.requests(20));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.job(job.id).items_done, 20);
    EXPECT_LE(bench.incidents(job, "queue_limit"), 6);
    bench.check();
}

TEST(MachineVanished, T19_unknown_for_half_a_minute_is_waited_out) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"on":"retrieve","fault":"not_found","for_ms":30000}]}})"));
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_TRUE(bench.reasons.empty());
    bench.check();
}

TEST(MachineVanished, T19_unknown_for_less_than_the_grace_in_the_middle_of_its_life_too) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"in_progress_ms":7200000}})"));
    const auto job = bench.planned(bench.requests(1));
    bench.run_for(1h);
    std::int64_t first = 0;
    int times = 0;
    bench.wire.before = [&](const std::string& step, int) -> std::optional<WireResult> {
        if (step != "retrieve") {
            return std::nullopt;
        }
        first = first == 0 ? bench.fake.clock().wall_ns() : first;
        if (bench.fake.clock().wall_ns() - first >= 100'000'000'000) {
            return std::nullopt;
        }
        ++times;
        return FakeWire::status(404, R"({"error":{"message":"No batch found"}})");
    };
    bench.run_for(15min);
    EXPECT_GE(times, 2);
    EXPECT_TRUE(bench.reasons.empty());
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    bench.check();
}

TEST(MachineVanished, T19_for_ever_is_for_a_person_to_decide) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"on":"retrieve","fault":"not_found"}]}})"));
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    auto now = bench.job(job.id);
    EXPECT_EQ(now.state, JobState::paused);
    EXPECT_NE(now.reason.find("--class vanished"), std::string::npos) << now.reason;
    EXPECT_GT(now.money.reserved, 0);
    EXPECT_EQ(bench.incidents(job, "vanished"), 1);
    EXPECT_EQ(bench.shards(job).front().state, ShardState::vanished);
    EXPECT_EQ(bench.wire.sent("create"), 1);
    // Nothing more is asked about it.
    (void)bench.wire.sent_since();
    bench.run_for(24h);
    EXPECT_EQ(bench.wire.sent_since(), 0);

    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[]}})"));
    JobFile other(bench.db());
    const auto retried = other.retry(job.id, {"vanished"}, {});
    ASSERT_TRUE(retried);
    bench.run();
    now = bench.job(job.id);
    EXPECT_EQ(now.state, JobState::done);
    EXPECT_EQ(now.items_done, 5);
    EXPECT_EQ(bench.wire.sent("create"), 2);
    Bench::Expected expected;
    expected.is_bill_booked = false;  // the one that vanished was run all the same
    expected.is_paid_once = false;
    expected.is_nothing_left = false;  // its output is not known to us
    bench.check(expected);
}

TEST(MachineVanished, a_job_may_be_cancelled_instead) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"on":"retrieve","fault":"not_found"}]}})"));
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    ASSERT_EQ(bench.job(job.id).state, JobState::paused);
    JobFile other(bench.db());
    ASSERT_TRUE(other.ask_cancel(job.id));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::cancelled);
    EXPECT_EQ(bench.job(job.id).money.reserved, 0);
}

struct CancelAt {
    const char* name;
    std::chrono::seconds when;
    const char* behaviour;
    JobState end;
    int done;  // -1: some, not all
};

class MachineCancel : public ::testing::TestWithParam<CancelAt> {};

TEST_P(MachineCancel, T20_keeps_what_was_done_and_leaves_nothing) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(std::string(R"({"batch":)") + GetParam().behaviour + "}"));
    const auto job = bench.planned(bench.requests(12));
    if (GetParam().when > 0s) {
        bench.run_for(GetParam().when);
    }
    JobFile other(bench.db());
    ASSERT_TRUE(other.ask_cancel(job.id));
    bench.run();
    const auto end = bench.job(job.id);
    EXPECT_EQ(end.state, GetParam().end) << end.reason;
    if (GetParam().done >= 0) {
        EXPECT_EQ(end.items_done, GetParam().done);
    } else {
        EXPECT_GT(end.items_done, 0);
        EXPECT_LT(end.items_done, 12);
    }
    for (const auto& row : bench.items(end)) {
        EXPECT_TRUE(row.state == ItemState::done || row.error == "CANCELLED") << row.error;
    }
    bench.check(paid_more_than_once());
}

INSTANTIATE_TEST_SUITE_P(
    Moments,
    MachineCancel,
    ::testing::Values(
        CancelAt{"before_anything", 0s, "{}", JobState::cancelled, 0},
        CancelAt{"validating", 10s, "{}", JobState::cancelled, 0},
        CancelAt{"in_progress", 50s, "{}", JobState::cancelled, -1},
        CancelAt{"finalizing", 90s, "{}", JobState::cancelled, 12},
        CancelAt{"in_progress_of_a_provider_that_does_not_care",
                 50s,
                 R"({"faults":[{"fault":"ignore_cancel"}]})",
                 JobState::cancelled,
                 12},
        CancelAt{"the_cancel_fails_at_first",
                 50s,
                 R"({"faults":[{"on":"cancel","fault":"status","times":2},{"on":"cancel","fault":"lost_reply"}]})",
                 JobState::cancelled,
                 -1},
        CancelAt{"the_cancel_always_fails",
                 50s,
                 R"({"faults":[{"on":"cancel","fault":"status","times":0}]})",
                 JobState::cancelled,
                 12},
        CancelAt{
            "while_a_creation_is_unclear", 2s, R"({"faults":[{"on":"create","fault":"lost_reply"}]})", JobState::cancelled, 0},
        CancelAt{"while_a_creation_is_unclear_that_was_none",
                 2s,
                 R"({"faults":[{"on":"create","fault":"reset"}]})",
                 JobState::cancelled,
                 0},
        CancelAt{
            "while_an_upload_is_unclear", 0s, R"({"faults":[{"on":"upload","fault":"lost_reply"}]})", JobState::cancelled, 0}),
    [](const auto& made) { return std::string(made.param.name); });

TEST(MachineCancel, T20_at_every_turn_of_a_jobs_life) {
    for (int turns = 0; turns <= 60; ++turns) {
        SCOPED_TRACE(turns);
        Bench bench;
        bench.settings.requests_max = 6;
        const auto job = bench.planned(bench.requests(12));
        int left = turns;
        const bool is_over = !bench.run_until([&] { return left-- == 0; });
        if (is_over) {
            EXPECT_GT(turns, 30);
            break;
        }
        JobFile other(bench.db());
        ASSERT_TRUE(other.ask_cancel(job.id));
        bench.run();
        const auto end = bench.job(job.id);
        EXPECT_TRUE(end.state == JobState::cancelled || (end.state == JobState::done && end.items_done == 12))
            << name_of(end.state);
        bench.check(paid_more_than_once());
    }
}

TEST(MachineCancel, T20_that_meets_the_batchs_end_reads_its_results) {
    Bench bench;
    const auto job = bench.planned(bench.requests(12));
    ASSERT_TRUE(bench.run_until([&] {
        const auto shards = bench.shards(job);
        return !shards.empty() && shards.front().remote_state == "finalizing";
    }));
    bench.fake.advance(1min);
    JobFile other(bench.db());
    ASSERT_TRUE(other.ask_cancel(job.id));
    bench.run();
    EXPECT_EQ(bench.job(job.id).items_done, 12);
    EXPECT_EQ(bench.wire.sent("cancel"), 1);
    bench.check();
}

TEST(MachineResultsFolder, that_cannot_be_written_is_no_other_jobs_business) {
    Bench bench;
    const auto in_the_way = bench.folder.file("in_the_way");
    const auto first = bench.planned(bench.requests(3), [&](PlanRequest& request) { request.output = in_the_way; });
    std::filesystem::remove_all(in_the_way);
    bench.write("in_the_way", "a file where a folder was");
    bench.run_for(1min);
    const auto second = bench.planned(bench.requests(4, "second.jsonl"));
    bench.run(1h);
    EXPECT_EQ(bench.job(first.id).state, JobState::done);
    EXPECT_FALSE(bench.job(first.id).is_exported);
    EXPECT_TRUE(bench.job(second.id).is_exported);
    EXPECT_NE(bench.job(first.id).reason.find(in_the_way), std::string::npos) << bench.job(first.id).reason;
    EXPECT_TRUE(bench.fake.file_ids().empty());
    std::filesystem::remove(in_the_way);
    bench.run(1h);
    EXPECT_TRUE(bench.job(first.id).is_exported);
    bench.check();
}

}  // namespace
}  // namespace eco2::batch
