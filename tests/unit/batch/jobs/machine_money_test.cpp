#include "local_doors.hpp"
#include "machine_bench.hpp"

#include <gtest/gtest.h>

#include <limits>

/// T18, caps and deadlines: how much a job may ask for, cost and take.
namespace eco2::batch {
namespace {

Bench::Expected paid_more_than_once() {
    Bench::Expected expected;
    expected.is_paid_once = false;
    return expected;
}

struct Storm {
    const char* name;
    const char* faults;  // for an hour
    const char* step;
    int calls_max;
};

class MachineStorm : public ::testing::TestWithParam<Storm> {};

TEST_P(MachineStorm, T18_of_an_hour_is_sat_out_with_few_calls) {
    const auto& storm = GetParam();
    Bench bench;
    const auto job = bench.planned(bench.requests(5));
    ASSERT_TRUE(bench.fake.behave(std::string(R"({"batch":{"faults":)") + storm.faults + "}}"));
    bench.run_for(1h);
    EXPECT_EQ(bench.job(job.id).state, JobState::open);
    EXPECT_GE(bench.wire.sent(storm.step), 5);
    EXPECT_LE(bench.wire.sent(storm.step), storm.calls_max);
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[]}})"));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.job(job.id).items_done, 5);
    EXPECT_EQ(bench.number("SELECT max(attempts) FROM work"), 1);
    bench.check();
}

INSTANTIATE_TEST_SUITE_P(
    Storms,
    MachineStorm,
    ::testing::Values(
        Storm{"poll_500", R"([{"on":"retrieve","fault":"status","status":500,"times":0}])", "retrieve", 130},
        Storm{"poll_429", R"([{"on":"retrieve","fault":"status","status":429,"retry_after":"120","times":0}])", "retrieve", 31},
        Storm{"poll_429_without_a_hint", R"([{"on":"retrieve","fault":"status","status":429,"times":0}])", "retrieve", 130},
        Storm{"poll_reset", R"([{"on":"retrieve","fault":"reset","times":0}])", "retrieve", 130},
        Storm{"list_500",
              R"([{"on":"create","fault":"lost_reply"},{"on":"list","fault":"status","status":500,"times":0}])",
              "list",
              130},
        Storm{
            "list_429",
            R"([{"on":"create","fault":"lost_reply"},{"on":"list","fault":"status","status":429,"retry_after":"120","times":0}])",
            "list",
            31},
        Storm{"download_500", R"([{"on":"content","fault":"status","status":500,"times":0}])", "content", 130},
        Storm{
            "download_429", R"([{"on":"content","fault":"status","status":429,"retry_after":"120","times":0}])", "content", 31},
        Storm{"upload_429", R"([{"on":"upload","fault":"status","status":429,"retry_after":"120","times":0}])", "upload", 31},
        Storm{"upload_500", R"([{"on":"upload","fault":"status","status":500,"times":0}])", "upload", 130},
        Storm{"create_429", R"([{"on":"create","fault":"status","status":429,"retry_after":"120","times":0}])", "create", 31},
        Storm{"create_429_without_a_hint", R"([{"on":"create","fault":"status","status":429,"times":0}])", "create", 130},
        // Each is looked for over the whole grace before the next.
        Storm{"create_500", R"([{"on":"create","fault":"status","status":500,"times":0}])", "create", 30}),
    [](const auto& made) { return std::string(made.param.name); });

TEST(MachineStorm, T18_a_provider_that_hints_at_no_time_at_all_is_not_asked_in_a_loop) {
    Bench bench;
    bench.planned(bench.requests(5));
    ASSERT_TRUE(bench.fake.behave(
        R"({"batch":{"faults":[{"on":"retrieve","fault":"status","status":429,"retry_after":"0","times":0}]}})"));
    bench.run_for(10min);
    EXPECT_LE(bench.wire.sent("retrieve"), 700) << "once a second, at the most";
}

TEST(MachineStorm, more_than_the_batches_of_an_hour_wait_for_the_next) {
    Bench bench;
    bench.settings.requests_max = 1;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"creations_per_hour_max":3}})"));
    const auto job = bench.planned(bench.requests(7));
    bench.run();
    EXPECT_EQ(bench.job(job.id).items_done, 7);
    EXPECT_LE(bench.wire.sent("create"), 7 + 12);
    bench.check();
}

TEST(MachineKey, one_that_is_refused_pauses_and_costs_no_attempt) {
    for (const auto* step : {"upload", "create"}) {
        Bench bench;
        ASSERT_TRUE(bench.fake.behave(std::string(R"({"batch":{"faults":[{"on":")") + step +
                                      R"(","fault":"status","status":401,"times":0}]}})"));
        const auto job = bench.planned(bench.requests(5));
        bench.run();
        EXPECT_EQ(bench.job(job.id).state, JobState::paused) << step;
        EXPECT_EQ(bench.wire.sent(step), 1);
        ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[]}})"));
        JobFile other(bench.db());
        ASSERT_TRUE(other.reopen(job.id));
        bench.run();
        EXPECT_EQ(bench.job(job.id).items_done, 5);
        bench.check();
    }
}

/// The most that the job had reserved and booked together, after any turn.
std::int64_t run_and_watch(Bench& bench, const std::string& id) {
    std::int64_t most = 0;
    bench.run_until([&] {
        const auto money = bench.job(id).money;
        most = std::max(most, money.reserved + money.booked);
        return false;
    });
    return most;
}

TEST(MachineCap, is_never_passed_by_what_is_reserved_and_booked) {
    // What everything costs, and what one request may cost.
    std::int64_t whole = 0;
    std::int64_t one = 0;
    {
        Bench bench;
        const auto job = bench.planned(bench.requests(10));
        bench.run();
        whole = bench.job(job.id).money.booked;
    }
    {
        Bench bench;
        const auto job = bench.planned(bench.requests(1));
        ASSERT_TRUE(bench.run_until([&] { return bench.job(job.id).money.reserved > 0; }));
        one = bench.job(job.id).money.reserved;
    }
    ASSERT_GT(one, 0);
    for (const auto cap : {std::int64_t{1}, one, 2 * one, whole / 2, whole, whole + one, 2 * whole, 20 * one}) {
        SCOPED_TRACE(cap);
        Bench bench;
        const auto job = bench.planned(bench.requests(10), [&](PlanRequest& request) { request.cap_picousd = cap; });
        EXPECT_LE(run_and_watch(bench, job.id), cap);
        auto now = bench.job(job.id);
        if (now.state == JobState::paused) {
            EXPECT_NE(now.reason.find("--cap-usd"), std::string::npos) << now.reason;
            EXPECT_EQ(now.money.reserved, 0);
            JobFile other(bench.db());
            ASSERT_TRUE(other.set_cap(job.id, 100 * whole));
            ASSERT_TRUE(other.reopen(job.id));
            bench.run();
            now = bench.job(job.id);
        } else {
            EXPECT_GE(cap, whole);
        }
        EXPECT_EQ(now.state, JobState::done);
        EXPECT_EQ(now.items_done, 10);
        bench.check();
    }
}

TEST(MachineCap, holds_over_the_stages_of_a_scan) {
    Bench bench;
    const auto free = bench.planned(bench.scans(8));
    bench.run();
    const auto whole = bench.job(free.id).money.booked;

    Bench capped;
    const auto job = capped.planned(capped.scans(8), [&](PlanRequest& request) { request.cap_picousd = whole * 3 / 4; });
    EXPECT_LE(run_and_watch(capped, job.id), whole * 3 / 4);
    EXPECT_EQ(capped.job(job.id).state, JobState::paused);
    JobFile other(capped.db());
    ASSERT_TRUE(other.set_cap(job.id, 1'000 * whole));
    ASSERT_TRUE(other.reopen(job.id));
    capped.run();
    EXPECT_EQ(capped.rows(job), bench.rows(free));
    capped.check();
}

TEST(MachineCap, counts_what_is_unclear_and_what_has_vanished) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"on":"retrieve","fault":"not_found"}]}})"));
    const auto job = bench.planned(bench.requests(5), [](PlanRequest& request) { request.cap_picousd = 1'000'000'000'000; });
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::paused);
    EXPECT_GT(bench.job(job.id).money.reserved, 0);
}

TEST(MachineDeadline, stop_keeps_what_was_answered) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"in_progress_ms":600000}})"));
    const auto job = bench.planned(bench.requests(10), [&](PlanRequest& request) {
        request.deadline_ns = bench.fake.clock().wall_ns() + std::chrono::nanoseconds(5min).count();
        request.deadline_action = "stop";
    });
    bench.run();
    const auto end = bench.job(job.id);
    EXPECT_EQ(end.state, JobState::done);
    EXPECT_GT(end.items_done, 0);
    EXPECT_GT(end.items_failed, 0);
    EXPECT_LT(end.ended_ns - job.created_ns, std::chrono::nanoseconds(20min).count());
    for (const auto& row : bench.items(end)) {
        EXPECT_TRUE(row.state == ItemState::done || row.error == "DEADLINE_EXCEEDED") << row.error;
    }
    bench.check(paid_more_than_once());
}

TEST(MachineDeadline, live_answers_that_a_full_disk_refuses_are_not_paid_again) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"in_progress_ms":600000}})"));
    int runs = 0;
    bench.run_live = [&](const JobRow&, const std::vector<ItemRow>& items) -> Result<std::vector<WalkOutcome>> {
        if (++runs == 1) {
            bench.set_disk_full(true);
        }
        std::vector<WalkOutcome> outcomes;
        for (const auto& item : items) {
            WalkOutcome outcome;
            outcome.seq = item.seq;
            outcome.end = WalkOutcome::End::done;
            outcome.result = "{}";
            outcomes.push_back(std::move(outcome));
        }
        return outcomes;
    };
    bench.settings.live_concurrency = 3;
    const auto job = bench.planned(bench.requests(10), [&](PlanRequest& request) {
        request.deadline_ns = bench.fake.clock().wall_ns() + std::chrono::nanoseconds(30s).count();
        request.deadline_action = "live";
    });
    ASSERT_TRUE(bench.run_until([&] { return !bench.last_error.detail.empty(); }));
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(bench.turn());
    }
    EXPECT_EQ(runs, 1);
    bench.set_disk_full(false);
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.job(job.id).items_done, 10);
    EXPECT_EQ(runs, 1) << "all ten at once";
}

TEST(MachineDeadline, that_passes_behind_the_end_of_a_job_does_not_end_its_retries) {
    Bench bench;
    bench.settings.attempts = 1;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"lines","shares":{"500":1.0}}]}})"));
    const auto job = bench.planned(bench.requests(3), [&](PlanRequest& request) {
        request.deadline_ns = bench.fake.clock().wall_ns() + std::chrono::nanoseconds(6h).count();
    });
    bench.run(5h);
    ASSERT_EQ(bench.job(job.id).state, JobState::done);
    ASSERT_GT(bench.job(job.id).items_failed, 0);
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[]}})"));
    bench.fake.advance(12h);
    JobFile other(bench.db());
    ASSERT_TRUE(other.retry(job.id, {}, {}));
    bench.forget_over();
    bench.run();
    EXPECT_EQ(bench.job(job.id).items_done, 3);
    bench.check();
}

TEST(MachinePilot, is_not_judged_by_a_request_that_could_not_be_written) {
    Bench bench;
    const auto job = bench.planned(bench.photos(8), [](PlanRequest& request) { request.pilot = 3; });
    ASSERT_TRUE(bench.run_until([&] { return !bench.shards(job).empty(); }));
    const auto gone = bench.item(job, "p2.jpg");
    ASSERT_TRUE(std::filesystem::remove(bench.data_dir() / "batch/photos" / (gone.photo + ".jpg")));
    bench.run();
    const auto end = bench.job(job.id);
    EXPECT_EQ(end.state, JobState::done) << end.reason;
    EXPECT_EQ(end.items_done, 7);
    EXPECT_TRUE(bench.reasons.empty());
    bench.check();
}

TEST(MachineDeadline, that_has_ended_items_does_not_end_them_again_when_they_are_retried) {
    Bench bench;
    const auto job = bench.planned(bench.requests(10), [&](PlanRequest& request) { request.deadline_ns = 1; });
    bench.run();
    ASSERT_EQ(bench.job(job.id).items_failed, 10);
    JobFile other(bench.db());
    EXPECT_EQ(other.retry(job.id, {"transient"}, {}).value(), 0);
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(other.retry(job.id, {"expired"}, {}).value(), 10);
    bench.forget_over();
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.job(job.id).items_done, 10);
    bench.check();
}

TEST(MachineDeadline, resubmit_asks_for_the_rest_again) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"in_progress_ms":600000}})"));
    const auto job = bench.planned(bench.requests(10), [&](PlanRequest& request) {
        request.deadline_ns = bench.fake.clock().wall_ns() + std::chrono::nanoseconds(5min).count();
        request.deadline_action = "resubmit";
    });
    bench.run();
    const auto end = bench.job(job.id);
    EXPECT_EQ(end.state, JobState::done);
    EXPECT_EQ(end.items_done, 10);
    EXPECT_EQ(bench.shards(job).size(), 2U);
    EXPECT_EQ(bench.number("SELECT max(attempts) FROM work"), 1);
    bench.check();
}

TEST(MachineDeadline, live_without_a_way_to_ask_live_pauses) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"in_progress_ms":600000}})"));
    const auto job = bench.planned(bench.requests(10), [&](PlanRequest& request) {
        request.deadline_ns = bench.fake.clock().wall_ns() + std::chrono::nanoseconds(5min).count();
        request.deadline_action = "live";
    });
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::paused);
    EXPECT_GT(bench.job(job.id).items_done, 0);
}

TEST(MachineDeadline, that_is_over_before_anything_was_sent_sends_nothing) {
    Bench bench;
    const auto job = bench.planned(bench.requests(10), [&](PlanRequest& request) { request.deadline_ns = 1; });
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.job(job.id).items_failed, 10);
    EXPECT_EQ(bench.wire.sent("create"), 0);
    bench.check(paid_more_than_once());
}

TEST(MachineDeadline, holds_for_a_job_that_is_paused_too) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"on":"create","fault":"status","status":401,"times":0}]}})"));
    const auto job = bench.planned(bench.requests(3), [&](PlanRequest& request) {
        request.deadline_ns = bench.fake.clock().wall_ns() + std::chrono::nanoseconds(1h).count();
    });
    bench.run();
    ASSERT_EQ(bench.job(job.id).state, JobState::paused);
    bench.fake.advance(2h);
    JobFile other(bench.db());
    ASSERT_TRUE(other.reopen(job.id));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.job(job.id).items_failed, 3);
    EXPECT_TRUE(bench.fake.batch_ids().empty());
    bench.check(paid_more_than_once());
}

TEST(MachinePilot, is_sent_alone_first) {
    Bench bench;
    const auto job = bench.planned(bench.requests(20), [](PlanRequest& request) { request.pilot = 3; });
    bench.run();
    const auto shards = bench.shards(job);
    ASSERT_EQ(shards.size(), 2U);
    EXPECT_EQ(shards[0].lines, 3);
    EXPECT_EQ(shards[1].lines, 17);
    bench.check();
}

TEST(MachineRetry, takes_failed_items_by_class_or_by_id_and_pays_for_them_alone) {
    Bench bench;
    bench.settings.attempts = 1;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"lines","shares":{"500":0.5}}]}})"));
    const auto job = bench.planned(bench.requests(20));
    bench.run();
    const auto first = bench.job(job.id);
    ASSERT_GT(first.items_failed, 2);
    JobFile other(bench.db());
    EXPECT_EQ(other.retry(job.id, {"content"}, {}).value(), 0);
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(other.retry("nobody", {}, {}).error().code, Errc::not_found);

    std::string failed;
    for (const auto& row : bench.items(first)) {
        failed = row.state == ItemState::failed ? row.id : failed;
    }
    bench.forget_over();
    EXPECT_EQ(other.retry(job.id, {}, {failed, "r999"}).value(), 1);
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.job(job.id).items_failed, first.items_failed - 1);
    EXPECT_EQ(bench.shards(job).back().lines, 1);
    bench.check(paid_more_than_once());

    bench.forget_over();
    EXPECT_EQ(other.retry(job.id, {"transient"}, {}).value(), first.items_failed - 1);
    bench.run();
    EXPECT_EQ(bench.job(job.id).items_done, 20);
    bench.check();
}

TEST(MachineRetry, of_what_failed_on_this_side_pays_for_nothing) {
    Bench bench;
    bench.local().fails = true;
    const auto job = bench.planned(bench.scans(4));
    bench.run();
    ASSERT_EQ(bench.job(job.id).items_failed, 4);
    EXPECT_EQ(bench.item(job, "s1").error, "RULE_STORE_FAILED");
    const auto booked = bench.job(job.id).money.booked;
    bench.local().fails = false;
    bench.forget_over();
    JobFile other(bench.db());
    EXPECT_EQ(other.retry(job.id, {}, {}).value(), 4);
    ASSERT_TRUE(bench.run_until([&] { return bench.shards(job).size() == 2; }));
    EXPECT_EQ(bench.job(job.id).money.booked, booked) << "the first stage's answers are there";
    bench.run();
    EXPECT_EQ(bench.job(job.id).items_done, 4);
    bench.check();
}

}  // namespace
}  // namespace eco2::batch
