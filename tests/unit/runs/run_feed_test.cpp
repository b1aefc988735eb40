#include "runs/run_feed.hpp"

#include "support/manual_executor.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace eco2::test {
namespace {

class RunFeedTest : public testing::Test {
protected:
    void append(std::vector<std::string> events, std::string result = {}) {
        feed_->append(events, {"vision", 25}, std::move(result));
    }

    ManualClock clock_;
    ManualExecutor executor_{clock_};
    std::shared_ptr<RunFeed> feed_ = std::make_shared<RunFeed>(executor_, "run", "user", "scan");
};

TEST_F(RunFeedTest, every_cursor_reads_what_came_after_it) {
    append({"a\n\n", "bb\n\n"});
    append({"ccc\n\n"});
    const std::string whole = "a\n\nbb\n\nccc\n\n";
    const std::size_t begins[] = {0, 3, 7, whole.size()};
    for (std::size_t from = 0; from <= 3; ++from) {
        std::string out = "kept ";
        EXPECT_EQ(feed_->read(from, out), 3U);
        EXPECT_EQ(out, "kept " + whole.substr(begins[from])) << from;
    }
    std::string beyond;
    EXPECT_EQ(feed_->read(9, beyond), 3U);
    EXPECT_EQ(beyond, "");
}

TEST_F(RunFeedTest, it_is_over_with_its_result) {
    append({"a\n\n"});
    EXPECT_FALSE(feed_->is_over());
    append({"b\n\n"}, "{}");
    EXPECT_TRUE(feed_->is_over());
    EXPECT_EQ(feed_->result(), "{}");
    EXPECT_EQ(feed_->status().stage, "vision");
    EXPECT_EQ(feed_->status().progress, 25);
}

TEST_F(RunFeedTest, wakes_who_waits_and_nobody_else) {
    int woken = 0;
    auto subscription = feed_->subscribe([&] { ++woken; });
    append({"a\n\n"});
    EXPECT_EQ(woken, 0) << "never from inside";
    executor_.run();
    EXPECT_EQ(woken, 1);
    append({"b\n\n"});
    subscription.reset();
    executor_.run();
    EXPECT_EQ(woken, 1) << "a wake that was under way dies with the subscription";
    EXPECT_EQ(feed_->subscribers(), 0U);
}

TEST_F(RunFeedTest, a_subscription_may_end_inside_its_wake) {
    std::unique_ptr<RunFeed::Subscription> subscription;
    subscription = feed_->subscribe([&] { subscription.reset(); });
    const auto other = feed_->subscribe([] {});
    append({"a\n\n"});
    executor_.run();
    EXPECT_EQ(feed_->subscribers(), 1U);
}

TEST_F(RunFeedTest, readers_on_other_threads_see_whole_events) {
    std::thread reader([this] {
        std::size_t next = 0;
        std::string seen;
        while (next < 1'000) {
            next = feed_->read(next, seen);
        }
        EXPECT_EQ(seen.size(), 3'000U);
    });
    for (int i = 0; i < 1'000; ++i) {
        append({"x\n\n"});
    }
    reader.join();
}

}  // namespace
}  // namespace eco2::test
