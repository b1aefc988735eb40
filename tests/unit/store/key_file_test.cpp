#include "store/key_file.hpp"

#include "base/limits.hpp"
#include "store/key_ring.hpp"
#include "store/sqlite_file.hpp"
#include "support/manual_executor.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

namespace eco2::store {
namespace {

using Poco::Data::Keywords::now;

class KeyFileTest : public ::testing::Test {
protected:
    std::filesystem::path path() const { return folder_.path() / "keys.db"; }

    /// The file as the first schema had it, with one key of these scopes.
    void make_first(const std::string& scopes, int version = 1) {
        const SqliteOptions options{path().string(), limits::kGrantBusyTimeout};
        ASSERT_TRUE(prepare_sqlite(options, version, [&](Poco::Data::Session& session, int) {
            session
                << "CREATE TABLE keys(id TEXT PRIMARY KEY, name TEXT NOT NULL, secret_hash TEXT NOT NULL, ending TEXT NOT NULL,"
                   " user_id TEXT NOT NULL, is_for_users INTEGER NOT NULL, scopes TEXT NOT NULL, pipelines TEXT NOT NULL,"
                   " created_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL, revoked_ns INTEGER NOT NULL) WITHOUT ROWID",
                now;
            session << "INSERT INTO keys VALUES ('i', 'n', 'h', 'e', 'u', 1, '" + scopes + "', 'scan', 1, 2, 0)", now;
        }));
    }

    test::TemporaryFolder folder_;
    test::ManualClock clock_;
};

TEST_F(KeyFileTest, keeps_what_a_key_may_do_at_the_front_door) {
    KeyFile file(path());
    ASSERT_TRUE(file.prepare());
    auto made = make_key(clock_);
    made.key.scopes = {"chat"};
    made.key.models = {"gpt-*", "pipeline/scan"};
    made.key.requests_per_minute = 60;
    made.key.tokens_per_minute = 100'000;
    made.key.spend_max_picousd = 50'000'000'000'000;
    ASSERT_TRUE(file.add(made.key));
    const auto keys = file.all().value();
    ASSERT_EQ(keys.size(), 1U);
    EXPECT_EQ(keys[0].models, made.key.models);
    EXPECT_EQ(keys[0].requests_per_minute, 60);
    EXPECT_EQ(keys[0].tokens_per_minute, 100'000);
    EXPECT_EQ(keys[0].spend_max_picousd, 50'000'000'000'000);
}

TEST_F(KeyFileTest, a_key_from_before_there_was_a_front_door_does_not_open_it) {
    make_first("");
    KeyFile file(path());
    ASSERT_TRUE(file.prepare());
    const auto keys = file.all().value();
    ASSERT_EQ(keys.size(), 1U);
    EXPECT_EQ(keys[0].scopes, (std::vector<std::string>{"run", "read"}));
    EXPECT_EQ(keys[0].pipelines, std::vector<std::string>{"scan"});
    EXPECT_TRUE(keys[0].is_for_users);
    EXPECT_TRUE(keys[0].models.empty());
    EXPECT_EQ(keys[0].spend_max_picousd, 0);
    EXPECT_TRUE(KeyFile(path()).prepare()) << "once";
    EXPECT_EQ(KeyFile(path()).all().value().size(), 1U);
}

TEST_F(KeyFileTest, scopes_that_were_named_stay_as_they_are) {
    make_first("read");
    KeyFile file(path());
    ASSERT_TRUE(file.prepare());
    EXPECT_EQ(file.all().value().at(0).scopes, std::vector<std::string>{"read"});
}

TEST_F(KeyFileTest, a_newer_file_is_refused_untouched) {
    make_first("", 3);
    KeyFile file(path());
    const auto refused = file.prepare();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::store_failed);
    EXPECT_NE(refused.error().detail.find("schema is 3"), std::string::npos) << refused.error().detail;
}

}  // namespace
}  // namespace eco2::store
