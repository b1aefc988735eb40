#include "fake_provider/file_shelf.hpp"

#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace eco2::fake {
namespace {

std::string kept(FileShelf& shelf, const std::string& bytes) {
    Result<std::unique_ptr<Draft>> draft = shelf.begin();
    EXPECT_TRUE(draft);
    // In pieces of every size, so that some pass the buffer and some do not.
    std::size_t size = 1;
    for (std::string_view rest = bytes; !rest.empty(); size = size * 3 + 1) {
        EXPECT_TRUE((*draft)->append(rest.substr(0, size)));
        rest.remove_prefix(std::min(size, rest.size()));
    }
    const Result<FileObject> put = shelf.put(*std::move(draft), {});
    EXPECT_TRUE(put);
    EXPECT_EQ(put->bytes, static_cast<std::int64_t>(bytes.size()));
    return put->id;
}

std::string all_of(const DiskFile& file) {
    std::string out(static_cast<std::size_t>(file.bytes()) + 10, '\0');
    const Result<std::size_t> got = file.read(0, out.data(), out.size());
    EXPECT_TRUE(got);
    out.resize(got ? *got : 0);
    return out;
}

TEST(FakeFileShelf, a_file_that_is_read_outlives_its_name_and_the_shelfs_end) {
    const test::TemporaryFolder parent;
    std::string bytes(2'000'000, 'a');
    for (std::size_t i = 0; i < bytes.size(); i += 7) {
        bytes[i] = static_cast<char>('a' + i % 26);
    }
    auto shelf = std::make_unique<FileShelf>(parent.path());
    const std::string id = kept(*shelf, bytes);
    std::shared_ptr<const DiskFile> file = shelf->find(id, 0)->bytes;
    EXPECT_TRUE(shelf->remove(id));
    EXPECT_FALSE(shelf->find(id, 0));
    EXPECT_EQ(all_of(*file), bytes);
    shelf->clear();
    EXPECT_EQ(all_of(*file), bytes);
    shelf.reset();
    EXPECT_EQ(all_of(*file), bytes);
    file.reset();
    EXPECT_TRUE(std::filesystem::is_empty(parent.path()));
}

TEST(FakeFileShelf, a_draft_that_is_finished_after_everything_was_forgotten_is_a_new_file) {
    const test::TemporaryFolder parent;
    FileShelf shelf(parent.path());
    Result<std::unique_ptr<Draft>> late = shelf.begin();
    Result<std::unique_ptr<Draft>> dropped = shelf.begin();
    ASSERT_TRUE(late && dropped);
    ASSERT_TRUE((*late)->append("begin "));
    shelf.clear();
    kept(shelf, "other");
    ASSERT_TRUE((*late)->append("end"));
    const Result<FileObject> put = shelf.put(*std::move(late), {});
    ASSERT_TRUE(put);
    EXPECT_EQ(all_of(*shelf.find(put->id, 0)->bytes), "begin end");
    (*dropped).reset();
    EXPECT_EQ(shelf.list(0).size(), 2U);
    shelf.clear();
    EXPECT_TRUE(std::filesystem::is_empty(parent.path()));
}

TEST(FakeFileShelf, lines_are_the_same_wherever_the_reader_rests) {
    const test::TemporaryFolder parent;
    FileShelf shelf(parent.path());
    std::vector<std::string> lines;
    std::string bytes;
    for (int i = 0; i < 40; ++i) {
        // One is longer than a read.
        lines.push_back(
            std::string(i == 20 ? 700'000 : static_cast<std::size_t>(i * 13 % 50), static_cast<char>('a' + i % 26)));
        bytes += lines.back() + "\n";
    }
    lines.push_back("no line feed");
    bytes += lines.back();
    const std::string id = kept(shelf, bytes);
    for (std::size_t step = 1; step <= lines.size() + 1; ++step) {
        LineReader reader(shelf.find(id, 0)->bytes);
        for (std::size_t i = 0; i < lines.size(); ++i) {
            const auto line = reader.next();
            ASSERT_TRUE(line && *line);
            ASSERT_EQ(**line, lines[i]) << step;
            ASSERT_EQ(reader.line(), static_cast<std::int64_t>(i + 1));
            if ((i + 1) % step == 0) {
                reader.rest();
            }
        }
        const auto end = reader.next();
        ASSERT_TRUE(end);
        EXPECT_FALSE(*end);
    }
}

}  // namespace
}  // namespace eco2::fake
