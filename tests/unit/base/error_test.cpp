#include "base/error.hpp"

#include "base/result.hpp"

#include <gtest/gtest.h>

#include <set>

namespace eco2 {
namespace {

TEST(Errors, every_row_is_complete_and_its_name_unique) {
    std::set<std::string_view> names;
    for (const auto& row : all_errors()) {
        EXPECT_EQ(info(row.code).name, row.name);
        EXPECT_TRUE(names.insert(row.name).second) << row.name << " stands twice";
        EXPECT_FALSE(row.help.empty()) << row.name;
        EXPECT_TRUE(row.http_status >= 400 && row.http_status < 600) << row.name;
        EXPECT_EQ(row.name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), std::string_view::npos) << row.name;
    }
}

TEST(Errors, text_falls_back_to_the_help) {
    EXPECT_EQ(fail(Errc::draining).text(), "DRAINING: this host is stopping; ask again, another one will answer");
    EXPECT_EQ(fail(Errc::draining, "now").text(), "DRAINING: now");
}

TEST(Errors, value_of_a_failed_result_throws_its_text) {
    const Result<int> result = fail(Errc::io_failed, "no disk");
    try {
        (void)result.value();
        FAIL() << "did not throw";
    } catch (const ErrorException& e) {
        EXPECT_STREQ(e.what(), "IO_FAILED: no disk");
    }
}

}  // namespace
}  // namespace eco2
