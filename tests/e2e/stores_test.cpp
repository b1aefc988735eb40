#include "base/clock.hpp"
#include "base/log.hpp"
#include "e2e/programs.hpp"
#include "store/grant_store.hpp"
#include "support/manual_executor.hpp"
#include "support/raw_socket.hpp"

#include <signal.h>

#include <future>
#include <set>
#include <utility>

namespace eco2::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view kNewEdition = "새 판";

class RulesImport : public Programs {
protected:
    void SetUp() override {
        start_fake({"--vision-ms", "5", "--answer-ms", "5", "--class", "재활용폐기물/종이/신문지"});
        start_serve();
        fs::copy(source_dir() / "config" / "data" / "rules", rules());
        auto text = read(rules() / "재활용폐기물_종이.json");
        text.insert(text.find("\"이름\""), "\"판\": \"" + std::string(kNewEdition) + "\",\n  ");
        write(rules() / "재활용폐기물_종이.json", text);
    }

    fs::path rules() const { return directory / "rules"; }
    Ended import() { return run({"rules", "import", rules(), "--data", data_dir}); }
    bool has_new_edition() const { return classify(kUrlBody).body.find(kNewEdition) != std::string::npos; }
};

TEST_F(RulesImport, is_taken_over_without_a_restart_while_runs_in_flight_keep_theirs) {
    ASSERT_FALSE(has_new_edition());
    fake(R"({"latency":{"vision_ms":6000}})");
    auto early = std::async(std::launch::async, [&] { return scan(kUrlBody); });
    ASSERT_TRUE(eventually([&] { return fake_count("open") == 1; }));
    fake(R"({"latency":{"vision_ms":5}})");
    const auto imported = import();
    EXPECT_EQ(imported.exit_code, 0) << imported;
    EXPECT_TRUE(imported.shows("imported from")) << imported;
    EXPECT_TRUE(eventually([&] { return has_new_edition(); }, 2500ms));
    ASSERT_EQ(early.wait_for(0s), std::future_status::timeout) << "the early run was to see the change in flight";
    const auto frames = early.get().frames();
    ASSERT_EQ(frames.size(), 9U);
    EXPECT_NE(frames.back().find("disposal_rules"), std::string::npos);
    EXPECT_EQ(frames.back().find(kNewEdition), std::string::npos) << frames.back();
}

TEST_F(RulesImport, of_a_directory_with_one_bad_file_changes_nothing_and_names_it) {
    write(rules() / "재활용폐기물_유리병.json", "{\"이름\": ");
    const auto refused = import();
    EXPECT_EQ(refused.exit_code, 1) << refused;
    EXPECT_TRUE(refused.tells("재활용폐기물_유리병.json")) << refused;
    EXPECT_FALSE(eventually([&] { return has_new_edition(); }, 2500ms));
    const auto nowhere = run({"rules", "import", directory / "nowhere", "--data", data_dir});
    EXPECT_EQ(nowhere.exit_code, 1);
    EXPECT_TRUE(nowhere.tells("nowhere")) << nowhere;
    const auto no_store = run({"rules", "import", rules(), "--data", data_dir, "--instance", "reward_character"});
    EXPECT_EQ(no_store.exit_code, 3);
    EXPECT_TRUE(no_store.tells("reward_character")) << no_store;
}

class Grants : public Programs {
protected:
    static constexpr std::string_view kNobody = "00000000-0000-0000-0000-000000000000";

    /// Of the grants that a host would find at its start, each once.
    std::set<std::string> codes() const {
        ManualClock clock;
        ManualExecutor executor(clock);
        const auto store = store::GrantStore::open(data_dir / "grants.db", executor, null_log(), system_clock());
        EXPECT_TRUE(store) << store.error().text();
        const auto found = store.value()->grants_of(std::string(kNobody));
        EXPECT_TRUE(found);
        std::set<std::string> codes;
        for (const auto& grant : found.value()) {
            EXPECT_TRUE(codes.insert(grant.code).second) << grant.code << " was granted twice";
        }
        return codes;
    }
};

TEST_F(Grants, promised_by_a_last_frame_survive_a_kill_and_stay_one) {
    start_fake();
    std::set<std::string> promised;
    for (const auto& [waste, code] :
         std::initializer_list<std::pair<std::string, std::string>>{{"재활용폐기물/유리병/소주병", "char-glassy"},
                                                                    {"재활용폐기물/종이/신문지", "char-paepy"},
                                                                    {"재활용폐기물/금속류/철캔", "char-metally"},
                                                                    {"재활용폐기물/전지/망간전지", "char-battery"}}) {
        fake(R"({"answers":{"classes":[")" + waste + "\"]}}");
        start_serve();
        auto client = RawSocket::connect(serve_port_);
        client.send(request_text("POST", kScanPath, kUrlBody));
        const auto stream = client.read_until(R"("step":"reward","status":"completed","progress":100)");
        serve_process->signal(SIGKILL);
        ASSERT_NE(stream.find("\"step\":\"reward\""), std::string::npos) << stream;
        EXPECT_EQ(ended(*serve_process).exit_code, -SIGKILL);
        promised.insert(code);
        EXPECT_EQ(codes(), promised) << "as the kill left the file";
    }
    start_serve();
    EXPECT_EQ(scan(kUrlBody).frames().size(), 9U) << "granted before";
    EXPECT_EQ(stop_serve(), 0);
    EXPECT_EQ(codes(), promised);
}

}  // namespace
}  // namespace eco2::test
