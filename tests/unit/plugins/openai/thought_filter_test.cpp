#include "unit/plugins/openai/fixture.hpp"

namespace {

using namespace eco2::tests;

std::string text_of(const std::vector<std::string>& escaped_pieces, bool has_schema = true) {
    OpenAiCall call;
    if (has_schema) {
        call.request.schema("s", "{}");
    }
    std::string body = role_chunk();
    for (const std::string& piece : escaped_pieces) {
        body += text_chunk(piece);
    }
    call.run(stream_of(body + finish_chunk("stop") + kDone));
    EXPECT_EQ(call.sink.result().status, ECO2_OK);
    call.expect_clean();
    return call.sink.text();
}

TEST(OpenAiThoughts, a_thought_before_the_json_is_left_out_however_it_is_cut) {
    const std::string said = "  <think>a < b, {} </thin </think> {}x <think>kept</think>";
    for (std::size_t first = 0; first <= said.size(); ++first) {
        for (std::size_t second = first; second <= said.size(); ++second) {
            ASSERT_EQ(text_of({said.substr(0, first), said.substr(first, second - first), said.substr(second)}),
                      "{}x <think>kept</think>")
                << first << " " << second;
        }
    }
}

TEST(OpenAiThoughts, only_where_a_schema_is_asked_and_only_in_front) {
    EXPECT_EQ(text_of({"<think>a</think>{}"}, false), "<think>a</think>{}");
    EXPECT_EQ(text_of({"{}<think>a</think>"}), "{}<think>a</think>");
    EXPECT_EQ(text_of({" <thing>"}), " <thing>");
    EXPECT_EQ(text_of({"<thi"}), "<thi");
    EXPECT_EQ(text_of({"<think>", "never closed"}), "");
    EXPECT_EQ(text_of({}), "");
}

TEST(OpenAiThoughts, a_whole_answer_is_read_alike) {
    OpenAiCall call;
    call.request.streamed(false).schema("s", "{}");
    call.run(json_of(200, R"({"choices":[{"message":{"content":"<think>x</think>\n{}"},"finish_reason":"stop"}]})"));
    EXPECT_EQ(call.sink.text(), "{}");
}

}  // namespace
