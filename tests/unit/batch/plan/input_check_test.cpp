#include "read_input.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <set>

namespace eco2::batch {
namespace {

using test::write_file;
using testing::HasSubstr;

InputItem item(const std::string& id, std::int64_t line) {
    InputItem made;
    made.id = id;
    made.question = "why?";
    made.line = line;
    return made;
}

InputItem request(const std::string& id, std::int64_t line, const std::string& model, const std::string& endpoint) {
    InputItem made;
    made.id = id;
    made.body = "{}";
    made.model = model;
    made.endpoint = endpoint;
    made.line = line;
    return made;
}

std::string fingerprint(const std::vector<InputItem>& items) {
    InputCheck check;
    for (const auto& one : items) {
        EXPECT_TRUE(check.add(one));
    }
    return check.fingerprint();
}

TEST(InputCheck, an_id_that_stands_twice_is_told_with_both_lines) {
    InputCheck check;
    EXPECT_TRUE(check.add(item("a", 3)));
    EXPECT_TRUE(check.add(item("b", 4)));
    EXPECT_EQ(check.add(item("a", 7)).error().detail, "line 7: the id \"a\" stands on line 3 already");
    EXPECT_EQ(check.add(item("a", 8)).error().detail, "line 8: the id \"a\" stands on line 3 already");
    EXPECT_TRUE(check.add(item("A", 9)));
}

TEST(InputCheck, finds_each_of_many_ids_again) {
    InputCheck check;
    constexpr int kItems = 30'000;
    for (int i = 1; i <= kItems; ++i) {
        ASSERT_TRUE(check.add(item("id-" + std::to_string(i), i)));
    }
    for (int i = 1; i <= kItems; i += 7) {
        const auto again = check.add(item("id-" + std::to_string(i), kItems + 1));
        ASSERT_THAT(again.error().detail, HasSubstr("stands on line " + std::to_string(i) + " already"));
    }
}

TEST(InputCheck, requests_are_for_one_model_and_one_endpoint) {
    InputCheck check;
    EXPECT_TRUE(check.add(request("a", 1, "m", "/v1/responses")));
    EXPECT_THAT(check.add(request("b", 2, "n", "/v1/responses")).error().detail,
                HasSubstr("line 2: the model \"n\" is not \"m\", which line 1 has"));
    EXPECT_THAT(check.add(request("c", 3, "m", "/v1/embeddings")).error().detail,
                HasSubstr("line 3: the url \"/v1/embeddings\" is not \"/v1/responses\", which line 1 has"));
    EXPECT_TRUE(check.add(request("b", 4, "m", "/v1/responses")));
}

TEST(InputCheck, the_fingerprint_changes_with_each_field_the_order_and_the_number_but_not_with_lines) {
    const auto base = std::vector{item("a", 1), item("b", 2)};
    EXPECT_EQ(fingerprint(base).size(), 64U);
    EXPECT_EQ(fingerprint(base), fingerprint({item("a", 5), item("b", 9)}));
    std::set<std::string> seen{
        fingerprint(base), fingerprint({item("b", 1), item("a", 2)}), fingerprint({item("a", 1)}), fingerprint({})};
    std::size_t expected = 4;
    for (auto field : {&InputItem::id,
                       &InputItem::photo,
                       &InputItem::image_url,
                       &InputItem::question,
                       &InputItem::user_id,
                       &InputItem::language,
                       &InputItem::label,
                       &InputItem::body,
                       &InputItem::model,
                       &InputItem::endpoint}) {
        auto edited = base;
        edited[1].*field += "x";
        seen.insert(fingerprint(edited));
        EXPECT_EQ(seen.size(), ++expected);
    }
    // What moves from one field to the next is another input.
    auto left = base;
    left[0].user_id = "ab";
    auto right = base;
    right[0].user_id = "a";
    right[0].language = "b";
    EXPECT_NE(fingerprint(left), fingerprint(right));
}

TEST(InputCheck, the_fingerprint_sees_that_a_photo_was_changed) {
    eco2::test::TemporaryFolder folder;
    auto photo = item("a", 1);
    photo.photo = write_file(folder.file("a.jpg"), "one");
    const auto before = fingerprint({photo});
    EXPECT_EQ(fingerprint({photo}), before);
    const auto time = std::filesystem::last_write_time(photo.photo);
    write_file(photo.photo, "three");
    std::filesystem::last_write_time(photo.photo, time);
    const auto longer = fingerprint({photo});
    EXPECT_NE(longer, before);
    std::filesystem::last_write_time(photo.photo, time + std::chrono::milliseconds(1));
    EXPECT_NE(fingerprint({photo}), longer);
    std::filesystem::remove(photo.photo);
    EXPECT_NE(fingerprint({photo}), longer);
}

TEST(InputCheck, an_item_that_was_refused_is_not_in_the_fingerprint) {
    InputCheck check;
    EXPECT_TRUE(check.add(item("a", 1)));
    EXPECT_FALSE(check.add(item("a", 2)));
    EXPECT_EQ(check.fingerprint(), fingerprint({item("a", 1)}));
}

}  // namespace
}  // namespace eco2::batch
