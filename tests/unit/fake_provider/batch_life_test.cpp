#include "fake_provider/batch_life.hpp"

#include <gtest/gtest.h>

namespace eco2::fake {
namespace {

using std::chrono::seconds;
using Step = BatchLife::Step;

constexpr BatchLife::Moment kBegin{std::chrono::hours(1)};

BatchPlan plan() {
    return {seconds(10), seconds(100), seconds(5), seconds(7), seconds(1'000), std::nullopt, false};
}

/// Does at once whatever is asked for, until `now` has nothing more.
BatchLife::Next work(BatchLife& life, BatchLife::Moment now, std::int64_t lines = 1'000) {
    for (;;) {
        const BatchLife::Next next = life.next(now);
        switch (next.step) {
            case Step::validate: life.validated(lines > 0, lines); break;
            case Step::execute: life.executed(next.lines); break;
            case Step::close: life.closed(); break;
            default: return next;
        }
    }
}

TEST(BatchLife, goes_through_its_phases_at_their_times) {
    BatchLife life(plan(), kBegin);
    EXPECT_EQ(life.next(kBegin).step, Step::validate);
    EXPECT_EQ(work(life, kBegin).due, kBegin + seconds(10));
    EXPECT_EQ(life.status(), BatchStatus::validating);
    work(life, kBegin + seconds(10));
    EXPECT_EQ(life.status(), BatchStatus::in_progress);
    EXPECT_EQ(life.next(kBegin + seconds(60)).lines, 500);
    work(life, kBegin + seconds(110));
    EXPECT_EQ(life.status(), BatchStatus::finalizing);
    work(life, kBegin + seconds(115));
    EXPECT_EQ(life.status(), BatchStatus::completed);
    EXPECT_EQ(life.next(kBegin + seconds(9'999)).step, Step::nothing);
}

TEST(BatchLife, one_look_after_a_day_finds_the_same_moments) {
    BatchLife life(plan(), kBegin);
    work(life, kBegin + seconds(86'400));
    EXPECT_EQ(life.status(), BatchStatus::completed);
    EXPECT_EQ(life.moments().in_progress, kBegin + seconds(10));
    EXPECT_EQ(life.moments().finalizing, kBegin + seconds(110));
    EXPECT_EQ(life.moments().end, kBegin + seconds(115));
}

TEST(BatchLife, a_bad_file_fails_after_the_time_of_validation) {
    BatchLife life(plan(), kBegin);
    work(life, kBegin, 0);
    EXPECT_EQ(life.status(), BatchStatus::validating);
    work(life, kBegin + seconds(10), 0);
    EXPECT_EQ(life.status(), BatchStatus::failed);
    EXPECT_FALSE(life.cancel(kBegin + seconds(11)));
}

TEST(BatchLife, what_the_window_cuts_off_expires) {
    BatchPlan slow = plan();
    slow.in_progress = seconds(2'000);
    slow.window = seconds(1'010);
    BatchLife life(slow, kBegin);
    work(life, kBegin + seconds(1'009));
    EXPECT_EQ(life.status(), BatchStatus::in_progress);
    work(life, kBegin + seconds(5'000));
    EXPECT_EQ(life.status(), BatchStatus::expired);
    EXPECT_EQ(life.rest(), BatchLife::Rest::expired);
    EXPECT_EQ(life.moments().end, kBegin + seconds(1'010));
}

TEST(BatchLife, expires_with_exactly_the_share_that_was_asked_for) {
    for (const double share : {0.0, 0.29, 0.6, 1.0}) {
        BatchPlan part = plan();
        part.expires_with = share;
        BatchLife life(part, kBegin);
        work(life, kBegin, 100);
        std::int64_t done = 0;
        for (BatchLife::Next next = life.next(kBegin + seconds(500)); next.step == Step::execute;
             next = life.next(kBegin + seconds(500))) {
            done = next.lines;
            life.executed(done);
        }
        EXPECT_EQ(done, static_cast<std::int64_t>(share * 100 + 0.5)) << share;
        EXPECT_EQ(life.status(), BatchStatus::in_progress);
        work(life, kBegin + seconds(1'000));
        EXPECT_EQ(life.status(), BatchStatus::expired);
    }
}

TEST(BatchLife, cancelled_in_each_state_it_ends_as_cancelled) {
    struct Case {
        seconds at;
        std::int64_t done;
        BatchLife::Rest rest;
    };
    for (const Case& each : {Case{seconds(5), 0, BatchLife::Rest::none},
                             Case{seconds(60), 500, BatchLife::Rest::cancelled},
                             Case{seconds(112), 1'000, BatchLife::Rest::cancelled}}) {
        BatchLife life(plan(), kBegin);
        work(life, kBegin + each.at);
        EXPECT_TRUE(life.cancel(kBegin + each.at));
        EXPECT_FALSE(life.cancel(kBegin + each.at)) << "once";
        EXPECT_EQ(life.status(), BatchStatus::cancelling);
        EXPECT_EQ(life.rest(), each.rest);
        EXPECT_NE(life.next(kBegin + each.at + seconds(6)).step, Step::execute) << "no line after the cancel";
        work(life, kBegin + each.at + seconds(7));
        EXPECT_EQ(life.status(), BatchStatus::cancelled);
        EXPECT_EQ(life.moments().end, kBegin + each.at + seconds(7));
    }
}

TEST(BatchLife, a_cancel_behind_the_window_executes_nothing_more) {
    BatchPlan slow = plan();
    slow.in_progress = seconds(2'000);
    BatchLife life(slow, kBegin);
    work(life, kBegin + seconds(900));
    const BatchLife::Next next = life.next(kBegin + seconds(1'500));
    EXPECT_EQ(next.step, Step::execute);
    life.executed(next.lines);
    EXPECT_EQ(life.next(kBegin + seconds(1'500)).step, Step::close) << "it expires";
    EXPECT_TRUE(life.cancel(kBegin + seconds(1'500)));
    EXPECT_EQ(life.next(kBegin + seconds(1'500)).step, Step::close);
}

TEST(BatchLife, a_cancel_can_lose_the_race_with_completion) {
    BatchPlan racing = plan();
    racing.ignores_cancel = true;
    BatchLife life(racing, kBegin);
    work(life, kBegin + seconds(60));
    EXPECT_TRUE(life.cancel(kBegin + seconds(60)));
    EXPECT_EQ(life.status(), BatchStatus::cancelling);
    EXPECT_EQ(life.next(kBegin + seconds(60)).lines, 1'000);
    work(life, kBegin + seconds(67));
    EXPECT_EQ(life.status(), BatchStatus::completed);
    EXPECT_EQ(life.rest(), BatchLife::Rest::none);
}

}  // namespace
}  // namespace eco2::fake
