#include "base/limits.hpp"
#include "contract/support.hpp"

#include <algorithm>

namespace eco2::contract {
namespace {

using plugin_host::InstanceConfig;
using plugin_host::InstanceState;
using plugin_host::SharePtr;
using std::chrono::milliseconds;

constexpr auto kLong = std::chrono::seconds(60);

InstanceConfig odd(const std::string& behaviour) {
    auto config = ManualHost::config("odd_provider", odd_config(behaviour));
    config.id = "odd";
    return config;
}

class Generations : public ::testing::Test {
protected:
    SharePtr obtain(const InstanceConfig& config) {
        auto share = host_.host.obtain(config);
        EXPECT_TRUE(share) << share.error().text();
        return share ? share.value() : nullptr;
    }
    /// "odd 1 started", "odd 2 draining (leaving)", ...
    std::vector<std::string> states() const {
        std::vector<std::string> all;
        for (const auto& status : host_.host.status()) {
            all.push_back(status.id + " " + std::to_string(status.generation) + " " +
                          (status.state == InstanceState::started    ? "started"
                           : status.state == InstanceState::draining ? "draining"
                           : status.state == InstanceState::failed   ? "failed"
                                                                     : "other") +
                          (status.is_leaving ? " (leaving)" : ""));
        }
        return all;
    }
    using Texts = std::vector<std::string>;

    ManualHost host_;
};

TEST_F(Generations, what_is_unchanged_is_shared) {
    const auto first = obtain(odd("none"));
    EXPECT_EQ(obtain(odd("none")), first);
    auto config = odd("none");
    config.is_required = false;  // says something about the host, nothing to the plugin
    EXPECT_EQ(obtain(config), first);
    EXPECT_EQ(states(), Texts({"odd 1 started"}));
}

TEST_F(Generations, changed_configuration_key_or_secret_makes_a_new_one_beside_the_old) {
    const auto first = obtain(odd("none"));
    auto with_key = odd("none");
    with_key.keys.push_back({"main", "one"});
    auto with_other_key = odd("none");
    with_other_key.keys.push_back({"main", "two"});
    auto with_secret = odd("none");
    with_secret.secrets.emplace_back("password", "x");
    std::vector<SharePtr> all{first};
    for (const auto& config : {odd("own_thread"), with_key, with_other_key, with_secret}) {
        all.push_back(obtain(config));
        EXPECT_EQ(std::count(all.begin(), all.end(), all.back()), 1);
    }
    EXPECT_EQ(states(), Texts({"odd 1 started", "odd 2 started", "odd 3 started", "odd 4 started", "odd 5 started"}));
    for (const auto& share : all) {
        Recorder recorder;
        EXPECT_TRUE(host_.generate(*share->provider(), recorder)) << share->generation();
        host_.executor.run_until([&] { return recorder.ends == 1; });
    }
}

TEST_F(Generations, replaced_one_goes_when_nobody_holds_it) {
    auto old = obtain(odd("none"));
    const auto fresh = obtain(odd("open"));
    host_.host.replace({fresh}, kLong);
    EXPECT_EQ(states(), Texts({"odd 1 started (leaving)", "odd 2 started"}));
    EXPECT_EQ(host_.host.tend(), 1U);
    Recorder recorder;
    EXPECT_TRUE(host_.generate(*old->provider(), recorder)) << "a run that began on it goes on with it";
    host_.executor.run();
    EXPECT_EQ(recorder.ends, 1);
    EXPECT_EQ(host_.host.tend(), 1U);
    old.reset();
    EXPECT_EQ(host_.host.tend(), 0U);
    EXPECT_EQ(states(), Texts({"odd 2 started"}));
    EXPECT_EQ(host_.host.provider("odd"), fresh->provider());
}

TEST_F(Generations, open_call_keeps_a_removed_instance_until_it_ends) {
    auto share = obtain(odd("open"));
    Recorder recorder;
    ASSERT_TRUE(host_.generate(*share->provider(), recorder));
    host_.executor.run();
    host_.host.replace({}, kLong);
    share.reset();
    EXPECT_EQ(host_.host.tend(), 1U);
    EXPECT_EQ(states(), Texts({"odd 1 draining (leaving)"}));
    EXPECT_EQ(recorder.ends, 0);
    recorder.call->cancel();
    host_.executor.run();
    EXPECT_EQ(recorder.ends, 1);
    EXPECT_EQ(host_.host.tend(), 0U);
    EXPECT_EQ(states(), Texts());
}

TEST_F(Generations, calls_that_outlast_the_drain_time_are_cancelled) {
    auto share = obtain(odd("open"));
    Recorder recorder;
    ASSERT_TRUE(host_.generate(*share->provider(), recorder));
    host_.executor.run();
    host_.host.replace({}, milliseconds(0));
    EXPECT_EQ(host_.host.tend(), 1U);
    host_.executor.run();
    EXPECT_EQ(recorder.ends, 1);
    EXPECT_TRUE(recorder.has_failed);
    EXPECT_EQ(host_.host.tend(), 0U);
    EXPECT_TRUE(host_.log.has("cut off"));
}

TEST_F(Generations, share_outlives_its_instance_and_is_then_refused) {
    const auto old = obtain(odd("none"));
    const auto fresh = obtain(odd("open"));
    host_.host.replace({fresh}, milliseconds(0));
    EXPECT_EQ(host_.host.tend(), 0U);
    Recorder recorder;
    const auto refused = host_.generate(*old->provider(), recorder);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::draining);
    EXPECT_EQ(old->id(), "odd");
}

TEST_F(Generations, one_that_fails_to_start_leaves_those_that_run) {
    auto good = ManualHost::config("good");
    good.id = "same";
    const auto share = obtain(good);
    for (const auto* plugin : {"fails_create", "fails_start", "lacks_interface", "no_such_plugin"}) {
        auto bad = ManualHost::config(plugin);
        bad.id = "same";
        EXPECT_FALSE(host_.host.obtain(bad)) << plugin;
    }
    EXPECT_EQ(host_.host.tend(), 0U);
    EXPECT_EQ(states(), Texts({"same 1 started"}));
    EXPECT_EQ(host_.host.provider("same"), share->provider());
}

TEST_F(Generations, new_one_that_nobody_takes_is_taken_down_again) {
    const auto kept = obtain(odd("none"));
    host_.host.replace({kept}, kLong);
    obtain(odd("open")).reset();  // the rest of its configuration was refused
    EXPECT_EQ(host_.host.tend(), 0U);
    EXPECT_EQ(states(), Texts({"odd 1 started"}));
}

TEST_F(Generations, old_configuration_finds_its_instance_again_while_that_still_serves) {
    const auto first = obtain(odd("none"));
    const auto second = obtain(odd("open"));
    host_.host.replace({second}, kLong);
    EXPECT_EQ(obtain(odd("none")), first);
    host_.host.replace({first}, kLong);
    EXPECT_EQ(states(), Texts({"odd 1 started", "odd 2 started (leaving)"}));
}

TEST_F(Generations, stop_ends_all_of_them) {
    const auto old = obtain(odd("open"));
    const auto fresh = obtain(odd("none"));
    host_.host.replace({fresh}, kLong);
    EXPECT_TRUE(host_.host.stop(milliseconds(0)));
    EXPECT_EQ(host_.host.tend(), 0U);
    for (const auto& status : host_.host.status()) {
        EXPECT_EQ(status.state, InstanceState::destroyed);
    }
}

TEST_F(Generations, violations_of_those_that_are_gone_still_count) {
    auto old = obtain(odd("done_twice"));
    Recorder recorder;
    ASSERT_TRUE(host_.generate(*old->provider(), recorder));
    host_.executor.run();
    recorder.call.reset();
    host_.executor.run();
    const auto before = host_.host.contract_violations().at("odd");
    EXPECT_GT(before, 0U);
    host_.host.replace({}, kLong);
    old.reset();
    EXPECT_EQ(host_.host.tend(), 0U);
    EXPECT_EQ(host_.host.contract_violations().at("odd"), before);
}

}  // namespace
}  // namespace eco2::contract
