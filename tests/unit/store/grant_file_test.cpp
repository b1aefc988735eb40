#include "store/grant_file.hpp"

#include "unit/store/store_fixture.hpp"

#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Data/Session.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace eco2::store {
namespace {

using Poco::Data::Keywords::into;
using Poco::Data::Keywords::now;

Poco::Data::Session other_session(const std::string& path) {
    Poco::Data::SQLite::Connector::registerConnector();
    return Poco::Data::Session("SQLite", path);
}

int count(const std::string& path, const std::string& table) {
    auto session = other_session(path);
    int rows = -1;
    session << "SELECT count(*) FROM " + table, into(rows), now;
    return rows;
}

Result<std::size_t> append(GrantFile& file, const std::vector<Grant>& grants) {
    std::vector<const Grant*> pointers;
    for (const auto& grant : grants) {
        pointers.push_back(&grant);
    }
    return file.append(pointers, 1'000);
}

class GrantFileTest : public testing::Test {
protected:
    TemporaryFolder folder_;
    std::string path_ = folder_.file("data/deep/grants.db");
};

TEST_F(GrantFileTest, makes_its_folder_and_a_file_that_only_the_owner_reads) {
    GrantFile file{GrantFile::Options(path_)};
    const auto prepared = file.prepare();
    ASSERT_TRUE(prepared) << prepared.error().text();
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(GrantFileTest, a_grant_goes_through_the_outbox_and_is_readable_in_both_places) {
    GrantFile file{GrantFile::Options(path_)};
    ASSERT_TRUE(file.prepare());
    ASSERT_EQ(append(file, {grant_of(1, 1), grant_of(1, 2), grant_of(2, 1)}).value(), 3U);
    EXPECT_EQ(count(path_, "outbox"), 3);
    EXPECT_EQ(count(path_, "grants"), 0);
    EXPECT_EQ(file.grants_of("user-1").value().size(), 2U);

    EXPECT_EQ(file.settle(2).value(), 2U);
    EXPECT_EQ(count(path_, "outbox"), 1);
    EXPECT_EQ(count(path_, "grants"), 2);
    EXPECT_EQ(file.settle(10).value(), 1U);
    EXPECT_EQ(file.settle(10).value(), 0U);

    const auto grants = file.grants_of("user-1").value();
    ASSERT_EQ(grants.size(), 2U);
    EXPECT_EQ(grants[0].code, "code-1");
    EXPECT_EQ(grants[0].name, "name");
    EXPECT_EQ(grants[1].run_id, "run-2");
}

TEST_F(GrantFileTest, the_same_pair_stays_one_grant_with_the_first_run) {
    GrantFile file{GrantFile::Options(path_)};
    ASSERT_TRUE(file.prepare());
    auto first = grant_of(1, 1);
    auto second = first;
    second.run_id = "zz-later";
    ASSERT_TRUE(append(file, {first, second}));
    EXPECT_EQ(file.grants_of("user-1").value().size(), 1U);
    ASSERT_TRUE(file.settle(10));
    EXPECT_EQ(append(file, {second}).value(), 0U) << "a settled pair needs no row";
    EXPECT_EQ(count(path_, "grants"), 1);
    EXPECT_EQ(file.grants_of("user-1").value().at(0).run_id, first.run_id);
}

TEST_F(GrantFileTest, text_of_any_kind_comes_back_as_it_was) {
    GrantFile file{GrantFile::Options(path_)};
    ASSERT_TRUE(file.prepare());
    const Grant grant{"'; DROP TABLE grants; --", "페트\"병", std::string(1'000, 'n'), ""};
    ASSERT_TRUE(append(file, {grant}));
    ASSERT_TRUE(file.settle(10));
    const auto grants = file.grants_of(grant.user_id).value();
    ASSERT_EQ(grants.size(), 1U);
    EXPECT_EQ(grants[0].code, grant.code);
    EXPECT_EQ(grants[0].name, grant.name);
    EXPECT_EQ(grants[0].run_id, "");
}

TEST_F(GrantFileTest, opening_again_keeps_what_is_there) {
    {
        GrantFile file{GrantFile::Options(path_)};
        ASSERT_TRUE(file.prepare());
        ASSERT_TRUE(append(file, {grant_of(1, 1)}));
    }
    GrantFile file{GrantFile::Options(path_)};
    ASSERT_TRUE(file.prepare());
    EXPECT_EQ(file.grants_of("user-1").value().size(), 1U);
}

TEST_F(GrantFileTest, a_newer_schema_is_refused_untouched) {
    {
        GrantFile file{GrantFile::Options(path_)};
        ASSERT_TRUE(file.prepare());
    }
    other_session(path_) << "UPDATE schema_version SET version = 7", now;
    GrantFile file{GrantFile::Options(path_)};
    const auto prepared = file.prepare();
    ASSERT_FALSE(prepared);
    EXPECT_EQ(prepared.error().code, Errc::store_failed);
    EXPECT_NE(prepared.error().detail.find("schema is 7"), std::string::npos) << prepared.error().detail;
    EXPECT_NE(prepared.error().detail.find(path_), std::string::npos);
    EXPECT_EQ(count(path_, "schema_version"), 1);
}

TEST_F(GrantFileTest, text_in_place_of_a_database_is_told_as_such) {
    const auto path = folder_.file("grants.db");
    std::ofstream(path) << std::string(8'192, 'x');
    GrantFile file{GrantFile::Options(path)};
    const auto prepared = file.prepare();
    ASSERT_FALSE(prepared);
    EXPECT_EQ(prepared.error().code, Errc::store_failed);
    EXPECT_NE(prepared.error().detail.find("not a database"), std::string::npos) << prepared.error().detail;
}

TEST_F(GrantFileTest, a_damaged_page_is_found_at_the_start) {
    {
        GrantFile file{GrantFile::Options(path_)};
        ASSERT_TRUE(file.prepare());
        for (int user = 0; user < 500; ++user) {
            ASSERT_TRUE(append(file, {grant_of(user, 1)}));
        }
    }
    {
        std::fstream raw(path_, std::ios::in | std::ios::out | std::ios::binary);
        raw.seekp(4'096 + 100);
        raw << std::string(12'000, '\x7f');
    }
    GrantFile file{GrantFile::Options(path_)};
    const auto prepared = file.prepare();
    ASSERT_FALSE(prepared);
    EXPECT_EQ(prepared.error().code, Errc::store_failed);
    EXPECT_TRUE(prepared.error().detail.find("damaged") != std::string::npos ||
                prepared.error().detail.find("malformed") != std::string::npos)
        << prepared.error().detail;
}

TEST_F(GrantFileTest, a_folder_that_cannot_be_made_is_told_with_the_reason) {
    std::ofstream(folder_.file("plain")) << "x";
    GrantFile file{GrantFile::Options(folder_.file("plain/grants.db"))};
    const auto prepared = file.prepare();
    ASSERT_FALSE(prepared);
    EXPECT_NE(prepared.error().detail.find("Not a directory"), std::string::npos) << prepared.error().detail;
}

TEST_F(GrantFileTest, a_full_file_fails_whole_transactions_and_works_again_when_there_is_room) {
    GrantFile::Options options(path_);
    options.pages_max = 16;
    GrantFile file(options);
    ASSERT_TRUE(file.prepare());
    int written = 0;
    Result<std::size_t> result;
    while ((result = append(file, {grant_of(written, 1), grant_of(written, 2)})) && written < 100'000) {
        ++written;
    }
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().detail.find("full"), std::string::npos) << result.error().detail;
    EXPECT_EQ(count(path_, "outbox"), 2 * written) << "nothing of the failed transaction may stay";
    other_session(path_) << "DELETE FROM outbox", now;
    EXPECT_TRUE(append(file, {grant_of(written, 1)}));
}

TEST_F(GrantFileTest, a_lock_held_elsewhere_fails_after_the_busy_timeout_and_not_for_good) {
    GrantFile::Options options(path_);
    options.busy_timeout = std::chrono::milliseconds(20);
    GrantFile file(options);
    ASSERT_TRUE(file.prepare());
    {
        auto other = other_session(path_);
        other << "BEGIN EXCLUSIVE", now;
        const auto result = append(file, {grant_of(1, 1)});
        ASSERT_FALSE(result);
        EXPECT_NE(result.error().detail.find("locked"), std::string::npos) << result.error().detail;
        other << "ROLLBACK", now;
    }
    EXPECT_TRUE(append(file, {grant_of(1, 1)}));
}

}  // namespace
}  // namespace eco2::store
