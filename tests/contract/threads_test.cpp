#include "base/limits.hpp"
#include "contract/support.hpp"

#include <chrono>
#include <future>

namespace eco2::contract {
namespace {

using std::chrono::milliseconds;

class ThreadHost {
public:
    explicit ThreadHost(const std::string& behaviour) {
        const auto loaded = host.load(ManualHost::config("odd_provider", odd_config(behaviour)));
        EXPECT_TRUE(loaded) << loaded.error().text();
        door = host.provider("odd_provider");
    }

    /// Starts a call on one of the I/O threads.
    void start(int thread, Recorder& seen) {
        executor.post_to(thread, [this, &seen](TaskFate) {
            auto started = door->generate(std::make_shared<const GenerateRequest>(), seen);
            if (started) {
                seen.call = std::move(*started);
            } else {
                seen.has_failed = true;
                seen.error.error = started.error();
                ++seen.ends;
            }
        });
    }
    void on(int thread, std::function<void()> work) {
        std::promise<void> done;
        executor.post_to(thread, [&](TaskFate) {
            work();
            done.set_value();
        });
        done.get_future().wait();
    }
    static void wait_for(const std::function<bool()>& condition) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!condition()) {
            ASSERT_LT(std::chrono::steady_clock::now(), limit) << "waited too long";
            std::this_thread::yield();
        }
    }

    FakeHttp http;
    FakeLog log;
    FakeMetrics metrics;
    ThreadExecutor executor{4};
    plugin_host::PluginHost host{{executor, http, system_clock(), log, metrics}, ManualHost::default_options()};
    ProviderDoor* door = nullptr;
};

class ConcurrentCalls : public testing::TestWithParam<const char*> {};

TEST_P(ConcurrentCalls, sixty_four_from_four_threads_end_once_each) {
    ThreadHost host(GetParam());
    std::vector<std::unique_ptr<Recorder>> all;
    for (int i = 0; i < 64; ++i) {
        all.push_back(std::make_unique<Recorder>());
        host.start(i % 4, *all.back());
    }
    for (const auto& seen : all) {
        ThreadHost::wait_for([&] { return seen->ends > 0; });
    }
    ASSERT_TRUE(host.host.stop(milliseconds(5'000)));
    for (const auto& seen : all) {
        EXPECT_EQ(seen->ends, 1);
        EXPECT_EQ(seen->text, "abc");
        EXPECT_FALSE(seen->has_failed) << seen->error.error.text();
    }
    EXPECT_EQ(host.host.status().front().contract_violations, 0U);
}

INSTANTIATE_TEST_SUITE_P(Each, ConcurrentCalls, testing::Values("none", "own_thread"));

TEST(PluginThreads, cancel_races_with_the_end) {
    for (const auto* behaviour : {"none", "own_thread"}) {
        ThreadHost host(behaviour);
        std::vector<std::unique_ptr<Recorder>> all;
        for (int i = 0; i < 64; ++i) {
            all.push_back(std::make_unique<Recorder>());
            all.back()->destroys_at_end = false;
            host.start(i % 4, *all.back());
        }
        for (int i = 0; i < 64; ++i) {
            host.on(i % 4, [&] { all[static_cast<std::size_t>(i)]->call->cancel(); });
        }
        for (const auto& seen : all) {
            ThreadHost::wait_for([&] { return seen->ends > 0; });
        }
        for (int i = 0; i < 64; ++i) {
            host.on(i % 4, [&] { all[static_cast<std::size_t>(i)]->call.reset(); });
        }
        EXPECT_TRUE(host.host.stop(milliseconds(5'000)));
        for (const auto& seen : all) {
            EXPECT_EQ(seen->ends, 1);
        }
    }
}

TEST(PluginThreads, overlapping_callbacks_fail_the_call) {
    ThreadHost host("overlap");
    Recorder seen;
    host.start(0, seen);
    ThreadHost::wait_for([&] { return seen.ends > 0; });
    EXPECT_TRUE(host.host.stop(milliseconds(5'000)));
    EXPECT_EQ(seen.ends, 1);
    // Whether the two threads met is chance; where they did, the call says so.
    if (host.host.status().front().contract_violations > 0) {
        EXPECT_EQ(seen.error.error.code, Errc::plugin_contract);
    }
}

TEST(PluginThreads, stop_waits_for_an_open_call_and_then_cancels_it) {
    ThreadHost host("open");
    Recorder seen;
    host.start(0, seen);
    ThreadHost::wait_for([&] { return host.host.status().front().calls_open == 1; });
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(host.host.stop(milliseconds(50)));
    EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds(50));
    EXPECT_EQ(seen.ends, 1);
    EXPECT_EQ(seen.error.error.code, Errc::cancelled);
    EXPECT_EQ(host.host.status().front().state, plugin_host::InstanceState::destroyed);
}

TEST(PluginThreads, stop_reports_a_call_that_will_not_end) {
    ThreadHost host("never_done");
    Recorder seen;
    host.start(0, seen);
    ThreadHost::wait_for([&] { return host.host.status().front().calls_open == 1; });
    const auto stopped = host.host.stop(milliseconds(0));
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, Errc::limit_exceeded);
    // The observer is told on an I/O thread when the grace is over; stop does not wait for a thread that is late.
    ThreadHost::wait_for([&] { return seen.ends == 1; });
    EXPECT_EQ(host.host.status().front().state, plugin_host::InstanceState::failed);
}

TEST(PluginThreads, stop_ends_a_timer_that_is_not_due) {
    FakeHttp http;
    FakeLog log;
    FakeMetrics metrics;
    ThreadExecutor executor(2);
    plugin_host::PluginHost host({executor, http, system_clock(), log, metrics}, ManualHost::default_options());
    ASSERT_TRUE(host.load(ManualHost::config("odd_store")));
    EXPECT_TRUE(host.stop(milliseconds(0)));
    EXPECT_TRUE(log.has("timer was cancelled"));
    EXPECT_TRUE(log.has("metrics are defined in create only"));
    EXPECT_EQ(host.status().front().contract_violations, 0U);
}

TEST(PluginThreads, http_from_a_thread_of_the_plugins_runs_on_the_first_io_thread) {
    FakeHttp http;
    FakeLog log;
    FakeMetrics metrics;
    ThreadExecutor executor(1);
    http.executor = &executor;
    plugin_host::PluginHost host({executor, http, system_clock(), log, metrics}, ManualHost::default_options());
    auto config = ManualHost::config("odd_provider", R"({"behaviour":"http_from_own_thread","base_url":"https://a.example"})");
    ASSERT_TRUE(host.load(config));
    auto* door = host.provider("odd_provider");
    Recorder seen;
    GenerateRequest request;
    request.model = "https://a.example/v1";
    executor.post_to(0, [&](TaskFate) { seen.call = *door->generate(std::make_shared<const GenerateRequest>(request), seen); });
    const auto has_begun = [&] {
        std::promise<bool> answer;
        executor.post_to(0, [&](TaskFate) { answer.set_value(!http.exchanges.empty()); });
        return answer.get_future().get();
    };
    ThreadHost::wait_for(has_begun);
    executor.post_to(0, [&](TaskFate) {
        http.exchanges[0]->observer->on_head(200, {});
        http.exchanges[0]->observer->on_body("hello");
        http.exchanges[0]->observer->on_done(nullptr);
    });
    ThreadHost::wait_for([&] { return seen.ends > 0; });
    EXPECT_EQ(seen.text, "hello");
    EXPECT_TRUE(host.stop(milliseconds(1'000)));
}

TEST(PluginThreads, plugin_that_holds_an_io_thread_is_counted) {
    ThreadHost host("slow_start");
    Recorder seen;
    host.start(0, seen);
    ThreadHost::wait_for([&] { return seen.ends > 0; });
    EXPECT_GE(host.host.status().front().slow_calls, 1U);
    EXPECT_TRUE(host.log.has("plugin held an I/O thread"));
}

}  // namespace
}  // namespace eco2::contract
