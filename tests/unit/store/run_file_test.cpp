#include "store/run_file.hpp"

#include "base/limits.hpp"
#include "store/data_lock.hpp"
#include "store/key_ring.hpp"
#include "unit/store/store_fixture.hpp"

#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Data/Session.h>
#include <gtest/gtest.h>

#include <fstream>

namespace eco2::store {
namespace {

using Poco::Data::Keywords::into;
using Poco::Data::Keywords::now;

constexpr std::int64_t kNow = 1'700'000'000'000'000'000;
constexpr std::int64_t kHour = 3'600'000'000'000;

SubmittedRun run_of(const std::string& id, const std::string& key = {}, const std::string& user = "user") {
    SubmittedRun run;
    run.id = id;
    run.user_id = user;
    run.pipeline = "scan";
    run.idempotency_key = key;
    run.fingerprint = "print";
    run.input_json = "{\"question\":\"?\"}";
    run.photo = std::make_shared<const std::string>(std::string("photo of\0 ", 10) + id);
    run.events = {"id: 1\n\n"};
    run.created_ns = kNow;
    return run;
}

RunStep step_of(const std::string& id, int number) {
    return {id, {"id: " + std::to_string(number) + "\n\n"}, {"{\"checkpoint\":" + std::to_string(number) + "}"}, std::nullopt};
}

RunStep end_of(const std::string& id, RunState state, std::int64_t ended_ns = kNow) {
    RunStep step{id, {"id: 9\n\n"}, {}, RunStep::End{}};
    step.end->state = state;
    step.end->result_json = "{\"task_id\":\"" + id + "\"}";
    step.end->error = state == RunState::dead ? "PROVIDER_ERROR" : "";
    step.end->ended_ns = ended_ns;
    step.end->log = "id: 1\n\nid: 9\n\n";
    step.end->checkpoints = {"{\"checkpoint\":1}"};
    return step;
}

class RunFileTest : public testing::Test {
protected:
    RunFileTest() { open(); }

    void open() {
        file_ = std::make_unique<RunFile>(options_);
        ASSERT_TRUE(file_->prepare()) << file_->prepare().error().detail;
    }
    template <class What>
    auto apply(What what, std::int64_t wall_ns = kNow) {
        RunOperation operation{std::move(what)};
        RunOperation* operations[] = {&operation};
        const auto applied = file_->apply(operations, wall_ns);
        EXPECT_TRUE(applied) << applied.error().detail;
        return std::get<What>(operation.what).outcome;
    }
    Result<RunStoreDoor::Submitted> submit(SubmittedRun run, std::int64_t wall_ns = kNow) {
        return apply(RunOperation::Submit{std::move(run)}, wall_ns);
    }
    Result<void> append(RunStep step) { return apply(RunOperation::Append{std::move(step)}); }
    int number(const std::string& sql) {
        Poco::Data::SQLite::Connector::registerConnector();
        Poco::Data::Session session("SQLite", path_);
        int value = -1;
        session << sql, into(value), now;
        return value;
    }

    TemporaryFolder folder_;
    const std::string path_ = folder_.file("runs.db");
    RunFile::Options options_{path_};
    std::unique_ptr<RunFile> file_;
};

TEST_F(RunFileTest, a_live_run_is_its_row_and_its_part_of_the_journal) {
    EXPECT_TRUE(submit(run_of("a")));
    EXPECT_TRUE(submit(run_of("b")));
    for (int i = 2; i < 5; ++i) {
        EXPECT_TRUE(append(step_of("a", i)));
        EXPECT_TRUE(append(step_of("b", i + 10)));
    }
    open();
    const auto run = file_->load("a").value();
    EXPECT_EQ(run.events, (std::vector<std::string>{"id: 1\n\n", "id: 2\n\n", "id: 3\n\n", "id: 4\n\n"}));
    EXPECT_EQ(run.checkpoints, (std::vector<std::string>{"{\"checkpoint\":2}", "{\"checkpoint\":3}", "{\"checkpoint\":4}"}));
    EXPECT_EQ(*run.photo, std::string("photo of\0 ", 10) + "a");
    EXPECT_EQ(run.summary.state, RunState::queued);
    EXPECT_EQ(run.input_json, "{\"question\":\"?\"}");
    EXPECT_EQ(file_->load("c").error().code, Errc::not_found);
}

TEST_F(RunFileTest, an_ended_run_is_one_row_without_its_photo) {
    EXPECT_TRUE(submit(run_of("a")));
    EXPECT_TRUE(append(step_of("a", 2)));
    EXPECT_TRUE(append(end_of("a", RunState::done)));
    const auto run = file_->load("a").value();
    EXPECT_EQ(run.events, (std::vector<std::string>{"id: 1\n\n", "id: 9\n\n"})) << "the log that the end brought";
    EXPECT_EQ(run.photo, nullptr);
    EXPECT_EQ(run.input_json, "");
    EXPECT_EQ(run.result_json, "{\"task_id\":\"a\"}");
    EXPECT_EQ(append(step_of("a", 3)).error().code, Errc::not_found) << "it is over";
    EXPECT_TRUE(file_->sweep(10));
    EXPECT_EQ(number("SELECT count(*) FROM journal"), 0);
}

TEST_F(RunFileTest, the_photos_bytes_are_gone_from_the_file) {
    auto run = run_of("a");
    run.photo = std::make_shared<const std::string>(std::string(20'000, 'x') + "PRIVATE-PHOTO" + std::string(20'000, 'x'));
    EXPECT_TRUE(submit(std::move(run)));
    const auto bytes = [&] {
        std::ifstream in(path_, std::ios::binary);
        return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    };
    EXPECT_NE(bytes().find("PRIVATE-PHOTO"), std::string::npos);
    EXPECT_TRUE(append(end_of("a", RunState::dead)));
    EXPECT_EQ(bytes().find("PRIVATE-PHOTO"), std::string::npos);
}

TEST_F(RunFileTest, photos_are_kept_as_configured) {
    for (const auto keep : {KeepPhotos::never, KeepPhotos::dead_letters, KeepPhotos::always}) {
        options_.keep_photos = keep;
        open();
        const auto tag = std::to_string(static_cast<int>(keep));
        EXPECT_TRUE(submit(run_of("done" + tag)));
        EXPECT_TRUE(submit(run_of("dead" + tag)));
        EXPECT_TRUE(append(end_of("done" + tag, RunState::done)));
        EXPECT_TRUE(append(end_of("dead" + tag, RunState::dead)));
        EXPECT_EQ(file_->load("done" + tag)->photo != nullptr, keep == KeepPhotos::always);
        EXPECT_EQ(file_->load("dead" + tag)->photo != nullptr, keep != KeepPhotos::never);
        EXPECT_NE(file_->load("dead" + tag)->input_json, "") << "for a replay";
    }
}

TEST_F(RunFileTest, one_key_is_one_run_also_in_one_commit) {
    RunOperation first{RunOperation::Submit{run_of("a", "key")}};
    RunOperation second{RunOperation::Submit{run_of("b", "key")}};
    RunOperation other{RunOperation::Submit{run_of("c", "key")}};
    std::get<RunOperation::Submit>(other.what).run.fingerprint = "another";
    RunOperation foreign{RunOperation::Submit{run_of("d", "key", "somebody else")}};
    RunOperation* all[] = {&first, &second, &other, &foreign};
    ASSERT_TRUE(file_->apply(all, kNow));
    EXPECT_EQ(std::get<RunOperation::Submit>(second.what).outcome->run_id, "a");
    EXPECT_TRUE(std::get<RunOperation::Submit>(second.what).outcome->is_known);
    EXPECT_EQ(std::get<RunOperation::Submit>(other.what).outcome.error().code, Errc::idempotency_conflict);
    EXPECT_EQ(std::get<RunOperation::Submit>(foreign.what).outcome->run_id, "d");
    EXPECT_EQ(number("SELECT count(*) FROM runs"), 2);
    EXPECT_TRUE(submit(run_of("e", "key"), kNow + kHour - 1)->is_known);
    const IdempotencyKey key{run_of("a").user_id, "key", run_of("a").fingerprint};
    EXPECT_EQ((*file_->find_submitted(key, kNow))->run_id, "a");
    EXPECT_FALSE(*file_->find_submitted({key.user_id, "another", key.fingerprint}, kNow));
    EXPECT_FALSE(*file_->find_submitted({"nobody", "key", key.fingerprint}, kNow));
    EXPECT_EQ(file_->find_submitted({key.user_id, "key", "another"}, kNow).error().code, Errc::idempotency_conflict);
    EXPECT_EQ(submit(run_of("f", "key"), kNow + kHour)->run_id, "f") << "a key lives for an hour";
}

TEST_F(RunFileTest, recovers_what_is_not_over_oldest_first_and_counts_it) {
    EXPECT_TRUE(submit(run_of("a")));
    EXPECT_TRUE(submit(run_of("b")));
    EXPECT_TRUE(submit(run_of("c")));
    EXPECT_TRUE(append(step_of("c", 2)));
    EXPECT_TRUE(append(end_of("b", RunState::done)));
    for (int crash = 1; crash < 3; ++crash) {
        open();
        std::vector<std::string> ids;
        EXPECT_TRUE(file_->recover([&](StoredRun run) {
            ids.push_back(run.summary.id);
            EXPECT_EQ(run.summary.recoveries, crash);
            EXPECT_NE(run.photo, nullptr);
        }));
        EXPECT_EQ(ids, (std::vector<std::string>{"a", "c"}));
    }
}

TEST_F(RunFileTest, recovering_gives_each_run_its_own_steps_however_many_there_are) {
    constexpr int kSteps = 1'200;  // more rows than one fetch has
    const std::string ids[] = {"a", "b"};
    std::vector<RunOperation> operations;
    for (const auto& id : ids) {
        operations.push_back({RunOperation::Submit{run_of(id)}});
    }
    for (int n = 2; n < kSteps; ++n) {
        for (const auto& id : ids) {
            operations.push_back({RunOperation::Append{step_of(id, n)}});
        }
    }
    std::vector<RunOperation*> all;
    for (auto& operation : operations) {
        all.push_back(&operation);
    }
    ASSERT_TRUE(file_->apply(all, kNow));
    for (int crash = 0; crash < 2; ++crash) {
        open();
        int count = 0;
        EXPECT_TRUE(file_->recover([&](const StoredRun& run) {
            EXPECT_EQ(run.summary.id, ids[count++]);
            ASSERT_EQ(run.events.size(), kSteps - 1U + static_cast<unsigned>(crash));
            for (std::size_t n = 0; n < run.events.size(); ++n) {
                ASSERT_EQ(run.events[n], "id: " + std::to_string(n + 1) + "\n\n");
            }
            EXPECT_EQ(run.checkpoints.size(), run.events.size() - 1);
        }));
        EXPECT_EQ(count, 2);
        for (const auto& id : ids) {
            EXPECT_TRUE(append(step_of(id, kSteps + crash)));
        }
    }
}

TEST_F(RunFileTest, a_run_that_nobody_takes_up_again_does_not_hold_the_journal) {
    EXPECT_TRUE(submit(run_of("orphan")));
    EXPECT_TRUE(append(step_of("orphan", 2)));
    open();
    EXPECT_TRUE(file_->recover([](const StoredRun&) {}));
    EXPECT_TRUE(submit(run_of("b")));
    EXPECT_TRUE(append(step_of("b", 2)));
    EXPECT_TRUE(append(end_of("b", RunState::done)));
    EXPECT_GT(file_->sweep(10).value(), 0U);
    open();
    EXPECT_EQ(file_->load("orphan")->events.size(), 2U);
}

TEST_F(RunFileTest, the_journal_is_swept_by_so_many_rows_at_a_time) {
    EXPECT_TRUE(submit(run_of("a")));
    for (int n = 2; n < 10; ++n) {
        EXPECT_TRUE(append(step_of("a", n)));
    }
    EXPECT_EQ(file_->sweep(3).value(), 0U);
    EXPECT_TRUE(append(end_of("a", RunState::done)));
    EXPECT_EQ(file_->sweep(3).value(), 3U);
    EXPECT_EQ(file_->sweep(3).value(), 3U);
    EXPECT_EQ(file_->sweep(3).value(), 2U);
    EXPECT_EQ(file_->sweep(3).value(), 0U);
}

TEST_F(RunFileTest, lists_newest_first_and_only_what_is_asked_for) {
    for (int i = 0; i < 6; ++i) {
        auto run = run_of(std::string(1, static_cast<char>('a' + i)), {}, i % 2 == 0 ? "even" : "odd");
        run.created_ns = kNow + i;
        EXPECT_TRUE(submit(std::move(run)));
    }
    EXPECT_TRUE(append(end_of("c", RunState::dead)));
    const auto ids = [&](const RunFilter& filter) {
        std::string out;
        for (const auto& run : file_->list(filter).value()) {
            out += run.id;
        }
        return out;
    };
    RunFilter filter;
    EXPECT_EQ(ids(filter), "fedcba");
    filter.count_max = 2;
    EXPECT_EQ(ids(filter), "fe");
    filter.before_ns = kNow + 4;
    EXPECT_EQ(ids(filter), "dc");
    filter = {};
    filter.user_id = "even";
    EXPECT_EQ(ids(filter), "eca");
    filter.state = RunState::dead;
    EXPECT_EQ(ids(filter), "c");
    filter.pipeline = "another";
    EXPECT_EQ(ids(filter), "");
}

TEST_F(RunFileTest, what_is_over_goes_when_its_time_has_come) {
    for (const auto* id : {"done", "dead", "live"}) {
        EXPECT_TRUE(submit(run_of(id)));
    }
    EXPECT_TRUE(append(end_of("done", RunState::done)));
    EXPECT_TRUE(append(end_of("dead", RunState::dead)));
    EXPECT_EQ(file_->expire(kNow + kHour - 1, 10).value(), 0U);
    EXPECT_EQ(file_->expire(kNow + kHour, 10).value(), 1U);
    EXPECT_EQ(file_->load("done").error().code, Errc::not_found);
    EXPECT_TRUE(file_->load("dead"));
    EXPECT_EQ(file_->expire(kNow + 7 * 24 * kHour, 10).value(), 1U);
    EXPECT_TRUE(file_->load("live")) << "however old";
    EXPECT_EQ(file_->expire(kNow + 7 * 24 * kHour, 10).value(), 0U);
}

TEST_F(RunFileTest, a_live_runs_journal_survives_the_sweeping) {
    EXPECT_TRUE(submit(run_of("old")));
    EXPECT_TRUE(append(step_of("old", 2)));
    EXPECT_TRUE(append(end_of("old", RunState::done)));
    EXPECT_TRUE(submit(run_of("live")));
    EXPECT_TRUE(append(step_of("live", 2)));
    EXPECT_TRUE(file_->sweep(10));
    EXPECT_EQ(number("SELECT count(*) FROM journal"), 1);
    EXPECT_EQ(file_->load("live")->events.size(), 2U);
}

TEST_F(RunFileTest, a_run_that_waited_while_the_journal_was_emptied_keeps_all_its_steps) {
    for (const bool has_restarted : {false, true}) {
        const std::string tag = has_restarted ? "1" : "0";
        EXPECT_TRUE(submit(run_of("old" + tag)));
        EXPECT_TRUE(append(step_of("old" + tag, 2)));
        EXPECT_TRUE(append(step_of("old" + tag, 3)));
        EXPECT_TRUE(submit(run_of("live" + tag)));
        EXPECT_TRUE(append(end_of("old" + tag, RunState::done)));
        EXPECT_TRUE(file_->sweep(10));
        if (has_restarted) {
            open();
        }
        EXPECT_TRUE(append(step_of("live" + tag, 2)));
        EXPECT_EQ(file_->load("live" + tag)->events.size(), 2U);
        EXPECT_TRUE(file_->sweep(10));
        EXPECT_EQ(file_->load("live" + tag)->events.size(), 2U) << "not swept either";
    }
}

TEST_F(RunFileTest, forgetting_a_user_leaves_the_others_steps) {
    EXPECT_TRUE(submit(run_of("a")));
    EXPECT_TRUE(append(step_of("a", 2)));
    EXPECT_TRUE(append(step_of("a", 3)));
    EXPECT_TRUE(submit(run_of("b", {}, "other")));
    EXPECT_TRUE(apply(RunOperation::ForgetUser{"user"}));
    EXPECT_TRUE(append(step_of("b", 2)));
    EXPECT_TRUE(append(step_of("b", 3)));
    EXPECT_EQ(file_->load("b")->events.size(), 3U);
}

TEST_F(RunFileTest, a_replay_is_counted_and_ends) {
    EXPECT_TRUE(submit(run_of("a")));
    EXPECT_EQ(apply(RunOperation::CountReplay{"a"}).error().code, Errc::replay_refused) << "it lives";
    EXPECT_TRUE(append(end_of("a", RunState::dead)));
    EXPECT_EQ(file_->load("a")->checkpoints.size(), 1U);
    for (int i = 0; i < limits::kReplaysMax; ++i) {
        EXPECT_TRUE(apply(RunOperation::CountReplay{"a"})) << i;
    }
    EXPECT_EQ(apply(RunOperation::CountReplay{"a"}).error().code, Errc::replay_refused);
    EXPECT_EQ(apply(RunOperation::CountReplay{"b"}).error().code, Errc::run_not_found);
}

TEST_F(RunFileTest, a_user_can_be_forgotten) {
    EXPECT_TRUE(submit(run_of("a")));
    EXPECT_TRUE(append(step_of("a", 2)));
    EXPECT_TRUE(submit(run_of("b", {}, "other")));
    EXPECT_EQ(apply(RunOperation::ForgetUser{"user"}).value(), 1U);
    EXPECT_EQ(append(step_of("a", 3)).error().code, Errc::not_found);
    EXPECT_EQ(number("SELECT count(*) FROM journal"), 0);
    EXPECT_TRUE(file_->load("b"));
}

TEST_F(RunFileTest, a_full_disk_writes_nothing_of_the_call_and_goes_on_when_there_is_room) {
    options_.pages_max = 40;
    open();
    EXPECT_TRUE(submit(run_of("a")));
    auto large = run_of("large");
    large.photo = std::make_shared<const std::string>(std::string(500'000, 'x'));
    RunOperation small{RunOperation::Append{step_of("a", 2)}};
    RunOperation huge{RunOperation::Submit{std::move(large)}};
    RunOperation* both[] = {&small, &huge};
    const auto applied = file_->apply(both, kNow);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, Errc::store_failed);
    EXPECT_NE(applied.error().detail.find("full"), std::string::npos) << applied.error().detail;
    EXPECT_EQ(file_->load("a")->events.size(), 1U) << "the small one neither";
    EXPECT_TRUE(append(step_of("a", 2)));
    EXPECT_EQ(file_->load("a")->events.size(), 2U);
}

TEST_F(RunFileTest, a_damaged_or_newer_file_is_refused_untouched) {
    file_.reset();
    {
        Poco::Data::Session session("SQLite", path_);
        session << "UPDATE schema_version SET version = 99", now;
    }
    const auto newer = RunFile(options_).prepare();
    ASSERT_FALSE(newer);
    EXPECT_NE(newer.error().detail.find("its schema is 99"), std::string::npos);
    {
        std::fstream out(path_, std::ios::in | std::ios::out | std::ios::binary);
        out.seekp(4'096);
        out << std::string(4'096, '\xAA');
    }
    EXPECT_FALSE(RunFile(options_).prepare());
}

TEST_F(RunFileTest, can_be_looked_at_while_another_process_writes) {
    EXPECT_TRUE(submit(run_of("a")));
    auto options = options_;
    options.is_read_only = true;
    RunFile reader(options);
    EXPECT_TRUE(reader.load("a"));
    EXPECT_EQ(reader.list({})->size(), 1U);
    EXPECT_FALSE(reader.expire(kNow + kHour, 1)) << "it may not write";
    EXPECT_TRUE(append(step_of("a", 2)));
    EXPECT_EQ(reader.load("a")->events.size(), 2U);
}

TEST(DataLock, keeps_a_second_host_off) {
    TemporaryFolder folder;
    auto first = DataLock::take(folder.path());
    ASSERT_TRUE(first);
    const auto second = DataLock::take(folder.path());
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().detail.find("process " + std::to_string(::getpid())), std::string::npos);
    first.value().reset();
    EXPECT_TRUE(DataLock::take(folder.path()));
}

TEST(KeyRing, sees_new_and_revoked_keys_while_it_runs) {
    TemporaryFolder folder;
    const auto path = folder.path() / "keys.db";
    auto ring = KeyRing::open(path, null_log(), system_clock()).value();
    const auto made = make_key(system_clock());
    EXPECT_EQ(ring->check(made.text).error().code, Errc::unauthorized);
    KeyFile file(path);
    ASSERT_TRUE(file.prepare());
    ASSERT_TRUE(file.add(made.key));
    const auto eventually = [&](bool is_good) {
        for (int i = 0; i < 1'000 && ring->check(made.text).has_value() != is_good; ++i) {
            ::usleep(10'000);
        }
        return ring->check(made.text).has_value() == is_good;
    };
    EXPECT_TRUE(eventually(true));
    ASSERT_TRUE(file.revoke(made.key.id, 1));
    EXPECT_TRUE(eventually(false));
    EXPECT_EQ(file.revoke("nothing", 1).error().code, Errc::not_found);
    const auto keys = file.all().value();
    ASSERT_EQ(keys.size(), 1U);
    EXPECT_EQ(keys[0].secret_hash.find(made.text.substr(22)), std::string::npos);
}

}  // namespace
}  // namespace eco2::store
