#include "read_input.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>

#include <filesystem>

namespace eco2::batch {
namespace {

using test::ids_of;
using test::read_all;
using test::write_file;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class JsonlInput : public testing::Test {
protected:
    JsonlInput() { write_file(folder_.file("a.jpg"), "photo"); }
    std::string jsonl(std::string_view bytes) { return write_file(folder_.file("in.jsonl"), bytes); }
    std::string error(std::string_view line) {
        const auto all = read_all(jsonl(line));
        return all.errors.size() == 1 ? all.errors[0] : "";
    }

    eco2::test::TemporaryFolder folder_;
};

TEST_F(JsonlInput, reads_every_known_key) {
    const auto all =
        read_all(jsonl("{\"id\":\"x\\u00e9\",\"image\":\"a.jpg\",\"user_input\":\"why\\n?\","
                       "\"user_id\":\"6f9619ff-8b86-d011-b42d-00cf4fc964ff\",\"language\":\"en\",\"label\":\"can\"}\r\n"
                       "\n"
                       "  {\"url\":\"https://cdn.example/x.jpg\",\"id\":18446744073709551615,\"label\":null}"));
    EXPECT_THAT(all.errors, IsEmpty());
    ASSERT_THAT(ids_of(all), ElementsAre("x\xC3\xA9", "18446744073709551615"));
    const auto& item = all.items[0];
    EXPECT_EQ(item.photo, folder_.file("a.jpg"));
    EXPECT_EQ(item.question, "why\n?");
    EXPECT_EQ(item.user_id, "6f9619ff-8b86-d011-b42d-00cf4fc964ff");
    EXPECT_EQ(item.language, "en");
    EXPECT_EQ(item.label, "can");
    EXPECT_EQ(all.items[1].line, 3);
    EXPECT_EQ(all.items[1].image_url, "https://cdn.example/x.jpg");
}

TEST_F(JsonlInput, photos_are_relative_to_the_file_and_may_be_absolute) {
    std::filesystem::create_directories(folder_.path() / "lists");
    const auto input =
        write_file(folder_.file("lists/in.ndjson"), "{\"path\":\"../a.jpg\"}\n{\"photo\":\"" + folder_.file("a.jpg") + "\"}\n");
    const auto all = read_all(input);
    EXPECT_THAT(ids_of(all), ElementsAre("row-1", "row-2"));
    EXPECT_EQ(all.items[0].photo, folder_.file("a.jpg"));
    EXPECT_EQ(all.items[1].photo, folder_.file("a.jpg"));
}

TEST_F(JsonlInput, keys_of_another_name_are_used) {
    InputReader::Columns columns;
    columns.id = "custom_id";
    columns.question = "body";
    const auto all = read_all(jsonl("{\"custom_id\":\"x\",\"body\":\"why?\"}"), columns);
    EXPECT_THAT(all.errors, IsEmpty());
    EXPECT_THAT(ids_of(all), ElementsAre("x"));
}

TEST_F(JsonlInput, lines_that_do_not_do_are_told_and_the_rest_is_read) {
    const auto all = read_all(
        jsonl("{\"text\":1}\n{\"txet\":\"a\"}\n[1]\n{\"text\":\"a\"} x\n{\"text\":\"a\"\n{\"text\":\"ok\"}\n"
              "{\"text\":\"a\",\"te\\u0078t\":\"b\"}\n{\"text\":\"a\",\"question\":\"b\"}\n{\"id\":\"\",\"text\":\"a\"}\n"
              "{\"id\":1.5,\"text\":\"a\"}\n{\"text\":\"\xFF\"}\n{}\n"));
    EXPECT_THAT(ids_of(all), ElementsAre("row-6"));
    EXPECT_THAT(all.errors,
                ElementsAre(HasSubstr("in.jsonl:1: \"text\" must be a text, it is a number"),
                            HasSubstr("in.jsonl:2: the key \"txet\" is not known; did you mean \"text\"?"),
                            HasSubstr("in.jsonl:3: each line must be a JSON object, this one is a list"),
                            HasSubstr("in.jsonl:4: not JSON at byte 14"),
                            HasSubstr("in.jsonl:5: not JSON at byte 12"),
                            HasSubstr("in.jsonl:7: a key stands there twice"),
                            HasSubstr("in.jsonl:8: two keys mean the same"),
                            HasSubstr("in.jsonl:9: the id is empty"),
                            HasSubstr("in.jsonl:10: \"id\" must be a text or a whole number"),
                            HasSubstr("in.jsonl:11: not JSON"),
                            HasSubstr("in.jsonl:12: there is neither")));
}

TEST_F(JsonlInput, an_empty_file_and_one_that_is_nested_too_deep_are_refused) {
    EXPECT_THAT(error(""), HasSubstr("is empty"));
    EXPECT_THAT(error("\n \r\n"), HasSubstr("is empty"));
    EXPECT_THAT(error("{\"text\":" + std::string(100'000, '[')), HasSubstr("in.jsonl:1: not JSON"));
}

TEST_F(JsonlInput, a_line_over_the_limit_is_refused_and_the_rest_is_read) {
    const auto all = read_all(jsonl("{\"text\":\"" + std::string(17U * 1024 * 1024, 'x') + "\"}\n{\"text\":\"ok\"}\n"));
    EXPECT_THAT(ids_of(all), ElementsAre("row-2"));
    EXPECT_THAT(all.errors, ElementsAre(HasSubstr("in.jsonl:1: the line is longer")));
}

TEST_F(JsonlInput, a_file_that_is_cut_at_any_byte_gives_items_or_errors_and_ends) {
    const std::string whole =
        "\xEF\xBB\xBF{\"id\":\"\xEA\xB0\x80\\u00e9\\ud83d\\ude00\",\"image\":\"a.jpg\"}\r\n{\"id\":12,\"text\":\"b\"}\n";
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const auto all = read_all(jsonl(std::string_view(whole).substr(0, size)));
        EXPECT_LE(all.items.size() + all.errors.size(), 2U) << size;
    }
}

}  // namespace
}  // namespace eco2::batch
