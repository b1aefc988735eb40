#include "protocol/sse_writer.hpp"

#include <gtest/gtest.h>

namespace eco2 {
namespace {

TEST(SseWriter, a_data_frame_is_one_line_and_a_blank_one) {
    std::string out;
    append_sse_data(out, R"({"a":1})");
    EXPECT_EQ(out, "data: {\"a\":1}\n\n");
}

TEST(SseWriter, an_event_carries_id_and_name_before_its_data) {
    std::string out;
    append_sse_event(out, 7, "vision", "{}");
    EXPECT_EQ(out, "id: 7\nevent: vision\ndata: {}\n\n");
}

TEST(SseWriter, a_comment_is_no_event) {
    std::string out;
    append_sse_comment(out, "keepalive");
    EXPECT_EQ(out, ": keepalive\n\n");
}

TEST(SseWriterDeathTest, a_line_break_in_data_is_a_fault_of_ours) {
    std::string out;
    EXPECT_DEATH(append_sse_data(out, "a\nb"), "one line");
}

}  // namespace
}  // namespace eco2
