#include "read_input.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>

namespace eco2::batch {
namespace {

using test::ids_of;
using test::read_all;
using test::write_file;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

class CsvInput : public testing::Test {
protected:
    CsvInput() { write_file(folder_.file("a.jpg"), "photo"); }
    std::string csv(std::string_view bytes) { return write_file(folder_.file("in.csv"), bytes); }
    std::string open_error(std::string_view bytes, const InputReader::Columns& columns = {}) {
        const auto reader = InputReader::open(csv(bytes), columns);
        return reader ? "" : reader.error().detail;
    }
    std::string row_error(std::string_view head, std::string_view row) {
        const auto all = read_all(csv(std::string(head) + "\n" + std::string(row) + "\n"));
        return all.errors.size() == 1 ? all.errors[0] : "";
    }

    eco2::test::TemporaryFolder folder_;
};

TEST_F(CsvInput, reads_every_known_column) {
    const auto all =
        read_all(csv("\xEF\xBB\xBF id ,Image,image_url,text,user_id,language,label\r\n"
                     "7,a.jpg,,\"what, then?\",6F9619FF-8B86-D011-B42D-00CF4FC964FF,ko,glass\r\n"
                     "=8,,https://cdn.example/x.jpg,,,,\r\n\r\n"));
    EXPECT_THAT(all.errors, IsEmpty());
    ASSERT_THAT(ids_of(all), ElementsAre("7", "=8"));
    const auto& item = all.items[0];
    EXPECT_EQ(item.photo, folder_.file("a.jpg"));
    EXPECT_EQ(item.question, "what, then?");
    EXPECT_EQ(item.user_id, "6f9619ff-8b86-d011-b42d-00cf4fc964ff");
    EXPECT_EQ(item.language, "ko");
    EXPECT_EQ(item.label, "glass");
    EXPECT_EQ(item.line, 2);
    EXPECT_EQ(all.items[1].image_url, "https://cdn.example/x.jpg");
    EXPECT_TRUE(all.items[1].photo.empty());
}

TEST_F(CsvInput, rows_without_an_id_are_numbered_and_lines_are_of_the_file) {
    const auto all = read_all(csv("text\n\"one\nmore\"\n\ntwo\n"));
    EXPECT_THAT(ids_of(all), ElementsAre("row-1", "row-2"));
    EXPECT_EQ(all.items[0].line, 2);
    EXPECT_EQ(all.items[1].line, 5);
}

TEST_F(CsvInput, a_column_of_another_name_is_used_and_others_are_ignored_and_told) {
    InputReader::Columns columns;
    columns.question = "Prompt";
    columns.id = "url";
    auto reader = InputReader::open(csv("url,Prompt,text,price\nx,hello,not this,3\n"), columns);
    ASSERT_TRUE(reader) << reader.error().detail;
    EXPECT_EQ((*reader)->kind(), InputKind::csv);
    EXPECT_THAT((*reader)->ignored_columns(), ElementsAre("text", "price"));
    const auto all = read_all(**reader);
    ASSERT_THAT(ids_of(all), ElementsAre("x"));
    EXPECT_EQ(all.items[0].question, "hello");
    EXPECT_EQ((*reader)->done(), (*reader)->total());
}

TEST_F(CsvInput, a_head_line_that_does_not_do_is_told_with_what_was_probably_meant) {
    EXPECT_THAT(open_error(""), HasSubstr("is empty"));
    EXPECT_THAT(open_error("\n\n"), HasSubstr("is empty"));
    EXPECT_THAT(open_error("id,imgae\n1,a.jpg\n"), HasSubstr("in.csv:1: the first line must name the columns"));
    EXPECT_THAT(open_error("id,imgae\n1,a.jpg\n"), HasSubstr("\"imgae\"; did you mean \"image\"?"));
    EXPECT_THAT(open_error("id\n1\n"), HasSubstr("one of them a photo"));
    EXPECT_THAT(open_error("id;image\n1;a.jpg\n"), HasSubstr("not separated by commas"));
    EXPECT_THAT(open_error("image,photo\na.jpg,a.jpg\n"), HasSubstr("\"photo\" is the second"));
    EXPECT_THAT(open_error("\"id,image\n"), HasSubstr("in.csv:1: the quote"));
    InputReader::Columns columns;
    columns.photo = "pictrue";
    EXPECT_THAT(open_error("id,picture\n", columns), HasSubstr("no column is called \"pictrue\"; did you mean \"picture\"?"));
}

TEST_F(CsvInput, rows_that_do_not_do_are_told_with_their_line_and_the_rest_is_read) {
    const auto all =
        read_all(csv("id,image,question\n1,a.jpg\n,a.jpg,\n3,,\n4,none.jpg,\n5,a.jpg,ok\n6,\"x\"y,\n7,a.jpg,\xFF\n"));
    EXPECT_THAT(ids_of(all), ElementsAre("5"));
    EXPECT_THAT(all.errors,
                ElementsAre(HasSubstr("in.csv:2: the row has 2 fields, the head line 3"),
                            HasSubstr("in.csv:3: the id is empty"),
                            HasSubstr("in.csv:4: there is neither"),
                            HasSubstr("in.csv:5: the photo \"none.jpg\" is not there"),
                            HasSubstr("in.csv:7: field 2 goes on"),
                            HasSubstr("in.csv:8: question is not UTF-8")));
}

TEST_F(CsvInput, values_are_held_to_their_limits) {
    EXPECT_THAT(row_error("text,user_id", "a,bob"), HasSubstr("user_id \"bob\" is not a UUID"));
    EXPECT_THAT(row_error("image_url", "http://cdn.example/x.jpg"), HasSubstr("https://"));
    EXPECT_THAT(row_error("image_url", "https://"), HasSubstr("https://"));
    EXPECT_EQ(row_error("image_url", "HTTPS://cdn.example/x.jpg"), "");
    EXPECT_THAT(row_error("image,image_url", "a.jpg,https://cdn.example/x.jpg"), HasSubstr("give one of them"));
    EXPECT_THAT(row_error("image", "https://cdn.example/x.jpg"), HasSubstr("call the field image_url"));
    EXPECT_THAT(row_error("image", "\"data:image/png;base64,AA\""), HasSubstr("write it to a file"));
    EXPECT_THAT(row_error("image", "."), HasSubstr("is not a file"));
    EXPECT_EQ(row_error("id,text", std::string(512, 'x') + ",a"), "");
    EXPECT_THAT(row_error("id,text", std::string(513, 'x') + ",a"), HasSubstr("id has 513 bytes; at most 512"));
    EXPECT_EQ(row_error("text", std::string(2'000, 'x')), "");
    EXPECT_THAT(row_error("text", std::string(2'001, 'x')), HasSubstr("question has 2001 bytes; at most 2000"));
    EXPECT_THAT(row_error("text", std::string("a\0b", 3)), HasSubstr("zero byte"));
}

TEST_F(CsvInput, a_file_that_is_cut_at_any_byte_gives_items_or_errors_and_ends) {
    const std::string whole =
        "\xEF\xBB\xBFid,image,text\r\n1,\"a.jpg\",\"say \"\"\xEA\xB0\x80\"\"\r\nagain\"\r\n\r\n2,a.jpg,\r\n";
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const auto all = read_all(csv(std::string_view(whole).substr(0, size)));
        EXPECT_LE(all.items.size() + all.errors.size(), 2U) << size;
    }
}

}  // namespace
}  // namespace eco2::batch
