#include "batch/jobs/sql.hpp"
#include "machine_bench.hpp"
#include "store/sqlite_file.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <sstream>

/// T8, T9, T29: inputs and what becomes of them when they change; and who may open the file.
namespace eco2::batch {
namespace {

TEST(Planner, T8_an_id_twice_is_refused_with_both_lines_and_nothing_is_kept) {
    Bench bench;
    const auto input = bench.write(
        "in.jsonl", Bench::request("a", "1") + Bench::request("b", "2") + Bench::request("a", "3") + Bench::request("b", "4"));
    const auto planned = bench.plan(input);
    ASSERT_FALSE(planned);
    EXPECT_EQ(planned.error().code, Errc::invalid_field);
    for (const auto* part : {"line 3", "line 1", "line 4", "line 2"}) {
        EXPECT_NE(planned.error().detail.find(part), std::string::npos) << part << " in " << planned.error().detail;
    }
    EXPECT_EQ(bench.number("SELECT count(*) FROM jobs"), 0);
    EXPECT_EQ(bench.number("SELECT count(*) FROM items"), 0);
    bench.run();
    EXPECT_TRUE(bench.fake.batch_ids().empty());
}

TEST(Planner, T8_equal_content_is_paid_once_and_answers_both) {
    Bench bench;
    const auto job = bench.planned(
        bench.write("in.jsonl", Bench::request("a", "same") + Bench::request("b", "other") + Bench::request("c", "same")));
    bench.run();
    EXPECT_EQ(bench.job(job.id).items_done, 3);
    EXPECT_EQ(bench.fake.executed(), 2);
    EXPECT_EQ(bench.item(job, "a").result, bench.item(job, "c").result);
    EXPECT_NE(bench.item(job, "a").result, "");
    bench.check();
}

TEST(Planner, T8_equal_content_is_paid_once_across_jobs_one_after_the_other) {
    Bench bench;
    const auto first = bench.planned(bench.requests(5));
    bench.run();
    const auto paid = bench.fake.cost_picousd();
    const auto second = bench.planned(bench.requests(5, "again.jsonl"));
    ASSERT_NE(second.id, first.id);
    bench.run();
    EXPECT_EQ(bench.job(second.id).items_done, 5);
    EXPECT_EQ(bench.job(second.id).money.booked, 0);
    EXPECT_EQ(bench.fake.cost_picousd(), paid);
    EXPECT_EQ(bench.rows(second), bench.rows(first));
    bench.check();
}

TEST(Planner, T8_equal_content_is_paid_once_across_jobs_at_the_same_time) {
    Bench bench;
    const auto first = bench.planned(bench.requests(5));
    const auto second = bench.planned(bench.requests(7, "again.jsonl"));
    bench.run();
    EXPECT_EQ(bench.job(first.id).items_done, 5);
    EXPECT_EQ(bench.job(second.id).items_done, 7);
    EXPECT_EQ(bench.fake.executed(), 7);
    bench.check();
}

TEST(Planner, T8_a_request_of_a_job_that_is_cancelled_is_asked_by_the_other_that_waits_for_it) {
    for (const auto after : {0s, 10s, 50s, 90s}) {
        SCOPED_TRACE(after.count());
        Bench bench;
        const auto first = bench.planned(bench.requests(5));
        const auto second = bench.planned(bench.requests(5, "again.jsonl"));
        if (after > 0s) {
            bench.run_for(after);
        } else {
            (void)bench.turn();
        }
        JobFile other(bench.db());
        ASSERT_TRUE(other.ask_cancel(first.id));
        bench.run();
        EXPECT_EQ(bench.job(first.id).state, JobState::cancelled);
        EXPECT_EQ(bench.job(second.id).state, JobState::done);
        EXPECT_EQ(bench.job(second.id).items_done, 5);
        bench.check();
    }
}

TEST(Planner, T8_a_request_that_failed_for_one_job_is_tried_again_for_the_next) {
    Bench bench;
    bench.settings.attempts = 1;
    ASSERT_TRUE(bench.fake.behave(R"({"batch":{"faults":[{"fault":"only_errors"}]}})"));
    const auto first = bench.planned(bench.requests(3));
    bench.run();
    ASSERT_EQ(bench.job(first.id).items_failed, 3);
    const auto second = bench.planned(bench.requests(3, "again.jsonl"));
    bench.run();
    EXPECT_EQ(bench.job(second.id).items_done, 3);
    EXPECT_EQ(bench.job(first.id).items_failed, 3) << "which is over";
    bench.check();
}

TEST(Planner, T9_ids_of_any_kind_come_back_as_they_were) {
    const std::vector<std::string> ids = {"ｉｄ 한글 👍",
                                          std::string(200, 'x'),
                                          "a/b\\c\"d'e;--",
                                          " leading and trailing ",
                                          "e2-000000000000-1",
                                          "tab\tnewline\ncarriage\r",
                                          "=1+1",
                                          "NULL",
                                          "0",
                                          "<script>",
                                          "%s%n",
                                          "a,b"};
    Bench bench;
    std::string text;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        text += Bench::request(ids[i], std::to_string(i));
    }
    const auto job = bench.planned(bench.write("in.jsonl", text));
    bench.run();
    EXPECT_EQ(bench.job(job.id).items_done, static_cast<std::int64_t>(ids.size()));
    std::istringstream lines(bench.results(bench.job(job.id)));
    std::string line;
    for (const auto& id : ids) {
        ASSERT_TRUE(std::getline(lines, line));
        EXPECT_EQ(boost::json::parse(line).at("id").as_string(), id);
    }
    // What the provider sees of them is ours, and fits everywhere.
    const auto bill = bench.fake.bill(100);
    for (const auto& execution : bill.at("executions").as_array()) {
        const std::string seen(execution.at("custom_id").as_string());
        EXPECT_LE(seen.size(), 64U);
        EXPECT_EQ(seen.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"), std::string::npos)
            << seen;
    }
    bench.check();
}

TEST(Planner, T29_the_same_input_is_the_same_job) {
    Bench bench;
    const auto input = bench.requests(5);
    const auto first = bench.planned(input);
    EXPECT_EQ(bench.planned(input).id, first.id);
    bench.requests(5);  // written again, with the same content
    const auto again = bench.plan(input);
    ASSERT_TRUE(again);
    EXPECT_EQ(again.value().job.id, first.id);
    EXPECT_TRUE(again.value().is_known);
    bench.run();
    EXPECT_EQ(bench.planned(input).id, first.id) << "and it is over";
    EXPECT_EQ(bench.wire.sent("create"), 1);
}

TEST(Planner, T29_an_input_that_was_changed_under_a_job_is_refused) {
    struct Change {
        const char* name;
        std::string text;
    };
    const auto line = [](int i) { return Bench::request("r" + std::to_string(i), "q" + std::to_string(i)); };
    for (const auto& change : {Change{"inserted", line(1) + line(9) + line(2) + line(3)},
                               Change{"deleted", line(1) + line(3)},
                               Change{"reordered", line(2) + line(1) + line(3)},
                               Change{"edited", line(1) + Bench::request("r2", "other") + line(3)},
                               Change{"appended", line(1) + line(2) + line(3) + line(4)}}) {
        SCOPED_TRACE(change.name);
        Bench bench;
        const auto job = bench.planned(bench.write("in.jsonl", line(1) + line(2) + line(3)));
        bench.run_for(50s);
        const auto refused = bench.plan(bench.write("in.jsonl", change.text));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::invalid_field);
        EXPECT_NE(refused.error().detail.find("changed"), std::string::npos) << refused.error().detail;
        EXPECT_NE(refused.error().detail.find(job.id), std::string::npos);
        // What was begun goes on as it was planned.
        bench.run();
        EXPECT_EQ(bench.job(job.id).items_done, 3);
        bench.check();
        // And a job that is over makes room: only the difference is paid.
        const auto executed = bench.fake.executed();
        const auto next = bench.planned(bench.folder.file("in.jsonl"));
        ASSERT_NE(next.id, job.id);
        bench.run();
        EXPECT_EQ(bench.job(next.id).state, JobState::done);
        EXPECT_EQ(bench.job(next.id).items_failed, 0);
        const bool has_new = std::string(change.name) != "deleted" && std::string(change.name) != "reordered";
        EXPECT_EQ(bench.fake.executed() - executed, has_new ? 1 : 0);
        bench.check();
    }
}

TEST(Planner, another_provider_model_or_language_for_the_same_output_is_refused_while_a_job_is_under_way) {
    Bench bench;
    bench.providers["another"] = &bench.provider();
    const auto input = bench.scans(3);
    const auto job = bench.planned(input);
    const auto provider = bench.plan(input, [](PlanRequest& request) { request.provider = "another"; });
    ASSERT_FALSE(provider);
    EXPECT_NE(provider.error().detail.find("--output"), std::string::npos);
    const auto model = bench.plan(input, [](PlanRequest& request) { request.model = "gpt-5.1"; });
    ASSERT_FALSE(model);
    const auto language = bench.plan(input, [](PlanRequest& request) { request.language = "en"; });
    ASSERT_FALSE(language);
    const auto elsewhere = bench.plan(input, [&](PlanRequest& request) { request.output = bench.folder.file("elsewhere"); });
    ASSERT_TRUE(elsewhere);
    EXPECT_NE(elsewhere.value().job.id, job.id);
}

TEST(Planner, a_job_that_somebody_else_is_planning_is_left_to_him) {
    Bench bench;
    const auto input = bench.requests(2'500);
    const auto other = bench.requests(3, "other.jsonl");
    int times = 0;
    bench.on_planning = [&](std::int64_t, std::int64_t, std::int64_t) {
        if (++times == 1) {
            const auto same = bench.plan(input);
            EXPECT_FALSE(same) << "it waits for as long as it may";
            EXPECT_EQ(same.error().code, Errc::cancelled);
            EXPECT_NE(same.error().detail.find("another process was planning"), std::string::npos) << same.error().detail;
            EXPECT_TRUE(bench.plan(other)) << "a job of its own is no such thing";
        }
        return times != 2;
    };
    const auto job = bench.planned(input);
    EXPECT_GT(times, 3);
    EXPECT_EQ(job.items, 2'500);
    bench.on_planning = {};
    EXPECT_TRUE(bench.plan(input).value().is_known);
    bench.run();
    EXPECT_EQ(bench.job(job.id).items_done, 2'500);
    bench.check();
}

TEST(JobFile, T28_of_a_newer_program_is_left_alone) {
    Bench bench;
    bench.planned(bench.requests(2));
    {
        store::SqliteConnection open({bench.db().string(), 1s, 0, false});
        execute(open.session(), "UPDATE schema_version SET version = 99");
    }
    JobFile file(bench.db());
    const auto prepared = file.prepare();
    ASSERT_FALSE(prepared);
    EXPECT_EQ(prepared.error().code, Errc::store_failed);
    EXPECT_NE(prepared.error().detail.find("99"), std::string::npos) << prepared.error().detail;
    EXPECT_EQ(bench.number("SELECT version FROM schema_version"), 99);
    EXPECT_EQ(bench.number("SELECT count(*) FROM items"), 2);
}

TEST(JobFile, reads_as_many_large_rows_at_once_as_fit) {
    constexpr int kCount = 30;
    Bench bench;
    std::string text;
    for (int i = 1; i <= kCount; ++i) {
        text += Bench::request("r" + std::to_string(i), std::string(1'000'000, 'q') + std::to_string(i));
    }
    const auto job = bench.planned(bench.write("large.jsonl", text));
    JobFile file(bench.db());
    std::int64_t seq = 1;
    int reads = 0;
    for (;;) {
        const auto rows = file.items(job.key, seq, 1'000).value();
        if (rows.empty()) {
            break;
        }
        EXPECT_LT(rows.size(), 10U);
        EXPECT_EQ(rows.front().seq, seq);
        seq = rows.back().seq + 1;
        ++reads;
    }
    EXPECT_EQ(seq, kCount + 1);
    EXPECT_GE(reads, 3);
    EXPECT_LT(file.waiting(job.key, 1'000).value().size(), 10U);
    bench.run();
    EXPECT_EQ(bench.job(job.id).items_done, kCount);
    bench.check();
}

TEST(JobFile, is_written_by_its_owner_alone) {
    Bench bench;
    const auto job = bench.planned(bench.requests(2));
    JobFile first(bench.db());
    JobFile second(bench.db());
    ASSERT_TRUE(first.acquire(1, 10));
    ASSERT_TRUE(first.set_job(job.key, JobState::paused, "x"));
    ASSERT_TRUE(second.acquire(2, 20));
    Shard shard;
    for (const auto& refused : {first.set_job(job.key, JobState::open, "y"),
                                first.save(shard),
                                first.renew(30),
                                first.release(),
                                first.set_exported(job.key),
                                first.set_past_deadline(job.key),
                                first.cancel_items(job.key, "x", "y", RetryClass::none),
                                first.apply(job.key, {}, 1),
                                first.ingest(shard, {}, {}, 1),
                                first.settle(shard, {}, 1),
                                first.give_back(shard),
                                first.note({}),
                                first.set_queue("p", "m", {})}) {
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::cancelled);
    }
    ASSERT_FALSE(first.plan_shard(shard, {}));
    ASSERT_FALSE(first.inherit(job.key));
    EXPECT_EQ(bench.job(job.id).state, JobState::paused);
    const auto owner = first.owner();
    ASSERT_TRUE(owner);
    EXPECT_EQ(owner.value().pid, 2);
    EXPECT_EQ(owner.value().expires_ns, 20);
    EXPECT_TRUE(second.set_job(job.key, JobState::open, ""));
}

}  // namespace
}  // namespace eco2::batch
