#include "store/ledger_file.hpp"

#include "store/sqlite_file.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>
#include <string>

namespace eco2::store {
namespace {

using Poco::Data::Keywords::now;
using testing::HasSubstr;

class LedgerFileTest : public testing::Test {
protected:
    LedgerFileTest() : path_(folder_.file("data/ledger.db")), file_(LedgerFile::Options(path_)) {
        const auto prepared = file_.prepare();
        EXPECT_TRUE(prepared) << prepared.error().detail;
    }

    static LedgerKey key(std::string day, std::string caller, std::string model = "gpt") {
        LedgerKey made;
        made.day = std::move(day);
        made.caller = std::move(caller);
        made.provider = "openai";
        made.model = std::move(model);
        return made;
    }

    void add(const LedgerKey& where, const LedgerSums& sums) {
        const auto added = file_.add({{where, sums}});
        EXPECT_TRUE(added) << added.error().detail;
    }

    test::TemporaryFolder folder_;
    std::string path_;
    LedgerFile file_;
};

TEST_F(LedgerFileTest, sums_of_one_kind_become_one_row) {
    add(key("2026-01-01", "alice"), {1, 0, 10, 20, 5, 100});
    add(key("2026-01-01", "alice"), {2, 1, 1, 2, 3, 4});
    const auto rows = file_.rows();
    ASSERT_TRUE(rows) << rows.error().detail;
    ASSERT_EQ(rows->size(), 1U);
    EXPECT_EQ(rows->begin()->second, (LedgerSums{3, 1, 11, 22, 8, 104}));
    EXPECT_EQ(rows->begin()->first, key("2026-01-01", "alice"));
}

TEST_F(LedgerFileTest, each_part_of_a_key_makes_a_row_of_its_own) {
    LedgerRows rows;
    const auto with = [&](auto change) {
        auto changed = key("2026-01-01", "alice");
        change(changed);
        rows[changed] = {1, 0, 1, 1, 0, 1};
    };
    with([](LedgerKey&) {});
    with([](LedgerKey& k) { k.day = "2026-01-02"; });
    with([](LedgerKey& k) { k.caller = "bob"; });
    with([](LedgerKey& k) { k.provider = "azure"; });
    with([](LedgerKey& k) { k.key = "second"; });
    with([](LedgerKey& k) { k.model = "other"; });
    with([](LedgerKey& k) { k.route = "*"; });
    with([](LedgerKey& k) { k.price_version = "v2"; });
    with([](LedgerKey& k) { k.is_estimated = true; });
    with([](LedgerKey& k) { k.outcome = LedgerOutcome::failed; });
    with([](LedgerKey& k) { k.outcome = LedgerOutcome::cancelled; });
    ASSERT_EQ(rows.size(), 11U);
    ASSERT_TRUE(file_.add(rows));
    EXPECT_EQ(file_.rows().value(), rows);
}

TEST_F(LedgerFileTest, groups_say_what_was_estimated_failed_and_cancelled) {
    add(key("2026-01-01", "alice"), {1, 0, 10, 20, 5, 100});
    auto estimated = key("2026-01-02", "alice");
    estimated.is_estimated = true;
    estimated.outcome = LedgerOutcome::cancelled;
    add(estimated, {2, 1, 3, 4, 0, 7});
    auto failed = key("2026-01-02", "bob");
    failed.outcome = LedgerOutcome::failed;
    add(failed, {5, 0, 1, 0, 0, 1'000});

    const auto days = file_.groups({LedgerFile::By::day, ""}).value();
    ASSERT_EQ(days.size(), 2U);
    EXPECT_EQ(days[0].name, "2026-01-01");
    EXPECT_EQ(days[1].sums, (LedgerSums{7, 1, 4, 4, 0, 1'007}));
    EXPECT_EQ(days[1].estimated, (LedgerSums{2, 1, 3, 4, 0, 7}));
    EXPECT_EQ(days[1].failed, 5);
    EXPECT_EQ(days[1].cancelled, 2);

    const auto callers = file_.groups({LedgerFile::By::caller, ""}).value();
    ASSERT_EQ(callers.size(), 2U);
    EXPECT_EQ(callers[0].name, "bob") << "dearest first";
    EXPECT_EQ(file_.groups({LedgerFile::By::caller, "2026-01-02"}).value().at(1).sums.cost_picousd, 7);
    for (const auto by : {LedgerFile::By::provider, LedgerFile::By::key, LedgerFile::By::model, LedgerFile::By::route}) {
        const auto groups = file_.groups({by, ""}).value();
        ASSERT_EQ(groups.size(), 1U);
        EXPECT_EQ(groups[0].sums.cost_picousd, 1'107);
    }
    EXPECT_TRUE(file_.groups({LedgerFile::By::day, "2027-01-01"}).value().empty());
}

TEST_F(LedgerFileTest, what_callers_have_spent_leaves_nobody_out_but_nobody) {
    add(key("2026-01-01", "alice"), {1, 0, 0, 0, 0, 100});
    add(key("2026-02-01", "alice", "other"), {1, 0, 0, 0, 0, 11});
    add(key("2026-01-01", ""), {1, 0, 0, 0, 0, 5});
    const auto spent = file_.spent().value();
    ASSERT_EQ(spent.size(), 1U);
    EXPECT_EQ(spent.at("alice"), 111);
}

TEST_F(LedgerFileTest, names_may_hold_anything) {
    auto odd = key("2026-01-01", "o'brien\"; DROP TABLE attempts;--", "모델\n");
    odd.provider = "";
    add(odd, {1, 0, 1, 1, 1, 1});
    EXPECT_EQ(file_.rows().value().begin()->first, odd);
}

TEST_F(LedgerFileTest, the_file_is_its_users_alone_and_opens_again) {
    add(key("2026-01-01", "alice"), {1, 0, 10, 20, 5, 100});
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    LedgerFile again{LedgerFile::Options(path_)};
    ASSERT_TRUE(again.prepare());
    EXPECT_EQ(again.rows().value(), file_.rows().value());
}

TEST_F(LedgerFileTest, a_newer_schema_is_refused_untouched) {
    {
        SqliteConnection connection({path_, std::chrono::milliseconds(100)});
        connection.session() << "UPDATE schema_version SET version = 99", now;
    }
    LedgerFile again{LedgerFile::Options(path_)};
    const auto prepared = again.prepare();
    ASSERT_FALSE(prepared);
    EXPECT_EQ(prepared.error().code, Errc::store_failed);
    EXPECT_THAT(prepared.error().detail, HasSubstr("its schema is 99"));
}

TEST_F(LedgerFileTest, a_reader_writes_nothing) {
    add(key("2026-01-01", "alice"), {1, 0, 10, 20, 5, 100});
    LedgerFile::Options options(path_);
    options.is_read_only = true;
    LedgerFile reader(options);
    EXPECT_EQ(reader.rows().value().size(), 1U);
    EXPECT_FALSE(reader.add({{key("2026-01-01", "bob"), {1, 0, 0, 0, 0, 1}}}));
    EXPECT_EQ(file_.rows().value().size(), 1U);
}

TEST_F(LedgerFileTest, a_file_that_is_full_takes_all_of_a_write_or_nothing) {
    LedgerFile::Options options(path_);
    options.pages_max = 8;
    LedgerFile small(options);
    LedgerRows many;
    for (int i = 0; i < 2'000; ++i) {
        many[key("2026-01-01", "caller " + std::to_string(i))] = {1, 0, 1, 1, 0, 1};
    }
    EXPECT_FALSE(small.add(many));
    EXPECT_TRUE(file_.rows().value().empty());
    EXPECT_TRUE(small.add({{key("2026-01-01", "alice"), {1, 0, 1, 1, 0, 1}}})) << "the next one is tried anew";
}

}  // namespace
}  // namespace eco2::store
