#include "read_input.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>

namespace eco2::batch {
namespace {

using test::ids_of;
using test::read_all;
using test::write_file;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kLine =
    R"({"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"hi"}]}})";

class RequestsInput : public testing::Test {
protected:
    std::string file(std::string_view bytes) { return write_file(folder_.file("in.jsonl"), bytes); }
    /// What is said of a second line in which `from` is `to`.
    std::string error(const std::string& from, std::string_view to) {
        std::string line(kLine);
        const auto at = line.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        line.replace(at, from.size(), to);
        const auto all = read_all(file(std::string(kLine) + "\n" + line + "\n"));
        return all.errors.size() == 1 ? all.errors[0] : "";
    }

    eco2::test::TemporaryFolder folder_;
};

TEST_F(RequestsInput, are_told_by_the_first_line_and_keep_their_bodies_as_they_came) {
    const std::string body = R"({ "model" : "m", "input":"\u0041", "temperature":0.10,"stream":false })";
    auto reader = InputReader::open(
        file("{\"body\":" + body + ", \"url\":\"/v1/responses\",\"method\":\"POST\" ,\"custom_id\":\"\xEA\xB0\x80\"}\r\n" +
             std::string(kLine)));
    ASSERT_TRUE(reader);
    EXPECT_EQ((*reader)->kind(), InputKind::requests);
    const auto all = read_all(**reader);
    EXPECT_THAT(all.errors, IsEmpty());
    ASSERT_THAT(ids_of(all), ElementsAre("\xEA\xB0\x80", "a"));
    EXPECT_EQ(all.items[0].body, body);
    EXPECT_EQ(all.items[0].model, "m");
    EXPECT_EQ(all.items[0].endpoint, "/v1/responses");
    EXPECT_EQ(all.items[1].line, 2);
}

TEST_F(RequestsInput, a_blank_line_is_refused_with_its_number) {
    const auto all = read_all(file(std::string(kLine) + "\n\n" + std::string(kLine) + "\n \r\n"));
    EXPECT_EQ(all.items.size(), 2U);
    EXPECT_THAT(all.errors,
                ElementsAre(HasSubstr("in.jsonl:2: the line is blank"), HasSubstr("in.jsonl:4: the line is blank")));
}

TEST_F(RequestsInput, what_the_provider_would_fail_the_batch_for_is_refused_here) {
    EXPECT_THAT(error("\"custom_id\":\"a\",", ""), HasSubstr("in.jsonl:2: custom_id is missing"));
    EXPECT_THAT(error("\"custom_id\":\"a\"", "\"custom_id\":7"), HasSubstr("custom_id is a number"));
    EXPECT_THAT(error("\"custom_id\":\"a\"", "\"custom_id\":\"\""), HasSubstr("custom_id: the id is empty"));
    EXPECT_THAT(error("\"custom_id\":\"a\"", "\"custom_id\":\"a\",\"custom_id\":\"b\""), HasSubstr("a key stands there twice"));
    EXPECT_THAT(error("custom_id", "customid"), HasSubstr("did you mean \"custom_id\"?"));
    EXPECT_THAT(error("POST", "GET"), HasSubstr("method is \"GET\"; it must be \"POST\""));
    EXPECT_THAT(error("\"method\":\"POST\",", ""), HasSubstr("method is missing"));
    EXPECT_THAT(error("/v1/chat", "https://api.example/v1/chat"), HasSubstr("must be a path"));
    EXPECT_THAT(error("\"body\":{", "\"body\":[{"), HasSubstr("not JSON"));
    EXPECT_THAT(error("\"model\":\"m\",", ""), HasSubstr("body.model is missing"));
    EXPECT_THAT(error("\"model\":\"m\"", "\"model\":\"\""), HasSubstr("body.model must have 1 to"));
    EXPECT_THAT(error("\"model\":\"m\"", "\"model\":\"m\",\"mod\\u0065l\":\"n\""),
                HasSubstr("a key of body stands there twice"));
    EXPECT_THAT(error("\"model\":\"m\"", "\"model\":\"m\",\"stream\":true"), HasSubstr("body.stream is true"));
    EXPECT_THAT(error("\"model\":\"m\"", "\"model\":\"m\",\"stream\":\"no\""), HasSubstr("body.stream is a text"));
    EXPECT_THAT(error("messages", "input"), HasSubstr("body has no messages, which \"/v1/chat/completions\" takes"));
    EXPECT_THAT(error("[{\"role\":\"user\",\"content\":\"hi\"}]", "[]"), HasSubstr("must be a list that is not empty"));
    EXPECT_THAT(error("[{\"role\":\"user\",\"content\":\"hi\"}]", "\"hi\""), HasSubstr("must be a list that is not empty"));
    EXPECT_THAT(error("/v1/chat/completions", "/v1/embeddings"), HasSubstr("body has no input"));
    EXPECT_THAT(error("/v1/chat/completions", "/v1/completions"), HasSubstr("body has no prompt"));
    EXPECT_EQ(error("/v1/chat/completions", "/v1/new"), "");
    EXPECT_EQ(error("\"model\":\"m\"", "\"model\":\"m\",\"stream\":null"), "");
}

TEST_F(RequestsInput, a_body_whose_key_is_written_with_escapes_is_refused_rather_than_lost) {
    EXPECT_THAT(error("\"body\"", "\"bod\\u0079\""), HasSubstr("body must be an object"));
}

TEST_F(RequestsInput, a_file_that_is_cut_at_any_byte_gives_items_or_errors_and_ends) {
    const std::string whole = std::string(kLine) + "\r\n" + std::string(kLine) + "\n";
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const auto all = read_all(file(std::string_view(whole).substr(0, size)));
        EXPECT_LE(all.items.size() + all.errors.size(), 2U) << size;
        EXPECT_EQ(all.items.size() == 2U, size >= whole.size() - 1) << size;
    }
}

}  // namespace
}  // namespace eco2::batch
