#include "batch/plan/csv.hpp"

#include "read_input.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>

namespace eco2::batch {
namespace {

using test::write_file;
using testing::ElementsAre;
using testing::HasSubstr;

class CsvTest : public testing::Test {
protected:
    /// Rows as "line: field|field"; an error as "!line: detail".
    std::vector<std::string> rows(std::string_view bytes, std::size_t row_bytes_max = 1'000) {
        auto reader = CsvReader::open(write_file(folder_.file("in.csv"), bytes), row_bytes_max);
        EXPECT_TRUE(reader);
        std::vector<std::string> out;
        std::vector<std::string> fields;
        for (int call = 0; call < 1'000; ++call) {
            const auto read = reader->next(fields);
            if (read && !*read) {
                return out;
            }
            std::string row = (read ? "" : "!") + std::to_string(reader->line()) + ": " + (read ? "" : read.error().detail);
            for (std::size_t i = 0; read && i < fields.size(); ++i) {
                row += (i == 0 ? "" : "|") + fields[i];
            }
            out.push_back(row);
        }
        ADD_FAILURE() << "there is no end";
        return out;
    }

    eco2::test::TemporaryFolder folder_;
};

TEST_F(CsvTest, reads_plain_fields_and_empty_ones) {
    EXPECT_THAT(rows("a,b,c\n"), ElementsAre("1: a|b|c"));
    EXPECT_THAT(rows("a,,\n,b,\n,,"), ElementsAre("1: a||", "2: |b|", "3: ||"));
    EXPECT_THAT(rows(" a , b"), ElementsAre("1:  a | b"));
}

TEST_F(CsvTest, line_ends_may_be_lf_or_crlf_and_blank_lines_are_no_rows) {
    EXPECT_THAT(rows("a,b\r\nc,\r\n\r\n\nd,e\r\n\r\n"), ElementsAre("1: a|b", "2: c|", "5: d|e"));
}

TEST_F(CsvTest, a_byte_order_mark_is_no_part_of_the_first_field) {
    EXPECT_THAT(rows("\xEF\xBB\xBF\"a\",b\n"), ElementsAre("1: a|b"));
}

TEST_F(CsvTest, quotes_may_hold_commas_quotes_and_line_ends) {
    EXPECT_THAT(rows("\"a,b\",\"say \"\"yes\"\"\",\"\"\n"), ElementsAre("1: a,b|say \"yes\"|"));
    EXPECT_THAT(rows("\"one\r\ntwo\n\nfour\",x\r\nb,\"\"\"\"\r\n"), ElementsAre("1: one\r\ntwo\n\nfour|x", "5: b|\""));
    EXPECT_THAT(rows("\"a\",b,\"c\r\nd\"\r\n"), ElementsAre("1: a|b|c\r\nd"));
    EXPECT_THAT(rows("\"\"\n"), ElementsAre("1: "));
}

TEST_F(CsvTest, a_stray_quote_is_told_and_the_next_line_is_read) {
    EXPECT_THAT(
        rows("a\n5\" disc,x\nb\n\"c\"d,e\nf\n"),
        ElementsAre("1: a", HasSubstr("!2: field 1 has a quote in it"), "3: b", HasSubstr("!4: field 1 goes on"), "5: f"));
}

TEST_F(CsvTest, a_quote_that_is_never_closed_ends_the_file_with_the_line_where_it_opens) {
    EXPECT_THAT(rows("a\nb,\"c\nd\ne\n"), ElementsAre("1: a", HasSubstr("!2: the quote that opens on line 2 is not closed;")));
    EXPECT_THAT(rows("\""), ElementsAre(HasSubstr("!1: the quote that opens on line 1")));
}

TEST_F(CsvTest, a_row_over_the_limit_is_refused_wherever_its_bytes_are) {
    EXPECT_THAT(rows("a\nbbbbbbbbbbbb\nc\n", 10), ElementsAre("1: a", HasSubstr("!2: the line is longer"), "3: c"));
    EXPECT_THAT(rows("a\n\"bbbbbb\nbbbbbb\nb\"\nc\n", 10),
                ElementsAre("1: a", HasSubstr("!2: the quote that opens on line 2")));
}

TEST_F(CsvTest, a_file_that_is_cut_at_any_byte_gives_rows_or_an_error_and_ends) {
    const std::string whole = "\xEF\xBB\xBFid,image,text\r\n1,\"a,b.jpg\",\"say \"\"yes\"\"\r\nagain\"\r\n\r\n2,c.jpg,\r\n";
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        EXPECT_LE(rows(whole.substr(0, size)).size(), 3U) << size;
    }
}

}  // namespace
}  // namespace eco2::batch
