#include "rules_sqlite/rule_store.hpp"

#include "fixture.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>
#include <utility>

namespace rules_sqlite::test {
namespace {

using Poco::Data::Keywords::now;
using ::testing::HasSubstr;

class Store : public Fixture {
protected:
    RuleStore::Options options(const std::filesystem::path& seed = {}) const { return {database_path(), seed.string(), 20}; }

    std::unique_ptr<RuleStore> open(const std::filesystem::path& seed = {}) const {
        auto store = RuleStore::open(options(seed));
        EXPECT_TRUE(store) << store.error().message;
        return store ? *std::move(store) : nullptr;
    }

    std::filesystem::path rules(std::string_view mark, int count = 18) const {
        const auto directory = folder(mark);
        write_rules(directory, count, mark);
        return directory;
    }
};

std::string mark_of(const RuleTable& table, std::string_view category = "R00") {
    const Rule* rule = table.find(category, "k");
    return rule == nullptr ? "none" : rule->body.substr(rule->body.find("mark") + 7, 1);
}

TEST_F(Store, an_empty_database_is_seeded_with_the_shipped_rules) {
    const auto store = open(shipped_rules());
    EXPECT_EQ(store->snapshot()->size(), 18u);
    EXPECT_EQ(store->health().version, 1);
    EXPECT_NE(store->snapshot()->find("재활용폐기물", "유리병"), nullptr);
}

TEST_F(Store, a_database_with_rules_is_not_seeded) {
    ASSERT_TRUE(open()->import_directory(rules("a")));
    const auto store = open(rules("b"));
    EXPECT_EQ(mark_of(*store->snapshot()), "a");
    EXPECT_EQ(store->health().version, 1);
}

TEST_F(Store, without_a_seed_it_starts_empty) {
    EXPECT_EQ(open()->health().rules, 0u);
}

TEST_F(Store, a_bad_seed_stops_the_start_and_leaves_no_rules) {
    const auto seed = rules("a");
    write_file(seed / "R17_k.json", "{");
    const auto store = RuleStore::open(options(seed));
    ASSERT_FALSE(store);
    EXPECT_THAT(store.error().message, HasSubstr("R17_k.json"));
    EXPECT_EQ(open()->health().rules, 0u);
}

TEST_F(Store, an_import_tells_its_number_and_version) {
    const auto store = open(rules("a"));
    const auto summary = store->import_directory(rules("b", 7));
    ASSERT_TRUE(summary);
    EXPECT_EQ(summary->imported, 7u);
    EXPECT_EQ(summary->version, 2);
    EXPECT_EQ(mark_of(*store->snapshot()), "b");
    EXPECT_EQ(open()->snapshot()->size(), 7u);
}

TEST_F(Store, a_bad_file_at_any_place_refuses_the_import_and_changes_nothing) {
    const auto store = open(rules("a"));
    for (int at = 0; at < 18; ++at) {
        const auto directory = rules("b");
        const std::string name = "R" + std::to_string(at / 10) + std::to_string(at % 10) + "_k.json";
        write_file(directory / name, "{\"category\":");
        const auto summary = store->import_directory(directory);
        ASSERT_FALSE(summary) << name;
        EXPECT_THAT(summary.error().message, HasSubstr(name));
        EXPECT_EQ(mark_of(*store->snapshot()), "a");
        EXPECT_FALSE(*store->refresh());
    }
    const auto again = open();
    EXPECT_EQ(mark_of(*again->snapshot()), "a");
    EXPECT_EQ(again->health().version, 1);
}

TEST_F(Store, an_old_snapshot_stays_as_it_was) {
    const auto store = open(rules("a"));
    const auto old = store->snapshot();
    const Rule* rule = old->find("R17", "k");
    ASSERT_TRUE(store->import_directory(rules("b", 2)));
    EXPECT_EQ(store->snapshot()->find("R17", "k"), nullptr);
    EXPECT_EQ(old->find("R17", "k"), rule);
    EXPECT_EQ(old->version(), 1);
    EXPECT_EQ(mark_of(*old, "R17"), "a");
}

TEST_F(Store, an_import_by_another_process_shows_after_a_refresh) {
    const auto store = open(rules("a"));
    EXPECT_FALSE(*store->refresh());
    ASSERT_TRUE(open()->import_directory(rules("b")));
    EXPECT_EQ(mark_of(*store->snapshot()), "a");
    EXPECT_TRUE(*store->refresh());
    EXPECT_EQ(mark_of(*store->snapshot()), "b");
    EXPECT_EQ(store->health().version, 2);
    EXPECT_FALSE(*store->refresh());
}

TEST_F(Store, a_locked_database_keeps_the_old_rules_and_is_read_later) {
    const auto store = open(rules("a"));
    ASSERT_TRUE(open()->import_directory(rules("b")));
    {
        auto session = other_session();
        session << "BEGIN EXCLUSIVE", now;
        const auto refreshed = store->refresh();
        ASSERT_FALSE(refreshed);
        EXPECT_EQ(refreshed.error().code, "database_locked");
        EXPECT_EQ(mark_of(*store->snapshot()), "a");
        EXPECT_THAT(store->health().problem, HasSubstr("database_locked"));
        session << "ROLLBACK", now;
    }
    EXPECT_TRUE(*store->refresh());
    EXPECT_EQ(mark_of(*store->snapshot()), "b");
    EXPECT_EQ(store->health().problem, "");
}

TEST_F(Store, a_damaged_database_keeps_the_old_rules_and_a_restored_one_is_read) {
    const auto store = open(rules("a"));
    std::filesystem::copy(database_path(), root() / "backup.db");
    write_file(database_path(), std::string(20'000, 'x'));
    for (int attempt = 0; attempt < 3; ++attempt) {
        const auto refreshed = store->refresh();
        ASSERT_FALSE(refreshed);
        EXPECT_EQ(refreshed.error().code, "database_damaged");
        EXPECT_EQ(mark_of(*store->snapshot()), "a");
    }
    EXPECT_FALSE(store->import_directory(rules("b")));
    EXPECT_EQ(mark_of(*store->snapshot()), "a");

    std::filesystem::rename(root() / "backup.db", database_path());
    EXPECT_TRUE(*store->refresh());
    EXPECT_EQ(store->health().problem, "");
    EXPECT_TRUE(store->import_directory(rules("b")));
    EXPECT_EQ(mark_of(*store->snapshot()), "b");
}

TEST_F(Store, a_change_whose_first_load_fails_is_loaded_by_the_next_refresh) {
    const auto store = open(rules("a"));
    {
        auto session = other_session();
        session << "UPDATE rules SET body = '[]' WHERE category = 'R05'", now;
        EXPECT_EQ(store->refresh().error().code, "database_damaged");
        EXPECT_EQ(store->refresh().error().code, "database_damaged");
        EXPECT_EQ(mark_of(*store->snapshot()), "a");
        session << "UPDATE rules SET body = '{\"mark\":\"c\"}'", now;
    }
    EXPECT_TRUE(*store->refresh());
    EXPECT_EQ(mark_of(*store->snapshot()), "c");
}

TEST_F(Store, a_database_that_was_emptied_keeps_the_old_rules) {
    const auto store = open(rules("a"));
    other_session() << "DELETE FROM rules", now;
    EXPECT_EQ(store->refresh().error().code, "no_rules");
    EXPECT_EQ(mark_of(*store->snapshot()), "a");
}

TEST_F(Store, look_ups_during_imports_see_whole_sets_only) {
    const auto a = rules("a");
    const auto b = rules("b");
    const auto store = open(a);
    std::atomic<bool> is_done{false};
    std::atomic<int> mixed{0};
    std::atomic<long> looked{0};
    const auto look = [&] {
        while (!is_done.load()) {
            const auto table = store->snapshot();
            const std::string first = mark_of(*table, "R00");
            const bool is_whole = mark_of(*table, "R09") == first && mark_of(*table, "R17") == first &&
                                  (table->version() % 2 == 1) == (first == "a");
            mixed += is_whole ? 0 : 1;
            ++looked;
        }
    };
    std::thread reader(look);
    std::thread refresher([&] {
        while (!is_done.load()) {
            EXPECT_TRUE(store->refresh());
        }
    });
    for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(store->import_directory(i % 2 == 0 ? b : a));
    }
    is_done = true;
    reader.join();
    refresher.join();
    EXPECT_EQ(mixed.load(), 0);
    EXPECT_GT(looked.load(), 0);
}

}  // namespace
}  // namespace rules_sqlite::test
