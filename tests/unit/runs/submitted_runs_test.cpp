#include "runs/submitted_runs.hpp"

#include "../pipeline/fixture.hpp"
#include "base/limits.hpp"
#include "runs/run_record.hpp"
#include "support/memory_run_store.hpp"

#include <gtest/gtest.h>

#include <regex>

namespace eco2::test {
namespace {

using std::chrono::milliseconds;

const std::string kRule = R"({"이름":"종이"})";
const std::string kAnswer = R"({"user_answer":"접어서 버려요","steps":1})";
const std::string kNoReward = R"({"reward":null,"reason":"insufficient","grant":null})";

/// The bench's executor; while a control thread would wait for it, tasks run at once.
class Switch final : public Executor {
public:
    explicit Switch(ManualExecutor& inner) : inner_(inner) {}
    void post(Task task) override { inner_.post(std::move(task)); }
    void post_to(int thread, Task task) override { is_inline ? task(TaskFate::due) : inner_.post_to(thread, std::move(task)); }
    int current_thread() const noexcept override { return 0; }
    std::unique_ptr<Timer> post_after(std::chrono::nanoseconds delay, Task task) override {
        return inner_.post_after(delay, std::move(task));
    }
    bool run_blocking(Task work, Task done) override { return inner_.run_blocking(std::move(work), std::move(done)); }

    bool is_inline = false;

private:
    ManualExecutor& inner_;
};

class SubmittedRunsTest : public testing::Test {
protected:
    SubmittedRunsTest() { restart(); }

    /// As after a crash: memory is gone, the store is there. Calls in flight are dropped unanswered.
    void restart() {
        if (runs_ != nullptr) {
            suspend();
        }
        bench_.doors.calls.clear();
        runs_ = std::make_unique<SubmittedRuns>(
            store_,
            executor_,
            bench_.clock,
            null_log(),
            [this](std::string_view name) { return name == "scan" ? context() : nullptr; },
            options_);
    }
    void crash_and_recover() {
        suspend();  // drops without writing, as a kill does
        restart();
        for (auto& [id, run] : store_.runs) {
            if (run.summary.state == RunState::queued) {
                ++run.summary.recoveries;
                runs_->adopt(run, nullptr, 0);
            }
        }
        bench_.executor.run();
    }
    /// The bench outlives its runs.
    std::shared_ptr<RunContext> context() { return {std::shared_ptr<void>(), &bench_.context}; }
    void suspend() {
        executor_.is_inline = true;
        runs_->suspend();
        executor_.is_inline = false;
    }

    Result<RunStoreDoor::Submitted> submit(std::string key = {}, std::string fingerprint = {}, std::string user = "user") {
        SubmittedRuns::Submission submission;
        submission.context = context();
        submission.input = RunBench::input();
        submission.input.user_id = std::move(user);
        submission.idempotency_key = std::move(key);
        submission.fingerprint = std::move(fingerprint);
        submission.place = place_;
        Result<RunStoreDoor::Submitted> result = fail(Errc::internal, "no answer");
        runs_->submit(std::move(submission), [&](auto submitted) { result = std::move(submitted); });
        bench_.executor.run();
        return result;
    }

    Result<std::shared_ptr<RunFeed>> open(const std::string& id, const std::string& user = "user") {
        Result<std::shared_ptr<RunFeed>> result = fail(Errc::internal, "no answer");
        runs_->open(id, user, [&](auto feed) { result = std::move(feed); });
        bench_.executor.run();
        return result;
    }
    Result<void> cancel(const std::string& id, const std::string& user = "user") {
        Result<void> result = fail(Errc::internal, "no answer");
        runs_->cancel(id, user, [&](auto cancelled) { result = std::move(cancelled); });
        bench_.executor.run();
        return result;
    }

    std::string text(const std::string& id) {
        std::string out;
        (*open(id))->read(0, out);
        return out;
    }
    /// The events in short: "1 queued, 2 vision+, 3 vision=, 4 answer'words'".
    std::string story(const std::string& id) {
        std::string out;
        const auto frames = text(id);
        const std::regex pattern("id: (\\d+)\nevent: (\\S+)\ndata: (.*)\n\n");
        for (std::sregex_iterator it(frames.begin(), frames.end(), pattern), end; it != end; ++it) {
            const std::string frame = (*it)[0];
            const std::string data = (*it)[3];
            out += (out.empty() ? "" : ", ") + std::string((*it)[1]) + " " + std::string((*it)[2]);
            out += data.find("\"status\":\"started\"") != std::string::npos     ? "+"
                   : data.find("\"status\":\"completed\"") != std::string::npos ? "="
                                                                                : "";
            const auto words = delta_text(frame);
            out += words.empty() ? "" : "'" + words + "'";
        }
        return out;
    }

    void run_on() { bench_.executor.run(); }
    void answer(std::string_view words) {
        bench_.doors.answer(std::string(words));
        run_on();
    }
    void result(std::string_view json) {
        bench_.doors.result(std::string(json));
        run_on();
    }

    ~SubmittedRunsTest() override { suspend(); }

    RunBench bench_;
    Switch executor_{bench_.executor};
    MemoryRunStore store_{bench_.executor};
    SubmittedRuns::Options options_;
    std::shared_ptr<void> place_ = std::make_shared<int>(0);
    std::unique_ptr<SubmittedRuns> runs_;
};

const std::string kWholeStory =
    "1 queued+, 2 vision+, 3 vision=, 4 rule+, 5 rule=, 6 answer+, 7 answer.delta'접어서 버려요', 8 answer=, 9 reward+, "
    "10 reward=, 11 done=";

TEST_F(SubmittedRunsTest, tells_every_stage_once_and_ends_with_the_result) {
    const auto id = submit()->run_id;
    answer(RunBench::vision());
    result(kRule);
    answer(kAnswer);
    result(kNoReward);
    EXPECT_EQ(story(id), kWholeStory);
    const auto feed = *open(id);
    EXPECT_TRUE(feed->is_over());
    EXPECT_NE(feed->result().find("\"status\":\"completed\""), std::string::npos);
    EXPECT_TRUE(store_.is_log_whole);
    EXPECT_EQ(store_.runs.at(id).summary.state, RunState::done);
    EXPECT_EQ(runs_->counters().running, 0U);
    EXPECT_EQ(runs_->counters().bytes, 0U);
    EXPECT_EQ(place_.use_count(), 1) << "its place is free again";
}

TEST_F(SubmittedRunsTest, nothing_is_shown_before_it_is_written) {
    const auto id = submit()->run_id;
    store_.failures = {{store_.operations + 1, Errc::store_failed}, {store_.operations + 2, Errc::store_failed}};
    answer(RunBench::vision());
    EXPECT_EQ(story(id), "1 queued+, 2 vision+") << "the write failed";
    bench_.executor.advance(limits::kRunStoreRetryDelay);
    EXPECT_EQ(story(id), "1 queued+, 2 vision+") << "and again";
    bench_.executor.advance(limits::kRunStoreRetryDelay);
    EXPECT_EQ(story(id), "1 queued+, 2 vision+, 3 vision=, 4 rule+");
}

TEST_F(SubmittedRunsTest, every_write_may_fail_once_and_nothing_is_lost_or_told_twice) {
    for (int failing = 2; failing < 9; ++failing) {
        store_.runs.clear();
        store_.operations = 0;
        store_.failures = {{failing, failing % 2 == 0 ? Errc::store_failed : Errc::overloaded}};
        const auto id = submit()->run_id;
        const auto step = [&] { bench_.executor.advance(limits::kRunStoreRetryDelay); };
        answer(RunBench::vision());
        step();
        result(kRule);
        step();
        answer(kAnswer);
        step();
        result(kNoReward);
        step();
        EXPECT_EQ(story(id), kWholeStory) << failing;
        EXPECT_TRUE(store_.is_log_whole) << failing;
    }
}

TEST_F(SubmittedRunsTest, a_submit_that_is_not_written_is_no_run) {
    store_.failures = {{1, Errc::store_failed}};
    EXPECT_EQ(submit().error().code, Errc::store_failed);
    EXPECT_TRUE(bench_.doors.calls.empty()) << "nothing was asked of a provider";
    EXPECT_EQ(runs_->counters().bytes, 0U);
    EXPECT_EQ(place_.use_count(), 1);
}

TEST_F(SubmittedRunsTest, one_key_is_one_run) {
    const auto first = submit("key", "body").value();
    const auto second = submit("key", "body").value();
    EXPECT_FALSE(first.is_known);
    EXPECT_TRUE(second.is_known);
    EXPECT_EQ(second.run_id, first.run_id);
    EXPECT_EQ(bench_.doors.calls.size(), 1U) << "and one call";
    EXPECT_EQ(submit("key", "another body").error().code, Errc::idempotency_conflict);
    EXPECT_NE(submit("key", "body", "somebody else")->run_id, first.run_id);
}

TEST_F(SubmittedRunsTest, a_run_is_its_owners_only) {
    const auto id = submit()->run_id;
    EXPECT_EQ(open(id, "somebody else").error().code, Errc::run_not_found);
    EXPECT_EQ(cancel(id, "somebody else").error().code, Errc::run_not_found);
    EXPECT_EQ(open("11111111-2222-3333-4444-555555555555").error().code, Errc::run_not_found);
    EXPECT_TRUE(open(id, ""));
}

TEST_F(SubmittedRunsTest, goes_on_after_a_crash_at_any_moment_with_unbroken_numbers) {
    for (int crash_before = 0; crash_before < 4; ++crash_before) {
        store_.runs.clear();
        bench_.doors.calls.clear();
        const auto id = submit()->run_id;
        std::size_t calls = 0;
        const auto maybe_crash = [&](int step) {
            if (step == crash_before) {
                crash_and_recover();
                calls = 0;
            }
            ASSERT_EQ(bench_.doors.calls.size(), ++calls)
                << "one call a stage, crash before " << crash_before << " at " << step;
        };
        maybe_crash(0);
        answer(RunBench::vision());
        maybe_crash(1);
        result(kRule);
        maybe_crash(2);
        answer(kAnswer);
        maybe_crash(3);
        result(kNoReward);
        EXPECT_EQ(story(id), kWholeStory) << crash_before;
        EXPECT_TRUE(store_.is_log_whole);
    }
}

/// Says some words of the answer, crashes, and answers anew.
class InterruptedAnswer : public SubmittedRunsTest {
protected:
    std::string after(std::string_view before_crash, std::string_view second) {
        const auto id = submit()->run_id;
        answer(RunBench::vision());
        result(kRule);
        bench_.doors.last().observer->on_text(before_crash);
        bench_.executor.advance(limits::kDeltaInterval);
        crash_and_recover();
        const auto call = bench_.doors.calls.back();
        for (const char byte : second) {  // one byte a time: the words come in pieces
            call->observer->on_text(std::string_view(&byte, 1));
        }
        bench_.executor.advance(limits::kDeltaInterval);
        std::exchange(call->observer, nullptr)->on_done(FinishReason::stop, nullptr);
        run_on();
        result(kNoReward);
        EXPECT_TRUE((*open(id))->is_over());
        const auto told = story(id);
        return told.substr(told.find("6 answer+"), told.find(" reward+") - told.find("6 answer+"));
    }
};

TEST_F(InterruptedAnswer, the_same_words_go_on_where_they_were) {
    EXPECT_EQ(after(R"({"user_answer":"one tw)", R"({"user_answer":"one two three","steps":1})"),
              "6 answer+, 7 answer.delta'one tw', 8 answer.delta'o', 9 answer.delta' three', 10 answer=, 11");
}

TEST_F(InterruptedAnswer, other_words_are_told_from_the_start) {
    EXPECT_EQ(after(R"({"user_answer":"one tw)", R"({"user_answer":"one Two","steps":1})"),
              "6 answer+, 7 answer.delta'one tw', 8 answer+, 9 answer.delta'one Two', 10 answer=, 11");
}

TEST_F(InterruptedAnswer, fewer_words_are_told_from_the_start) {
    EXPECT_EQ(after(R"({"user_answer":"one two)", R"({"user_answer":"one","steps":1})"),
              "6 answer+, 7 answer.delta'one two', 8 answer+, 9 answer.delta'one', 10 answer=, 11");
}

TEST_F(InterruptedAnswer, equal_words_are_not_told_again) {
    EXPECT_EQ(after(R"({"user_answer":"one")", R"({"user_answer":"one","steps":1})"),
              "6 answer+, 7 answer.delta'one', 8 answer=, 9");
}

TEST_F(SubmittedRunsTest, words_that_come_fast_share_an_event) {
    const auto id = submit()->run_id;
    answer(RunBench::vision());
    result(kRule);
    const auto call = bench_.doors.calls.back();
    call->observer->on_text(R"({"user_answer":")");
    for (int i = 0; i < 200; ++i) {
        call->observer->on_text("a");
        bench_.executor.advance(milliseconds(1));
    }
    call->observer->on_text(R"(","steps":1})");
    std::exchange(call->observer, nullptr)->on_done(FinishReason::stop, nullptr);
    run_on();
    result(kNoReward);
    const auto told = story(id);
    const auto deltas = (told.size() - std::regex_replace(told, std::regex("answer.delta"), "").size()) / 12;
    EXPECT_GE(deltas, 2U);
    EXPECT_LE(deltas, 4U) << told;
    std::string words;
    for (std::size_t at = told.find("'"); at != std::string::npos; at = told.find("'", told.find("'", at + 1) + 1)) {
        words += told.substr(at + 1, told.find("'", at + 1) - at - 1);
    }
    EXPECT_EQ(words, std::string(200, 'a'));
}

TEST_F(SubmittedRunsTest, a_cancel_ends_it_at_every_stage_and_closes_the_call) {
    for (int stage = 0; stage < 4; ++stage) {
        store_.runs.clear();
        bench_.doors.calls.clear();
        const auto id = submit()->run_id;
        if (stage > 0) {
            answer(RunBench::vision());
        }
        if (stage > 1) {
            result(kRule);
        }
        if (stage > 2) {
            answer(kAnswer);
        }
        const auto call = bench_.doors.calls.back();
        EXPECT_TRUE(cancel(id)) << stage;
        EXPECT_TRUE(call->was_cancelled) << stage;
        EXPECT_TRUE((*open(id))->is_over());
        EXPECT_EQ(store_.runs.at(id).summary.state, RunState::cancelled);
        EXPECT_TRUE(store_.is_log_whole) << stage;
        EXPECT_NE(text(id).find("\"error\":\"CANCELLED\""), std::string::npos);
        EXPECT_EQ(cancel(id).error().code, Errc::run_over);
    }
}

TEST_F(SubmittedRunsTest, an_end_that_came_first_stands) {
    const auto id = submit()->run_id;
    bench_.doors.fail_call(Errc::provider_limited);
    Result<void> cancelled;
    runs_->cancel(id, "user", [&](auto outcome) { cancelled = std::move(outcome); });
    run_on();
    EXPECT_EQ(cancelled.error().code, Errc::run_over);
    EXPECT_EQ(store_.runs.at(id).summary.state, RunState::dead);
    EXPECT_EQ(store_.runs.at(id).summary.error, "PROVIDER_LIMITED");
}

TEST_F(SubmittedRunsTest, a_dead_run_is_replayed_from_its_last_finished_stage) {
    const auto id = submit()->run_id;
    answer(RunBench::vision());
    result(kRule);
    bench_.doors.fail_call(Errc::provider_overloaded);
    run_on();
    EXPECT_EQ(store_.runs.at(id).summary.state, RunState::dead);
    bench_.doors.calls.clear();
    Result<std::string> replayed = fail(Errc::internal);
    runs_->replay(id, [&](auto made) { replayed = std::move(made); });
    run_on();
    ASSERT_TRUE(replayed) << replayed.error().detail;
    ASSERT_EQ(bench_.doors.calls.size(), 1U) << "the answer, and nothing before it";
    answer(kAnswer);
    result(kNoReward);
    EXPECT_EQ(story(*replayed), kWholeStory);
    EXPECT_EQ(store_.runs.at(*replayed).summary.replay_of, id);
    EXPECT_EQ(store_.runs.at(id).summary.replays, 1);
    runs_->replay(*replayed, [&](auto made) { replayed = std::move(made); });
    run_on();
    EXPECT_EQ(replayed.error().code, Errc::replay_refused) << "it is not dead";
}

TEST_F(SubmittedRunsTest, a_forgotten_users_runs_end_and_their_readers_are_told) {
    const auto id = submit()->run_id;
    const auto feed = *open(id);
    const auto call = bench_.doors.calls.back();
    std::size_t count = 0;
    runs_->forget_user("user", [&](auto forgotten) { count = *forgotten; });
    run_on();
    EXPECT_EQ(count, 1U);
    EXPECT_TRUE(call->was_cancelled);
    EXPECT_TRUE(feed->is_over());
    EXPECT_EQ(open(id).error().code, Errc::run_not_found);
    EXPECT_EQ(runs_->counters().running, 0U);
    EXPECT_EQ(runs_->counters().bytes, 0U);
}

TEST_F(SubmittedRunsTest, beyond_its_memory_it_refuses_at_once) {
    options_.memory_bytes_max = 2 * limits::kSubmittedBytesEach;
    restart();
    EXPECT_TRUE(submit());
    EXPECT_TRUE(submit());
    EXPECT_EQ(submit().error().code, Errc::runs_full);
    EXPECT_EQ(store_.runs.size(), 2U);
}

TEST_F(SubmittedRunsTest, ended_runs_leave_memory_and_are_found_in_the_store) {
    options_.ended_bytes_max = 1;
    restart();
    const auto id = submit()->run_id;
    bench_.doors.fail_call(Errc::provider_limited);
    run_on();
    const auto feed = *open(id);
    EXPECT_TRUE(feed->is_over());
    EXPECT_EQ(story(id), "1 queued+, 2 vision+, 3 error");
    EXPECT_EQ(cancel(id).error().code, Errc::run_over);
}

TEST_F(SubmittedRunsTest, a_run_that_ends_the_host_again_and_again_is_given_up) {
    const auto id = submit()->run_id;
    for (int i = 0; i < limits::kRunRecoveriesMax; ++i) {
        crash_and_recover();
        EXPECT_FALSE((*open(id))->is_over()) << i;
    }
    crash_and_recover();
    EXPECT_EQ(store_.runs.at(id).summary.state, RunState::dead);
    EXPECT_TRUE(store_.is_log_whole);
    EXPECT_EQ(story(id), "1 queued+, 2 vision+, 3 error");
}

TEST_F(SubmittedRunsTest, a_run_whose_pipeline_has_changed_is_given_up_and_one_whose_pipeline_is_gone_waits) {
    const auto id = submit()->run_id;
    answer(RunBench::vision());
    auto stored = store_.runs.at(id);
    suspend();
    restart();
    stored.checkpoints[0].replace(stored.checkpoints[0].find("vision"), 6, "glance");
    runs_->adopt(stored, nullptr, 0);
    run_on();
    EXPECT_EQ(store_.runs.at(id).summary.error, "CONFIG_INVALID");
    stored = store_.runs.at(id);
    stored.summary.pipeline = "gone";
    runs_->adopt(stored, nullptr, 0);
    run_on();
    EXPECT_EQ(runs_->counters().running, 0U);
}

}  // namespace
}  // namespace eco2::test
