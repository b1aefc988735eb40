#include "bench/chat_check.hpp"

#include <gtest/gtest.h>

namespace eco2::bench {
namespace {

const ChatCheck::Expected kStream{"one two", true, true};
const ChatCheck::Expected kWhole{"one two", false, true};

std::string chunk(std::string_view delta, std::string_view finish = "null") {
    return R"(data: {"model":"m","choices":[{"index":0,"delta":)" + std::string(delta) + R"(,"finish_reason":)" +
           std::string(finish) + "}]}\n\n";
}

std::string stream_without_end() {
    return ": wait\n\n" + chunk(R"({"role":"assistant","content":""})") + chunk(R"({"content":"one"})") +
           chunk(R"({"content":" two"})") + chunk("{}", "\"stop\"") +
           "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\r\n\r\n";
}

std::string whole(std::string_view text) {
    return R"({"model":"m","choices":[{"message":{"content":")" + std::string(text) +
           R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":1}})";
}

ChatOutcome outcome(const ChatCheck::Expected& expected, std::string_view body, int status = 200, bool is_whole = true) {
    ChatCheck check(expected);
    check.on_head(status);
    check.feed(body, {});
    return check.end(is_whole);
}

TEST(ChatCheck, a_stream_is_good_however_it_is_cut) {
    const std::string body = stream_without_end() + "data: [DONE]\n\n";
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
        ChatCheck check(kStream);
        check.on_head(200);
        check.feed(std::string_view(body).substr(0, cut), {});
        check.feed(std::string_view(body).substr(cut), {});
        EXPECT_EQ(check.end(true), ChatOutcome::good) << "cut at " << cut << ": " << check.fault();
        EXPECT_EQ(check.text(), "one two");
        EXPECT_EQ(check.model(), "m");
        EXPECT_EQ(check.gaps_ms().count(), 1U);
    }
}

TEST(ChatCheck, a_stream_that_ends_too_early_is_never_good) {
    const std::string body = stream_without_end() + "data: [DONE]\n\n";
    const std::size_t enough = body.find("[DONE]") + 7;  // the line's end: the blank line after it says nothing new
    for (std::size_t size = 0; size < enough; ++size) {
        EXPECT_EQ(outcome(kStream, body.substr(0, size)), ChatOutcome::wrong) << size;
        EXPECT_EQ(outcome(kStream, body.substr(0, size), 200, false), ChatOutcome::broken) << size;
    }
}

TEST(ChatCheck, an_error_frame_is_clean_unless_the_stream_goes_on) {
    const std::string error =
        chunk(R"({"content":"one"})") + "data: {\"error\":{\"message\":\"no\",\"code\":\"provider\"}}\n\n";
    EXPECT_EQ(outcome(kStream, error), ChatOutcome::clean_error);
    EXPECT_EQ(outcome(kStream, error, 200, false), ChatOutcome::clean_error);
    EXPECT_EQ(outcome(kStream, error + "data: [DONE]\n\n"), ChatOutcome::wrong);
    EXPECT_EQ(outcome(kStream, error + chunk(R"({"content":" two"})")), ChatOutcome::wrong);
}

TEST(ChatCheck, errors_are_clean_in_the_shape_of_this_api) {
    const std::string_view error = R"({"error":{"message":"no","type":"t","code":null}})";
    EXPECT_EQ(outcome(kStream, error, 503), ChatOutcome::clean_error);
    EXPECT_EQ(outcome(kWhole, error, 429), ChatOutcome::clean_error);
    EXPECT_EQ(outcome(kWhole, error, 200), ChatOutcome::wrong) << "an error that passes as success";
    EXPECT_EQ(outcome(kWhole, "<html>bad gateway</html>", 502), ChatOutcome::broken);
    EXPECT_EQ(outcome(kWhole, R"({"error":"no"})", 502), ChatOutcome::broken);
    EXPECT_EQ(outcome(kWhole, "", 0, false), ChatOutcome::broken);
}

TEST(ChatCheck, a_whole_answer_is_compared) {
    ChatCheck check(kWhole);
    check.on_head(200);
    check.feed(whole("one two"), {});
    EXPECT_EQ(check.end(true), ChatOutcome::good);
    EXPECT_EQ(check.prompt_tokens(), 2);
    EXPECT_EQ(check.completion_tokens(), 1);
    EXPECT_EQ(outcome(kWhole, whole("one")), ChatOutcome::wrong);
    EXPECT_EQ(outcome(kWhole, whole("one two two")), ChatOutcome::wrong);
    EXPECT_EQ(outcome(kWhole, whole("one two").substr(0, 20)), ChatOutcome::wrong);
    EXPECT_EQ(outcome(kWhole, whole("one two").substr(0, 20), 200, false), ChatOutcome::broken);
}

TEST(ChatCheck, a_stream_that_repeats_or_lies_is_wrong) {
    const std::string end = "data: [DONE]\n\n";
    const std::string usage = "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n";
    const std::string stop = chunk("{}", "\"stop\"");
    const std::string text = chunk(R"({"content":"one two"})");
    EXPECT_EQ(outcome(kStream, text + stop + usage + end), ChatOutcome::good);
    EXPECT_EQ(outcome(kStream, text + chunk(R"({"content":" two"})") + stop + usage + end), ChatOutcome::wrong);
    EXPECT_EQ(outcome(kStream, text + stop + stop + usage + end), ChatOutcome::wrong);
    EXPECT_EQ(outcome(kStream, text + usage + end), ChatOutcome::wrong) << "no finish reason";
    EXPECT_EQ(outcome(kStream, text + chunk("{}", "\"length\"") + usage + end), ChatOutcome::wrong);
    EXPECT_EQ(outcome(kStream, text + stop + end), ChatOutcome::wrong) << "no usage";
    EXPECT_EQ(outcome(kStream, text + stop + usage + usage + end), ChatOutcome::wrong);
    EXPECT_EQ(outcome(kStream, text + stop + usage + end + end), ChatOutcome::wrong);
    EXPECT_EQ(outcome(kStream, text + "data: {bro\n\n" + stop + usage + end), ChatOutcome::wrong);
}

}  // namespace
}  // namespace eco2::bench
