#include "bench/stream_check.hpp"

#include "bench/samples.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace eco2::bench {
namespace {

std::vector<std::string> good_frames() {
    return {
        R"({"status":"started","task_id":"t"})",
        R"({"step":"vision","status":"started","progress":0})",
        R"({"step":"vision","status":"completed","progress":25})",
        R"({"step":"rule","status":"started","progress":25})",
        R"({"step":"rule","status":"completed","progress":50})",
        R"({"step":"answer","status":"started","progress":50})",
        R"({"step":"answer","status":"completed","progress":75})",
        R"({"step":"reward","status":"started","progress":75})",
        R"({"step":"reward","status":"completed","progress":100,"result":{"status":"completed","pipeline_result":{},"reward":{"name":"x"}}})"};
}

std::string joined(const std::vector<std::string>& frames) {
    std::string out;
    for (const std::string& frame : frames) {
        out += "data: " + frame + "\n\n";
    }
    return out;
}

std::string fault_of(const std::string& body) {
    StreamCheck check;
    check.feed(body, {});
    check.end();
    return check.fault();
}

TEST(StreamCheck, a_good_stream_passes_cut_at_every_byte) {
    const std::string body = ": keepalive\n\n" + joined(good_frames());
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
        StreamCheck check;
        const StreamCheck::Clock::time_point now{};
        check.feed(std::string_view(body).substr(0, cut), now);
        check.feed(std::string_view(body).substr(cut), now);
        check.end();
        EXPECT_EQ(check.fault(), "") << cut;
        EXPECT_TRUE(check.is_complete());
        EXPECT_TRUE(check.has_reward());
    }
}

TEST(StreamCheck, a_missing_doubled_or_swapped_frame_is_a_fault) {
    for (std::size_t i = 0; i < good_frames().size(); ++i) {
        std::vector<std::string> missing = good_frames();
        missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_NE(fault_of(joined(missing)), "") << i;
        std::vector<std::string> twice = good_frames();
        twice.insert(twice.begin() + static_cast<std::ptrdiff_t>(i), twice[i]);
        EXPECT_NE(fault_of(joined(twice)), "") << i;
        std::vector<std::string> swapped = good_frames();
        std::swap(swapped[i], swapped[(i + 1) % swapped.size()]);
        EXPECT_NE(fault_of(joined(swapped)), "") << i;
    }
}

TEST(StreamCheck, a_cut_stream_is_a_fault) {
    const std::string body = joined(good_frames());
    for (std::size_t size = 0; size + 2 < body.size(); ++size) {
        EXPECT_NE(fault_of(body.substr(0, size)), "") << size;
    }
}

TEST(StreamCheck, the_first_stage_frame_sets_the_time_and_no_reward_is_no_fault) {
    StreamCheck check;
    std::vector<std::string> frames = good_frames();
    frames.back() =
        R"({"step":"reward","status":"completed","progress":100,"result":{"status":"completed","pipeline_result":{},"reward":null}})";
    const StreamCheck::Clock::time_point start{};
    for (std::size_t i = 0; i < frames.size(); ++i) {
        check.feed("data: " + frames[i] + "\n\n", start + std::chrono::seconds(i));
    }
    check.end();
    EXPECT_EQ(check.fault(), "");
    EXPECT_EQ(*check.first_stage_at(), start + std::chrono::seconds(1));
    EXPECT_FALSE(check.has_reward());
}

TEST(Samples, percentiles_are_exact) {
    Samples samples;
    EXPECT_EQ(samples.percentile(50), 0);
    for (int i = 100; i >= 1; --i) {
        samples.add(i);
    }
    EXPECT_EQ(samples.percentile(50), 50);
    EXPECT_EQ(samples.percentile(99), 99);
    EXPECT_EQ(samples.percentile(100), 100);
    EXPECT_EQ(samples.max(), 100);
    EXPECT_EQ(samples.mean(), 50.5);
}

}  // namespace
}  // namespace eco2::bench
