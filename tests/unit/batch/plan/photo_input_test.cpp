#include "read_input.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>

#include <filesystem>

namespace eco2::batch {
namespace {

namespace fs = std::filesystem;
using test::ids_of;
using test::read_all;
using test::write_file;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PhotoInput : public testing::Test {
protected:
    void photo(const std::string& name) {
        fs::create_directories(folder_.path() / fs::path(name).parent_path());
        write_file(folder_.file(name), "photo");
    }
    std::string error(const std::string& input) { return InputReader::open(input).error().detail; }

    eco2::test::TemporaryFolder folder_;
};

TEST_F(PhotoInput, a_folder_gives_its_photos_in_byte_order_and_counts_the_rest) {
    for (const auto* name :
         {"b.jpg", "a.jpeg", "B.JPG", "\xEA\xB0\x80.png", "c.webp", ".hidden.jpg", "notes.txt", "jpg", "below/d.jpg"}) {
        photo(name);
    }
    auto reader = InputReader::open(folder_.path().string());
    ASSERT_TRUE(reader) << reader.error().detail;
    EXPECT_EQ((*reader)->kind(), InputKind::photos);
    EXPECT_EQ((*reader)->total(), 5);
    EXPECT_EQ((*reader)->left_out(), 3);
    const auto all = read_all(**reader);
    EXPECT_THAT(all.errors, IsEmpty());
    EXPECT_THAT(ids_of(all), ElementsAre("B.JPG", "a.jpeg", "b.jpg", "c.webp", "\xEA\xB0\x80.png"));
    EXPECT_EQ(all.items[1].photo, folder_.file("a.jpeg"));
    EXPECT_EQ(all.items[1].line, 2);
    EXPECT_EQ((*reader)->done(), 5);
}

TEST_F(PhotoInput, a_glob_reads_folders_and_names_photos_from_where_it_begins) {
    for (const auto* name : {"glass/b.jpg", "glass/a.png", "can/z.jpg", ".git/c.jpg", "can/.z.jpg", "top.jpg"}) {
        photo(name);
    }
    EXPECT_THAT(ids_of(read_all(folder_.file("*/*.jpg"))), ElementsAre("can/z.jpg", "glass/b.jpg"));
    EXPECT_THAT(ids_of(read_all(folder_.file("g*/?.[jp]*g"))), ElementsAre("glass/a.png", "glass/b.jpg"));
    EXPECT_THAT(ids_of(read_all(folder_.file("glass/*"))), ElementsAre("a.png", "b.jpg"));
    EXPECT_EQ(read_all(folder_.file("*/*.jpg")).items[0].photo, folder_.file("can/z.jpg"));
    auto reader = InputReader::open(folder_.file("can/*"));
    ASSERT_TRUE(reader);
    EXPECT_EQ((*reader)->left_out(), 1);
}

TEST_F(PhotoInput, a_name_with_wild_cards_that_is_there_is_taken_as_it_is) {
    photo("a[1].jpg");
    EXPECT_THAT(ids_of(read_all(folder_.file("a[1].jpg"))), ElementsAre("a[1].jpg"));
}

TEST_F(PhotoInput, a_single_photo_is_an_input) {
    photo("a.jpg");
    const auto all = read_all(folder_.file("a.jpg"));
    EXPECT_THAT(ids_of(all), ElementsAre("a.jpg"));
    EXPECT_EQ(all.items[0].photo, folder_.file("a.jpg"));
}

TEST_F(PhotoInput, what_is_not_there_is_told_with_what_to_do) {
    EXPECT_THAT(error(folder_.file("none")), HasSubstr("is not there"));
    EXPECT_THAT(error(folder_.file("*.jpg")), HasSubstr("no photo is in"));
    EXPECT_THAT(error(folder_.file("**/*.jpg")), HasSubstr("photos/*/*.jpg"));
    EXPECT_THAT(error(folder_.path().string()), HasSubstr("no photo is in"));
    photo("below/a.jpg");
    EXPECT_THAT(error(folder_.path().string()), HasSubstr("/*/*\""));
    write_file(folder_.file("in.json"), "[]");
    EXPECT_THAT(error(folder_.file("in.json")), HasSubstr("one object a line"));
    write_file(folder_.file("in.csv.gz"), "x");
    EXPECT_THAT(error(folder_.file("in.csv.gz")), HasSubstr("unpack"));
}

TEST_F(PhotoInput, a_photo_that_cannot_be_used_is_told_and_the_next_one_is_read) {
    photo("a.jpg");
    write_file(folder_.file("b.jpg"), "");
    fs::create_symlink("nowhere", folder_.file("c.jpg"));
    photo("d\xFF.jpg");
    photo("e.jpg");
    const auto all = read_all(folder_.path().string());
    EXPECT_THAT(ids_of(all), ElementsAre("a.jpg", "b.jpg", "e.jpg")) << "one without a byte is broken as others are";
    EXPECT_THAT(all.errors, ElementsAre(HasSubstr("is not there"), HasSubstr("UTF-8")));
    EXPECT_EQ(all.items[2].line, 5);
}

}  // namespace
}  // namespace eco2::batch
