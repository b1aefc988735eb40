#include "rules_sqlite/rule_database.hpp"

#include "fixture.hpp"

#include <gmock/gmock.h>

#include <utility>

namespace rules_sqlite::test {
namespace {

using Poco::Data::Keywords::into;
using Poco::Data::Keywords::now;
using ::testing::HasSubstr;

constexpr int kShortWaitMs = 20;

class Database : public Fixture {
protected:
    std::unique_ptr<RuleDatabase> open() const {
        auto database = RuleDatabase::open(database_path(), kShortWaitMs);
        EXPECT_TRUE(database) << database.error().message;
        return database ? *std::move(database) : nullptr;
    }
};

/// "<version>:<how many>:<mark of all>", or the error's code.
std::string state(RuleDatabase& database) {
    const auto table = database.load();
    if (!table) {
        return table.error().code;
    }
    const Rule* first = table->find("R00", "k");
    return std::to_string(table->version()) + ":" + std::to_string(table->size()) + ":" + (first == nullptr ? "" : first->body);
}

TEST_F(Database, a_new_file_has_no_rules) {
    EXPECT_EQ(state(*open()), "0:0:");
}

TEST_F(Database, replaced_rules_are_there_after_opening_again) {
    const auto version = open()->replace(make_rules(18, "a"));
    ASSERT_TRUE(version);
    EXPECT_EQ(*version, 1);
    EXPECT_EQ(state(*open()), R"(1:18:{"mark":"a"})");
}

TEST_F(Database, replacing_takes_away_what_is_not_in_the_new_set) {
    const auto database = open();
    ASSERT_TRUE(database->replace(make_rules(18, "a")));
    ASSERT_TRUE(database->replace(make_rules(3, "b")));
    EXPECT_EQ(state(*database), R"(2:3:{"mark":"b"})");
}

TEST_F(Database, a_set_for_an_empty_database_leaves_others_alone) {
    const auto database = open();
    ASSERT_TRUE(database->replace(make_rules(18, "a"), RuleDatabase::When::only_if_empty));
    const auto version = database->replace(make_rules(3, "b"), RuleDatabase::When::only_if_empty);
    ASSERT_TRUE(version);
    EXPECT_EQ(*version, 1);
    EXPECT_EQ(state(*database), R"(1:18:{"mark":"a"})");
}

TEST_F(Database, names_and_bodies_are_data_and_no_statements) {
    const std::string nasty = "'; DROP TABLE rules; --\"?:1%_한";
    const auto database = open();
    ASSERT_TRUE(database->replace({{nasty, nasty, "{\"a\":\"'?\"}", nasty}}));
    const auto table = database->load();
    ASSERT_TRUE(table);
    ASSERT_NE(table->find(nasty, nasty), nullptr);
    EXPECT_EQ(table->find(nasty, nasty)->body, "{\"a\":\"'?\"}");
}

TEST_F(Database, a_write_that_fails_at_any_rule_changes_nothing) {
    const auto database = open();
    ASSERT_TRUE(database->replace(make_rules(18, "a")));
    for (std::size_t at = 1; at < 10; ++at) {
        auto rules = make_rules(10, "b");
        rules[at] = rules[0];  // the primary key refuses it
        const auto version = database->replace(rules);
        ASSERT_FALSE(version) << at;
        EXPECT_EQ(version.error().code, "database_failed");
        EXPECT_EQ(state(*database), R"(1:18:{"mark":"a"})") << at;
    }
    ASSERT_TRUE(database->replace(make_rules(10, "b")));
    EXPECT_EQ(state(*database), R"(2:10:{"mark":"b"})");
}

TEST_F(Database, a_writer_that_is_killed_half_way_leaves_the_old_rules) {
    ASSERT_TRUE(open()->replace(make_rules(18, "a")));
    const auto remains = folder("remains");
    {
        auto session = other_session();
        session << "PRAGMA cache_size = 1", now;  // so that half the transaction reaches the file
        session << "BEGIN IMMEDIATE", now;
        session << "DELETE FROM rules", now;
        session << "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) "
                   "INSERT INTO rules SELECT 'c' || i, '', '{\"x\":\"' || hex(zeroblob(2000)) || '\"}', 'f' FROM n",
            now;
        std::filesystem::copy(database_path(), remains / "rules.db");
        std::filesystem::copy(database_path() + "-journal", remains / "rules.db-journal");
    }
    ASSERT_GT(std::filesystem::file_size(remains / "rules.db"), 100'000u);
    auto database = RuleDatabase::open((remains / "rules.db").string(), kShortWaitMs);
    ASSERT_TRUE(database) << database.error().message;
    EXPECT_EQ(state(**database), R"(1:18:{"mark":"a"})");
}

TEST_F(Database, the_write_of_another_is_noticed_once_and_ones_own_is_not) {
    const auto mine = open();
    const auto other = open();
    ASSERT_TRUE(mine->replace(make_rules(2, "a")));
    EXPECT_FALSE(*mine->changed());
    EXPECT_TRUE(*other->changed());
    EXPECT_FALSE(*other->changed());
    ASSERT_TRUE(other->replace(make_rules(3, "b")));
    EXPECT_TRUE(*mine->changed());
    EXPECT_EQ(state(*mine), R"(2:3:{"mark":"b"})");
}

TEST_F(Database, a_file_that_was_moved_into_place_is_noticed_and_read) {
    const auto database = open();
    ASSERT_TRUE(database->replace(make_rules(2, "a")));
    std::filesystem::copy(database_path(), root() / "backup.db");
    ASSERT_TRUE(database->replace(make_rules(5, "b")));
    std::filesystem::rename(root() / "backup.db", database_path());
    EXPECT_TRUE(*database->changed());
    EXPECT_EQ(state(*database), R"(1:2:{"mark":"a"})");
}

TEST_F(Database, a_file_that_is_gone_is_an_error) {
    const auto database = open();
    std::filesystem::remove(database_path());
    const auto changed = database->changed();
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().code, "database_failed");
    EXPECT_THAT(changed.error().message, HasSubstr(database_path()));
}

TEST_F(Database, a_lock_of_another_is_told_and_leaves_the_object_usable) {
    const auto database = open();
    ASSERT_TRUE(database->replace(make_rules(2, "a")));
    {
        auto session = other_session();
        session << "BEGIN EXCLUSIVE", now;
        EXPECT_EQ(state(*database), "database_locked");
        EXPECT_EQ(database->replace(make_rules(3, "b")).error().code, "database_locked");
        const auto opened = RuleDatabase::open(database_path(), kShortWaitMs);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, "database_locked");
        EXPECT_THAT(opened.error().message, HasSubstr(database_path()));
        session << "ROLLBACK", now;
    }
    EXPECT_EQ(state(*database), R"(1:2:{"mark":"a"})");
    EXPECT_TRUE(database->replace(make_rules(3, "b")));
}

TEST_F(Database, a_file_that_is_no_database_is_refused) {
    write_file(database_path(), std::string(8192, 'x'));
    const auto database = RuleDatabase::open(database_path(), kShortWaitMs);
    ASSERT_FALSE(database);
    EXPECT_EQ(database.error().code, "database_damaged");
    EXPECT_THAT(database.error().message, HasSubstr(database_path()));
}

TEST_F(Database, a_file_cut_at_any_page_gives_an_error_and_never_half_the_rules) {
    ASSERT_TRUE(open()->replace(make_rules(99, std::string(300, 'a'))));
    const std::string whole = read_whole(database_path());
    ASSERT_GT(whole.size(), 5u * 4096);
    for (std::size_t size = 512; size < whole.size(); size += 512) {
        write_file(database_path(), std::string_view(whole).substr(0, size));
        const auto database = RuleDatabase::open(database_path(), kShortWaitMs);
        if (database) {
            EXPECT_FALSE((*database)->load()) << size;
        }
    }
}

TEST_F(Database, a_body_that_is_no_json_object_is_damage) {
    const auto database = open();
    for (const char* body : {"", "[]", "{", "{} {}"}) {
        ASSERT_TRUE(database->replace({{"c", "", body, "the_file"}}));
        const auto table = database->load();
        ASSERT_FALSE(table) << body;
        EXPECT_EQ(table.error().code, "database_damaged");
        EXPECT_THAT(table.error().message, HasSubstr("the_file"));
    }
}

TEST_F(Database, a_layout_of_a_newer_version_is_refused) {
    { open(); }
    other_session() << "PRAGMA user_version = 2", now;
    const auto database = RuleDatabase::open(database_path(), kShortWaitMs);
    ASSERT_FALSE(database);
    EXPECT_EQ(database.error().code, "database_layout");
}

TEST_F(Database, a_file_in_wal_mode_is_turned_back) {
    { open(); }
    other_session() << "PRAGMA journal_mode = WAL", now;
    ASSERT_NE(open(), nullptr);
    std::string mode;
    other_session() << "PRAGMA journal_mode", into(mode), now;
    EXPECT_EQ(mode, "delete");
}

TEST_F(Database, a_folder_that_does_not_exist_is_an_error) {
    const auto database = RuleDatabase::open((root() / "no" / "rules.db").string(), kShortWaitMs);
    ASSERT_FALSE(database);
    EXPECT_EQ(database.error().code, "database_failed");
}

}  // namespace
}  // namespace rules_sqlite::test
