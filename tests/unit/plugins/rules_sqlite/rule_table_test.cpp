#include "fixture.hpp"
#include "rules_sqlite/rule_files.hpp"

namespace rules_sqlite::test {
namespace {

RuleTable shipped_table() {
    auto rules = read_rule_directory(shipped_rules());
    EXPECT_TRUE(rules);
    return RuleTable(*std::move(rules), 1);
}

std::string file_of(const Rule* rule) {
    return rule == nullptr ? "none" : rule->file;
}

TEST(RuleTable, each_recyclable_middle_class_has_its_own_rule) {
    const RuleTable table = shipped_table();
    for (const char* middle : {"종이",
                               "종이팩",
                               "무색페트병",
                               "플라스틱류",
                               "비닐류",
                               "발포합성수지",
                               "유리병",
                               "금속류",
                               "의류및원단",
                               "전지",
                               "조명제품",
                               "전기전자제품"}) {
        EXPECT_EQ(file_of(table.find("재활용폐기물", middle)), std::string("재활용폐기물_") + middle);
    }
}

TEST(RuleTable, other_major_classes_have_one_rule_whatever_the_key_says) {
    const RuleTable table = shipped_table();
    for (const char* major :
         {"일반종량제폐기물", "불연성종량제폐기물", "음식물류폐기물", "공사장생활폐기물", "대형폐기물", "생활계유해폐기물"}) {
        EXPECT_EQ(file_of(table.find(major, major)), major);
        EXPECT_EQ(file_of(table.find(major, "")), major);
        EXPECT_EQ(file_of(table.find(major, "종이")), major);
    }
}

TEST(RuleTable, what_has_no_rule_finds_none) {
    const RuleTable table = shipped_table();
    EXPECT_EQ(file_of(table.find("미분류", "미분류")), "none");
    EXPECT_EQ(file_of(table.find("재활용폐기물", "목재")), "none");
    EXPECT_EQ(file_of(table.find("재활용폐기물", "")), "none");
    EXPECT_EQ(file_of(table.find("", "")), "none");
    EXPECT_EQ(file_of(table.find("", "종이")), "none");
}

TEST(RuleTable, names_are_compared_exactly) {
    const RuleTable table = shipped_table();
    EXPECT_EQ(file_of(table.find("재활용폐기물", " 종이")), "none");
    EXPECT_EQ(file_of(table.find("재활용폐기물 ", "종이")), "none");
    EXPECT_EQ(file_of(table.find("재활용폐기물_종이", "")), "none");
    EXPECT_EQ(file_of(table.find("../rules/대형폐기물", "")), "none");
    EXPECT_EQ(file_of(table.find("' OR 1=1 --", "종이")), "none");
    EXPECT_EQ(file_of(table.find("\xFF\xFE", std::string(100'000, 'x'))), "none");
}

TEST(RuleTable, an_empty_table_finds_none) {
    EXPECT_EQ(file_of(RuleTable().find("a", "b")), "none");
    EXPECT_EQ(RuleTable().size(), 0u);
}

}  // namespace
}  // namespace rules_sqlite::test
