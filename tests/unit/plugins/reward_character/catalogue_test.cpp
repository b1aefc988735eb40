#include "reward_character/catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace reward_character {
namespace {

using ::testing::HasSubstr;

const std::string kPaper = R"({"code":"c1","name":"n","type":"t","dialog":"d","match":"종이"})";

TEST(Catalogue, the_shipped_one_has_thirteen_characters) {
    const auto catalogue = Catalogue::load(ECO2_CONFIG_DIR "/data/characters.json");
    ASSERT_TRUE(catalogue) << catalogue.error().message;
    EXPECT_EQ(catalogue->size(), 13u);
    ASSERT_NE(catalogue->find("전기전자제품"), nullptr);
    EXPECT_EQ(catalogue->find("전기전자제품")->name, "일렉");
    EXPECT_EQ(catalogue->find("전기전자제품")->code, "char-eb7429f0523f");
    EXPECT_EQ(catalogue->find("종이 "), nullptr);
}

TEST(Catalogue, a_file_that_is_not_there_is_an_error) {
    const auto catalogue = Catalogue::load("/no/such/characters.json");
    ASSERT_FALSE(catalogue);
    EXPECT_EQ(catalogue.error().code, "bad_catalogue");
    EXPECT_THAT(catalogue.error().message, HasSubstr("/no/such/characters.json"));
}

TEST(Catalogue, a_directory_in_place_of_a_file_is_an_error) {
    EXPECT_FALSE(Catalogue::load(ECO2_CONFIG_DIR));
}

TEST(Catalogue, a_text_cut_at_any_byte_is_refused) {
    const std::string whole = "[" + kPaper + "]";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(Catalogue::parse(std::string_view(whole).substr(0, size), "f")) << size;
    }
    EXPECT_TRUE(Catalogue::parse(whole, "f"));
}

TEST(Catalogue, a_bad_one_is_refused_with_the_place_and_the_reason) {
    const auto with = [](std::string_view from, std::string_view to) {
        std::string text = kPaper;
        return text.replace(text.find(from), from.size(), to);
    };
    const std::vector<std::pair<std::string, std::string>> bad{
        {"[]", "at least one"},
        {"{}", "at least one"},
        {"null", "at least one"},
        {"[1]", "entry 1 is no object"},
        {"[" + kPaper + ",{}]", "entry 2 has no text `code`"},
        {"[" + with(R"("n")", "1") + "]", "entry 1 has no text `name`"},
        {"[" + with(R"("종이")", "null") + "]", "entry 1 has no text `match`"},
        {"[" + with(R"("c1")", R"("")") + "]", "entry 1 has an empty `code`"},
        {"[" + with(R"("종이")", R"("")") + "]", "entry 1 has an empty `match`"},
        {"[" + with(R"({)", R"({"x":1,)") + "]", "entry 1 has a key"},
        {"[" + kPaper + "," + with("종이", "전지") + "]", "entry 2 repeats the code"},
        {"[" + kPaper + "," + with("c1", "c2") + "]", "entry 2 repeats the match"},
    };
    for (const auto& [text, reason] : bad) {
        const auto catalogue = Catalogue::parse(text, "the_file");
        ASSERT_FALSE(catalogue) << text;
        EXPECT_THAT(catalogue.error().message, HasSubstr("the_file: "));
        EXPECT_THAT(catalogue.error().message, HasSubstr(reason));
    }
}

TEST(Catalogue, type_and_dialog_may_be_empty) {
    EXPECT_TRUE(Catalogue::parse(R"([{"code":"c","name":"n","type":"","dialog":"","match":"m"}])", "f"));
}

}  // namespace
}  // namespace reward_character
