#include "fake_provider/chat_request.hpp"

#include <gtest/gtest.h>

#include <string>

namespace eco2::fake {
namespace {

ChatRequest read_ok(const std::string& body) {
    auto read = read_chat_request(body);
    EXPECT_TRUE(std::holds_alternative<ChatRequest>(read)) << body;
    return std::get<ChatRequest>(std::move(read));
}

ApiFault read_bad(const std::string& body) {
    auto read = read_chat_request(body);
    EXPECT_TRUE(std::holds_alternative<ApiFault>(read)) << body;
    return std::get<ApiFault>(std::move(read));
}

std::string with_image(const std::string& url) {
    return R"({"model":"m","messages":[{"role":"system","content":"sort it"},{"role":"user","content":[{"type":"text","text":"what?"},)"
           R"({"type":"image_url","image_url":{"url":")" +
           url +
           R"("}}]}],"response_format":{"type":"json_schema","json_schema":{"name":"vision","schema":{"type":"object"}}}})";
}

TEST(FakeChatRequest, what_is_missing_or_wrong_is_answered_as_openai_does) {
    EXPECT_EQ(read_bad("{").status, 400);
    EXPECT_EQ(read_bad("[]").status, 400);
    EXPECT_EQ(read_bad("").status, 400);
    EXPECT_EQ(read_bad(R"({"messages":[]})").param, "model");
    const ApiFault missing = read_bad(R"({"model":"m"})");
    EXPECT_EQ(missing.param, "messages");
    EXPECT_EQ(missing.code, "missing_required_parameter");
    EXPECT_EQ(read_bad(R"({"model":"m","messages":"hello"})").param, "messages");
    EXPECT_EQ(read_bad(R"({"model":"m","messages":[]})").param, "messages");
}

TEST(FakeChatRequest, any_cut_of_a_request_is_a_plain_400) {
    const std::string whole = with_image("https://x/y.jpg");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(read_bad(whole.substr(0, size)).status, 400) << size;
    }
}

TEST(FakeChatRequest, odd_types_inside_are_ignored_not_fatal) {
    EXPECT_EQ(
        read_ok(R"({"model":"m","messages":[1,null,{"role":5,"content":7},{"role":"user","content":[2,{"type":"image_url"}]}],)"
                R"("stream":"yes","stream_options":4,"response_format":[]})")
            .kind,
        AnswerKind::plain);
}

TEST(FakeChatRequest, the_schema_tells_the_kind) {
    const auto kind = [](const std::string& json_schema) {
        return read_ok(R"({"model":"m","messages":[{"role":"user","content":"q"}],"response_format":{"json_schema":)" +
                       json_schema + "}}")
            .kind;
    };
    EXPECT_EQ(kind(R"({"name":"vision"})"), AnswerKind::vision);
    EXPECT_EQ(kind(R"({"name":"x","schema":{"properties":{"classification":{}}}})"), AnswerKind::vision);
    EXPECT_EQ(kind(R"({"name":"answer"})"), AnswerKind::answer);
    EXPECT_EQ(kind(R"({"name":"x","schema":{"properties":{"user_answer":{}}}})"), AnswerKind::answer);
    EXPECT_EQ(kind(R"({"name":"x","schema":{"type":"object"}})"), AnswerKind::schema);
}

TEST(FakeChatRequest, class_keys_come_from_the_schema) {
    const ChatRequest request = read_ok(
        R"({"model":"m","messages":[{"role":"user","content":"q"}],"response_format":{"json_schema":{"name":"vision","schema":)"
        R"({"properties":{"classification":{"properties":{"major":{},"middle":{},"minor":{}}}}}}}})");
    EXPECT_EQ(request.class_keys.major + request.class_keys.middle + request.class_keys.minor, "majormiddleminor");
}

TEST(FakeChatRequest, the_same_photo_has_the_same_hash_and_another_has_not) {
    const std::uint64_t first = read_ok(with_image("https://x/1.jpg")).photo_hash;
    EXPECT_EQ(first, read_ok(with_image("https://x/1.jpg")).photo_hash);
    EXPECT_NE(first, read_ok(with_image("https://x/2.jpg")).photo_hash);
}

TEST(FakeChatRequest, tokens_count_texts_and_images) {
    const std::int64_t with = read_ok(with_image("https://x/y.jpg")).prompt_tokens;
    const std::int64_t without =
        read_ok(R"({"model":"m","messages":[{"role":"system","content":"sort it"},{"role":"user","content":"what?"}]})")
            .prompt_tokens;
    EXPECT_EQ(with - without, kImageTokens);
    EXPECT_EQ(estimate_tokens(""), 0);
    EXPECT_EQ(estimate_tokens("abcdefgh"), 2);
    EXPECT_EQ(estimate_tokens("가나다라마바사아자차"), 7);
}

}  // namespace
}  // namespace eco2::fake
