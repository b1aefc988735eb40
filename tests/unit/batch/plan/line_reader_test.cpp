#include "batch/plan/line_reader.hpp"

#include "read_input.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

namespace eco2::batch {
namespace {

using test::write_file;
using testing::ElementsAre;
using testing::HasSubstr;

class LineReaderTest : public testing::Test {
protected:
    /// Lines; an error as "!line: detail".
    std::vector<std::string> lines(std::string_view bytes, std::size_t line_bytes_max = 100) {
        auto reader = LineReader::open(write_file(folder_.file("in"), bytes), line_bytes_max);
        EXPECT_TRUE(reader);
        std::vector<std::string> out;
        for (int call = 0; call < 1'000; ++call) {
            const auto line = reader->next();
            if (!line) {
                out.push_back("!" + std::to_string(reader->line()));
            } else if (*line) {
                out.emplace_back(**line);
            } else {
                EXPECT_EQ(reader->done(), static_cast<std::int64_t>(bytes.size()));
                EXPECT_EQ(reader->total(), static_cast<std::int64_t>(bytes.size()));
                return out;
            }
        }
        ADD_FAILURE() << "there is no end";
        return out;
    }

    eco2::test::TemporaryFolder folder_;
};

TEST_F(LineReaderTest, gives_lines_with_and_without_a_last_line_end) {
    EXPECT_THAT(lines(""), ElementsAre());
    EXPECT_THAT(lines("\n"), ElementsAre(""));
    EXPECT_THAT(lines("a\nb"), ElementsAre("a", "b"));
    EXPECT_THAT(lines("a\r\n\nb\n"), ElementsAre("a\r", "", "b"));
}

TEST_F(LineReaderTest, passes_over_a_byte_order_mark_at_the_start_only) {
    EXPECT_THAT(lines("\xEF\xBB\xBF"), ElementsAre());
    EXPECT_THAT(lines("\xEF\xBB\xBFone\n\xEF\xBB\xBFtwo\n"), ElementsAre("one", "\xEF\xBB\xBFtwo"));
}

TEST_F(LineReaderTest, a_line_that_is_too_long_is_told_and_the_next_one_is_read) {
    EXPECT_THAT(lines("abc\nabcd\nabc\n", 3), ElementsAre("abc", "!2", "abc"));
    EXPECT_THAT(lines("abc\nabcd", 3), ElementsAre("abc", "!2"));
    const std::string long_line(3'000'000, 'x');  // many times what is read at once
    EXPECT_THAT(lines("a\n" + long_line + "\nb\n", 1'000), ElementsAre("a", "!2", "b"));
    EXPECT_THAT(lines("a\n" + long_line, 1'000), ElementsAre("a", "!2"));
}

TEST_F(LineReaderTest, a_long_line_is_whole_wherever_the_reads_cut_it) {
    for (const std::size_t size : {256U * 1024 - 1, 256U * 1024, 256U * 1024 + 1, 700'000U}) {
        const std::string line(size, 'x');
        EXPECT_THAT(lines(line + "\n" + line + "\nb", size), ElementsAre(line, line, "b"));
    }
}

TEST_F(LineReaderTest, what_is_no_regular_file_is_refused_at_once) {
    EXPECT_THAT(LineReader::open(folder_.file("none"), 10).error().detail, HasSubstr("No such file"));
    EXPECT_THAT(LineReader::open(folder_.path().string(), 10).error().detail, HasSubstr("not a regular file"));
    ASSERT_EQ(::mkfifo(folder_.file("pipe").c_str(), 0600), 0);
    EXPECT_THAT(LineReader::open(folder_.file("pipe"), 10).error().detail, HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace eco2::batch
