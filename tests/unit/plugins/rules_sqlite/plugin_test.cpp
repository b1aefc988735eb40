#include "fixture.hpp"

#include "eco2/testing/fake_host.hpp"
#include "eco2/testing/recording_sink.hpp"
#include "eco2/testing/test_instance.hpp"

#include <gmock/gmock.h>

#include <memory>

extern "C" const eco2_descriptor* eco2_plugin_entry_v1(void);

namespace rules_sqlite::test {
namespace {

using eco2::testing::FakeHost;
using eco2::testing::RecordingSink;
using eco2::testing::TestInstance;
using Poco::Data::Keywords::now;
using ::testing::HasSubstr;

class RulesSqlitePlugin : public Fixture {
protected:
    // The instances are gone by then: what the hosts still have of theirs must run to its end, too.
    ~RulesSqlitePlugin() override {
        host_.run_until_idle();
        other_host_.run_until_idle();
    }

    std::string config(const std::filesystem::path& seed) const {
        return R"({"database":")" + database_path() + R"(","seed_directory":")" + seed.string() +
               R"(","poll_interval_ms":500})";
    }

    std::filesystem::path rules(std::string_view mark) const {
        const auto directory = folder(mark);
        write_rules(directory, 18, mark);
        return directory;
    }

    /// The rule's text, "none", or the failure's code.
    std::string look_up(const TestInstance& instance,
                        const eco2_rule_snapshot* snapshot,
                        std::string_view category,
                        std::string_view key) {
        eco2_rule_query query{};
        query.struct_size = sizeof query;
        query.snapshot = snapshot;
        query.category = {category.data(), category.size()};
        query.key = {key.data(), key.size()};
        RecordingSink sink;
        const auto start = [&](const eco2_sink* to, const eco2_call** out) {
            return instance.rule_store()->lookup(instance.rule_store()->self, &query, to, out);
        };
        EXPECT_EQ(sink.start(start), ECO2_OK);
        host_.run_until_idle();
        EXPECT_TRUE(sink.breaches().empty());
        if (sink.result().status != ECO2_OK) {
            return sink.result().code;
        }
        const auto results = sink.deltas_of(ECO2_DELTA_RESULT);
        return results.empty() ? "none" : results.at(0).text + results.at(0).meta;
    }

    std::string look_up(const TestInstance& instance, std::string_view category, std::string_view key) {
        const eco2_rule_store* store = instance.rule_store();
        const eco2_rule_snapshot* snapshot = store->acquire(store->self);
        const std::string found = look_up(instance, snapshot, category, key);
        store->drop(store->self, snapshot);
        return found;
    }

    void import(const TestInstance& instance, const std::string& directory, RecordingSink& sink) {
        const auto start = [&](const eco2_sink* to, const eco2_call** out) {
            const eco2_rule_import* table = instance.rule_import();
            return table->import_directory(table->self, {directory.data(), directory.size()}, to, out);
        };
        ASSERT_EQ(sink.start(start), ECO2_OK);
        host_.run_until_idle();
        EXPECT_TRUE(sink.breaches().empty());
    }

    void check_health(const TestInstance& instance, RecordingSink& sink) {
        const auto start = [&](const eco2_sink* to, const eco2_call** out) {
            return instance.health()->check(instance.health()->self, 0, to, out);
        };
        ASSERT_EQ(sink.start(start), ECO2_OK);
        host_.run_until_idle();
        EXPECT_TRUE(sink.breaches().empty());
    }

    void pass_ms(std::int64_t ms) {
        host_.clock().advance_ns(ms * 1'000'000);
        host_.run_until_idle();
    }

    FakeHost host_;
    FakeHost other_host_;
};

TEST_F(RulesSqlitePlugin, answers_with_the_rule_and_says_which_it_is) {
    const TestInstance instance(host_, eco2_plugin_entry_v1(), config(shipped_rules()));
    ASSERT_EQ(instance.status(), ECO2_OK) << instance.error();
    const std::string glass = look_up(instance, "재활용폐기물", "유리병");
    EXPECT_THAT(glass, HasSubstr(R"({"key":"유리병","category":"재활용폐기물",)"));
    EXPECT_THAT(glass, HasSubstr(R"({"id":"재활용폐기물_유리병","version":1})"));
    EXPECT_THAT(look_up(instance, "대형폐기물", "대형폐기물"), HasSubstr(R"({"id":"대형폐기물","version":1})"));
    EXPECT_EQ(look_up(instance, "재활용폐기물", "목재"), "none");
    EXPECT_EQ(look_up(instance, "미분류", "미분류"), "none");
}

TEST_F(RulesSqlitePlugin, a_run_keeps_its_rules_over_an_import) {
    const TestInstance instance(host_, eco2_plugin_entry_v1(), config(rules("a")));
    const eco2_rule_store* store = instance.rule_store();
    const eco2_rule_snapshot* old = store->acquire(store->self);
    RecordingSink sink;
    import(instance, rules("b").string(), sink);
    EXPECT_EQ(sink.deltas().at(0).text, R"({"imported":18,"version":2})");
    EXPECT_THAT(look_up(instance, old, "R03", "k"), HasSubstr(R"("mark":"a")"));
    EXPECT_THAT(look_up(instance, "R03", "k"), HasSubstr(R"("mark":"b")"));
    store->drop(store->self, old);
}

TEST_F(RulesSqlitePlugin, a_refused_import_fails_the_call_with_the_file) {
    const TestInstance instance(host_, eco2_plugin_entry_v1(), config(rules("a")));
    const auto directory = rules("b");
    write_file(directory / "R09_k.json", "[]");
    RecordingSink sink;
    import(instance, directory.string(), sink);
    EXPECT_EQ(sink.result().status, ECO2_INVALID_ARGUMENT);
    EXPECT_THAT(sink.result().message, HasSubstr("R09_k.json"));
    EXPECT_THAT(look_up(instance, "R03", "k"), HasSubstr(R"("mark":"a")"));
}

TEST_F(RulesSqlitePlugin, sees_the_import_of_another_process_at_the_next_poll) {
    const TestInstance instance(host_, eco2_plugin_entry_v1(), config(rules("a")));
    const TestInstance other(other_host_, eco2_plugin_entry_v1(), config(rules("a")));
    for (int round = 0; round < 3; ++round) {
        const std::string mark = round % 2 == 0 ? "b" : "a";
        RecordingSink sink;
        const std::string directory = rules(mark).string();
        const auto start = [&](const eco2_sink* to, const eco2_call** out) {
            return other.rule_import()->import_directory(
                other.rule_import()->self, {directory.data(), directory.size()}, to, out);
        };
        ASSERT_EQ(sink.start(start), ECO2_OK);
        other_host_.run_until_idle();
        pass_ms(499);
        EXPECT_THAT(look_up(instance, "R03", "k"), Not(HasSubstr(R"("mark":")" + mark)));
        pass_ms(1);
        EXPECT_THAT(look_up(instance, "R03", "k"), HasSubstr(R"("mark":")" + mark));
    }
    EXPECT_EQ(host_.log_lines().size(), 3u);
}

TEST_F(RulesSqlitePlugin, tells_a_fault_of_the_database_once_and_its_end) {
    const TestInstance instance(host_, eco2_plugin_entry_v1(), config(rules("a")));
    std::filesystem::copy(database_path(), root() / "backup.db");
    std::filesystem::remove(database_path());
    pass_ms(500);
    pass_ms(500);
    ASSERT_EQ(host_.log_lines().size(), 1u);
    EXPECT_THAT(host_.log_lines()[0], HasSubstr("database_failed"));
    EXPECT_THAT(look_up(instance, "R03", "k"), HasSubstr(R"("mark":"a")"));
    RecordingSink ill;
    check_health(instance, ill);
    EXPECT_EQ(ill.result().status, ECO2_OK);
    EXPECT_THAT(ill.deltas().at(0).text, HasSubstr("the file is gone"));

    std::filesystem::rename(root() / "backup.db", database_path());
    pass_ms(500);
    EXPECT_EQ(host_.log_lines().size(), 2u);
    RecordingSink well;
    check_health(instance, well);
    EXPECT_EQ(well.deltas().at(0).text, R"({"rules":18,"version":1})");
}

TEST_F(RulesSqlitePlugin, polling_goes_on_with_a_new_timer_each_time) {
    const TestInstance instance(host_, eco2_plugin_entry_v1(), config(rules("a")));
    for (int round = 0; round < 5; ++round) {
        pass_ms(500);
        EXPECT_EQ(host_.executor().timer_count(), 1u);
    }
}

TEST_F(RulesSqlitePlugin, says_so_when_the_host_takes_no_more_timers) {
    const TestInstance instance(host_, eco2_plugin_entry_v1(), config(rules("a")));
    host_.executor().refuse_with(ECO2_RESOURCE_EXHAUSTED);
    pass_ms(500);
    ASSERT_EQ(host_.log_lines().size(), 1u);
    EXPECT_THAT(host_.log_lines()[0], HasSubstr("no timer"));
    EXPECT_EQ(host_.executor().timer_count(), 0u);
}

TEST_F(RulesSqlitePlugin, without_rules_it_is_not_healthy) {
    const TestInstance instance(host_, eco2_plugin_entry_v1(), R"({"database":")" + database_path() + R"("})");
    ASSERT_EQ(instance.status(), ECO2_OK);
    RecordingSink sink;
    check_health(instance, sink);
    EXPECT_EQ(sink.result().code, "no_rules");
}

TEST_F(RulesSqlitePlugin, leaves_no_timer_and_no_task_behind) {
    {
        const TestInstance instance(host_, eco2_plugin_entry_v1(), config(rules("a")));
        EXPECT_EQ(host_.executor().timer_count(), 1u);
    }
    EXPECT_EQ(host_.executor().timer_count(), 0u);
    host_.run_until_idle();
}

TEST_F(RulesSqlitePlugin, stopping_in_the_middle_of_a_poll_ends_the_polling) {
    {
        const TestInstance instance(host_, eco2_plugin_entry_v1(), config(rules("a")));
        host_.clock().advance_ns(500'000'000);
        ASSERT_TRUE(host_.executor().run_one_io());  // the timer has fired, its work waits for the pool
    }
    host_.run_until_idle();
    EXPECT_EQ(host_.executor().timer_count(), 0u);
}

TEST_F(RulesSqlitePlugin, a_host_without_executor_is_refused) {
    host_.hide(ECO2_EXECUTOR_ID);
    const TestInstance instance(host_, eco2_plugin_entry_v1(), config(rules("a")));
    EXPECT_NE(instance.status(), ECO2_OK);
}

TEST_F(RulesSqlitePlugin, a_bad_seed_or_database_fails_create_with_the_reason) {
    const auto seed = rules("a");
    write_file(seed / "R00_k.json", "");
    const TestInstance bad_seed(host_, eco2_plugin_entry_v1(), config(seed));
    EXPECT_NE(bad_seed.status(), ECO2_OK);
    EXPECT_THAT(bad_seed.error(), HasSubstr("R00_k.json"));
    write_file(database_path(), std::string(4096, 'x'));
    const TestInstance bad_database(host_, eco2_plugin_entry_v1(), config(rules("b")));
    EXPECT_NE(bad_database.status(), ECO2_OK);
    EXPECT_THAT(bad_database.error(), HasSubstr(database_path()));
}

}  // namespace
}  // namespace rules_sqlite::test
