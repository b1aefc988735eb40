#include "machine_bench.hpp"

#include <gtest/gtest.h>

#include <utility>

/// T2 to T5, T7, T22: what was sent without a word about it.
namespace eco2::batch {
namespace {

struct LostCreate {
    const char* name;
    const char* faults;
    int adopted;  // shards
    int posts;    // of creation, that reached the provider
};

class MachineCreate : public ::testing::TestWithParam<LostCreate> {};

TEST_P(MachineCreate, ends_with_one_batch) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(std::string(R"({"batch":)") + GetParam().faults + "}"));
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.fake.batch_ids().size(), 1U);
    EXPECT_EQ(bench.incidents(job, "adopted"), GetParam().adopted);
    EXPECT_EQ(bench.wire.sent("create"), GetParam().posts);
    EXPECT_EQ(bench.shards(job).size(), 1U);
    EXPECT_EQ(bench.fake.faults_left(), 0U);
    bench.check();
}

INSTANTIATE_TEST_SUITE_P(
    T2_to_T5,
    MachineCreate,
    ::testing::Values(
        LostCreate{"T2_executed_and_dropped", R"({"faults":[{"on":"create","fault":"lost_reply"}]})", 1, 1},
        LostCreate{"T3_executed_500", R"({"faults":[{"on":"create","fault":"status","status":500,"executed":true}]})", 1, 1},
        LostCreate{"T3_executed_502", R"({"faults":[{"on":"create","fault":"status","status":502,"executed":true}]})", 1, 1},
        LostCreate{"T3_executed_504", R"({"faults":[{"on":"create","fault":"status","status":504,"executed":true}]})", 1, 1},
        LostCreate{"T3_half_a_body", R"({"faults":[{"on":"create","fault":"half_body"}]})", 1, 1},
        LostCreate{"T3_executed_and_silent", R"({"faults":[{"on":"create","fault":"silence","executed":true}]})", 1, 1},
        LostCreate{"T4_not_executed_and_reset", R"({"faults":[{"on":"create","fault":"reset"}]})", 0, 2},
        LostCreate{"T4_not_executed_500", R"({"faults":[{"on":"create","fault":"status"}]})", 0, 2},
        LostCreate{"T4_not_executed_and_silent", R"({"faults":[{"on":"create","fault":"silence"}]})", 0, 2},
        LostCreate{"T5_the_list_lags", R"({"list_lag_ms":90000,"faults":[{"on":"create","fault":"lost_reply"}]})", 1, 1},
        LostCreate{"T5_the_list_lags_and_fails_once",
                   R"({"list_lag_ms":90000,"faults":[{"on":"create","fault":"lost_reply"},{"on":"list","fault":"status"}]})",
                   1,
                   1}),
    [](const auto& made) { return std::string(made.param.name); });

TEST(MachineCreate, T5_a_look_up_that_fails_for_an_hour_says_nothing) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(
        R"({"batch":{"faults":[{"on":"create","fault":"reset"},{"on":"list","fault":"status","times":0}]}})"));
    const auto job = bench.planned(bench.requests(5));
    bench.run(1h);
    EXPECT_EQ(bench.wire.sent("create"), 1);
    EXPECT_EQ(bench.shards(job).front().state, ShardState::submit_ambiguous);
    EXPECT_GT(bench.job(job.id).money.reserved, 0) << "what may cost money is held back";
    EXPECT_LE(bench.wire.sent("list"), 150);
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[]}})"));
    bench.run();
    EXPECT_EQ(bench.wire.sent("create"), 2);
    bench.check();
}

TEST(MachineCreate, T5_counts_the_grace_from_the_end_of_the_exchange_not_from_its_beginning) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"list_lag_ms":90000}})"));
    // The provider takes its time, does it, and the answer is lost.
    bench.wire.before = [&](const std::string& step, int number) -> std::optional<WireResult> {
        if (step == "create" && number == 1) {
            bench.fake.advance(200s);
        }
        return std::nullopt;
    };
    bench.wire.after = [](const std::string& step, int number, WireResult& result) {
        if (step == "create" && number == 1) {
            result = FakeWire::broken();
        }
    };
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    EXPECT_EQ(bench.wire.sent("create"), 1);
    EXPECT_EQ(bench.incidents(job, "adopted"), 1);
    bench.check();
}

TEST(MachineCreate, that_never_left_is_sent_again_without_a_look) {
    Bench bench;
    bench.wire.before = [](const std::string& step, int number) -> std::optional<WireResult> {
        return step == "create" && number <= 5 ? std::optional(FakeWire::not_sent()) : std::nullopt;
    };
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.wire.sent("list"), 0);
    EXPECT_EQ(bench.wire.sent("create"), 1);
    bench.check();
}

TEST(MachineCreate, finds_its_batch_behind_a_hundred_others) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"on":"create","fault":"lost_reply"}]}})"));
    bench.wire.after = [&](const std::string& step, int number, WireResult&) {
        for (int i = 0; step == "create" && number == 1 && i < 150; ++i) {
            (void)bench.fake.answer(
                "POST",
                "/v1/batches",
                {{"content-type", "application/json"}},
                R"({"input_file_id":"file-none","endpoint":"/v1/chat/completions","completion_window":"24h"})");
        }
    };
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.incidents(job, "adopted"), 1);
    EXPECT_EQ(bench.wire.sent("create"), 1);
    EXPECT_EQ(bench.wire.sent("list"), 2);
}

TEST(MachineCreate, finds_its_batch_in_a_list_of_any_order) {
    for (const auto* page : {R"({"id":"batch_a","status":"completed","created_at":1},)"
                             R"({"id":"batch_b","status":"completed","created_at":2})",
                             R"({"id":"batch_c","status":"completed","created_at":3},)"
                             R"({"id":"batch_a","status":"completed","created_at":1},)"
                             R"({"id":"batch_b","status":"completed","created_at":2})"}) {
        Bench bench;
        ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"on":"create","fault":"lost_reply"}]}})"));
        std::int64_t first_at = 0;
        bench.wire.before = [&](const std::string& step, int) -> std::optional<WireResult> {
            if (step != "list") {
                return std::nullopt;
            }
            // A look takes no time here: what is asked at one moment is one page behind the other.
            const bool is_first = std::exchange(first_at, bench.fake.clock().wall_ns()) != bench.fake.clock().wall_ns();
            return is_first
                       ? FakeWire::status(200, R"({"object":"list","data":[)" + std::string(page) + R"(],"has_more":true})")
                       : FakeWire::status(200, bench.fake.answer("GET", "/v1/batches", {}, "").body());
        };
        const auto job = bench.planned(bench.requests(5));
        bench.run();
        EXPECT_EQ(bench.job(job.id).state, JobState::done);
        EXPECT_EQ(bench.wire.sent("create"), 1);
        EXPECT_EQ(bench.incidents(job, "adopted"), 1);
        bench.check();
    }
}

TEST(MachineCreate, where_nothing_can_be_looked_up_waits_for_a_person) {
    Bench bench;
    ChangedProvider blind(bench.provider(), [](BatchCapabilities& able) { able.can_list = false; });
    bench.providers["openai_batch"] = &blind;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"on":"create","fault":"lost_reply"}]}})"));
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::paused);
    EXPECT_EQ(bench.wire.sent("create"), 1);
    EXPECT_GT(bench.job(job.id).money.reserved, 0);
    JobFile other(bench.db());
    ASSERT_TRUE(other.retry(job.id, {"vanished"}, {}));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.wire.sent("create"), 2);
}

struct LostUpload {
    const char* name;
    const char* faults;
    const char* incident;
    int uploads;
};

class MachineUpload : public ::testing::TestWithParam<LostUpload> {};

TEST_P(MachineUpload, T7_ends_with_one_batch_and_no_file) {
    Bench bench;
    ASSERT_TRUE(bench.fake.behave(std::string(R"({"batch":)") + GetParam().faults + "}"));
    const auto job = bench.planned(bench.requests(5));
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.fake.batch_ids().size(), 1U);
    EXPECT_EQ(bench.incidents(job, GetParam().incident), 1);
    EXPECT_EQ(bench.wire.sent("upload"), GetParam().uploads);
    bench.check();
}

INSTANTIATE_TEST_SUITE_P(
    Uploads,
    MachineUpload,
    ::testing::Values(
        LostUpload{"dropped", R"({"faults":[{"on":"upload","fault":"lost_reply"}]})", "adopted_file", 1},
        LostUpload{"half_a_body", R"({"faults":[{"on":"upload","fault":"half_body"}]})", "adopted_file", 1},
        LostUpload{
            "executed_502", R"({"faults":[{"on":"upload","fault":"status","status":502,"executed":true}]})", "adopted_file", 1},
        LostUpload{"not_executed", R"({"faults":[{"on":"upload","fault":"reset"}]})", "uploaded_again", 2},
        LostUpload{
            "list_lags", R"({"list_lag_ms":90000,"faults":[{"on":"upload","fault":"lost_reply"}]})", "uploaded_again", 2},
        LostUpload{"list_fails",
                   R"({"faults":[{"on":"upload","fault":"lost_reply"},{"on":"list_files","fault":"status"}]})",
                   "adopted_file",
                   1}),
    [](const auto& made) { return std::string(made.param.name); });

TEST(MachineOwner, T22_one_that_was_frozen_right_before_it_creates_a_batch_does_not) {
    Bench bench;
    const auto job = bench.planned(bench.requests(5));
    JobFile other(bench.db());
    std::unique_ptr<Machine> second;
    // It stands right before the first byte leaves, and sleeps; another process takes over meanwhile.
    bench.machine.reset();
    bool is_frozen = false;
    bench.may_go_on = [&] {
        const auto shards = bench.shards(job);
        if (!is_frozen && !shards.empty() && shards.front().state == ShardState::submit_intent) {
            is_frozen = true;
            bench.fake.advance(10min);
            EXPECT_TRUE(other.acquire(2, bench.fake.clock().wall_ns() + 10'000'000'000));
        }
        return true;
    };
    bench.run();
    ASSERT_TRUE(is_frozen);
    EXPECT_TRUE(bench.has_handed_over);
    EXPECT_EQ(bench.last_error.code, Errc::cancelled);
    EXPECT_EQ(bench.wire.sent("create"), 0);
    EXPECT_TRUE(bench.fake.batch_ids().empty());
    // It writes nothing any more either.
    const auto again = bench.machine->turn();
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::cancelled);
    // The other one goes on to the end.
    bench.begin();
    bench.run();
    EXPECT_EQ(bench.job(job.id).state, JobState::done);
    EXPECT_EQ(bench.wire.sent("create"), 1);
    bench.check();
}

TEST(MachineOwner, one_that_has_lost_the_jobs_ends_with_its_next_write) {
    Bench bench;
    const auto job = bench.planned(bench.requests(5));
    bench.run_for(30s);
    JobFile other(bench.db());
    ASSERT_TRUE(other.acquire(2, bench.fake.clock().wall_ns() + 10'000'000'000));
    bench.fake.advance(10min);
    const auto before = bench.shards(job);
    bench.run();
    EXPECT_TRUE(bench.has_handed_over);
    EXPECT_EQ(bench.shards(job).front().tries, before.front().tries);
    EXPECT_EQ(bench.shards(job).front().next_ns, before.front().next_ns);
}

TEST(MachineOwner, one_that_is_asked_to_stop_sends_nothing_more_and_the_next_one_goes_on) {
    for (int calls = 1; calls <= 40; ++calls) {
        SCOPED_TRACE(calls);
        Bench bench;
        const auto job = bench.planned(bench.requests(5));
        bench.may_go_on = [left = calls]() mutable { return --left > 0; };
        bench.run();
        const auto posts = bench.wire.sent("create");
        bench.may_go_on = [] { return true; };
        if (bench.has_handed_over) {
            bench.begin();
        }
        bench.run();
        EXPECT_EQ(bench.job(job.id).state, JobState::done);
        EXPECT_LE(posts, 1);
        EXPECT_EQ(bench.wire.sent("create"), 1);
        bench.check();
    }
}

}  // namespace
}  // namespace eco2::batch
