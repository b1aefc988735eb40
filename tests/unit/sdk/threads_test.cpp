#include "unit/sdk/line_dialect.hpp"

#include "eco2/plugin/sync_provider.hpp"
#include "eco2/testing/fake_host.hpp"
#include "eco2/testing/recording_sink.hpp"
#include "eco2/testing/test_instance.hpp"
#include "eco2/testing/test_request.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using eco2::testing::FakeHost;
using eco2::testing::RecordingSink;
using eco2::testing::ScriptedExchange;
using eco2::testing::TestInstance;
using eco2::testing::TestRequest;
using Strings = std::vector<std::string>;

constexpr int kRounds = 60;

/// Runs I/O tasks and blocking tasks on a thread each until it goes out of scope.
class Threads {
public:
    explicit Threads(FakeHost& host)
        : host_(host),
          io_([this, &host] { run([&] { return host.executor().run_one_io(); }); }),
          pool_([this, &host] { run([&] { return host.executor().run_one_blocking(); }); }) {}
    ~Threads() {
        is_over_.store(true);
        io_.join();
        pool_.join();
        host_.run_until_idle();  // a timer that was cancelled at the last moment still has its task to run
    }

private:
    template <class Step>
    void run(Step step) {
        while (!is_over_.load()) {
            if (!step()) {
                std::this_thread::yield();
            }
        }
    }
    FakeHost& host_;
    std::atomic<bool> is_over_{false};
    std::thread io_;
    std::thread pool_;
};

void wait_until_done(const RecordingSink& sink) {
    while (!sink.is_done()) {
        std::this_thread::yield();
    }
}

ScriptedExchange answer() {
    ScriptedExchange script;
    script.body = "a\nb\nc\nd\nend\n";
    script.cuts = {1, 2, 3, 4, 6, 7, 9};
    return script;
}

template <class Plugin>
struct Fixture {
    FakeHost host;
    TestInstance instance{host, eco2::plugin::descriptor<Plugin>(), ""};
    TestRequest request;
    RecordingSink sink;

    void start() {
        const eco2_provider* provider = instance.provider();
        ASSERT_EQ(sink.start([&](auto* to, auto** out) { return provider->generate(provider->self, request.abi(), to, out); }),
                  ECO2_OK);
    }
};

using Lines = Fixture<eco2::tests::LineDialect>;

TEST(HttpDialectThreads, resume_from_another_thread_is_never_lost) {
    for (int round = 0; round < kRounds; ++round) {
        Lines f;
        std::atomic<int> pauses{0};
        f.sink.delta_hook = [&](std::size_t) {
            pauses.fetch_add(1);
            return ECO2_PAUSE;
        };
        f.host.http().script(answer());
        {
            const Threads threads(f.host);
            f.start();
            int answered = 0;
            while (!f.sink.is_done()) {
                if (answered < pauses.load()) {
                    ++answered;
                    f.sink.resume();
                }
            }
        }
        EXPECT_EQ(f.sink.text(), "abcd");
        EXPECT_EQ(f.sink.breaches(), Strings{});
        f.sink.release();
        EXPECT_EQ(f.host.http().open_count(), 0u);
    }
}

TEST(HttpDialectThreads, cancel_at_any_moment_completes_once) {
    for (int round = 0; round < kRounds; ++round) {
        Lines f;
        f.host.http().script(answer());
        {
            const Threads threads(f.host);
            f.start();
            for (int spin = 0; spin < round; ++spin) {
                std::this_thread::yield();
            }
            f.sink.cancel();
            wait_until_done(f.sink);
        }
        EXPECT_EQ(f.sink.breaches(), Strings{});
        f.sink.release();
        EXPECT_EQ(f.host.http().open_count(), 0u);
    }
}

TEST(HttpDialectThreads, release_at_any_moment_frees_everything_once) {
    for (int round = 0; round < kRounds; ++round) {
        Lines f;
        f.host.http().script(answer());
        {
            const Threads threads(f.host);
            f.start();
            for (int spin = 0; spin < round % 50; ++spin) {
                std::this_thread::yield();
            }
            f.sink.release();
            wait_until_done(f.sink);
        }
        EXPECT_EQ(f.sink.text(), "abcd");
        EXPECT_EQ(f.sink.breaches(), Strings{});
        EXPECT_EQ(f.host.http().open_count(), 0u);
    }
}

class Counter final : public eco2::plugin::Plugin<eco2::plugin::SyncProvider> {
public:
    static constexpr std::string_view kId = "counter";
    static constexpr std::string_view kVersion = "1";
    static constexpr std::string_view kSchema = "{}";

    static eco2::plugin::Result<std::unique_ptr<Counter>> create(const eco2::plugin::Host& host, std::string_view) {
        return std::make_unique<Counter>(host);
    }
    explicit Counter(const eco2::plugin::Host& host) : Plugin(host) {}

    eco2::plugin::Result<eco2::plugin::FinishReason> generate(const eco2::plugin::GenerateRequest&,
                                                              eco2::plugin::DeltaWriter& out,
                                                              eco2::plugin::StopToken stop) override {
        for (int index = 0; index < 8 && !stop.stop_requested(); ++index) {
            out.text("x");
        }
        return eco2::plugin::FinishReason::stop;
    }
};

TEST(SyncProviderThreads, a_paused_reader_makes_the_work_wait_for_resume) {
    for (int round = 0; round < kRounds; ++round) {
        Fixture<Counter> f;
        std::atomic<int> pauses{0};
        f.sink.delta_hook = [&](std::size_t) {
            pauses.fetch_add(1);
            return ECO2_PAUSE;
        };
        {
            const Threads threads(f.host);
            f.start();
            int answered = 0;
            while (!f.sink.is_done()) {
                if (answered < pauses.load()) {
                    ++answered;
                    f.sink.resume();
                }
            }
        }
        EXPECT_EQ(f.sink.text(), "xxxxxxxx");
        EXPECT_EQ(f.sink.breaches(), Strings{});
    }
}

TEST(SyncProviderThreads, cancel_wakes_work_that_waits) {
    for (int round = 0; round < kRounds; ++round) {
        Fixture<Counter> f;
        f.sink.delta_hook = [](std::size_t) { return ECO2_PAUSE; };
        {
            const Threads threads(f.host);
            f.start();
            for (int spin = 0; spin < round; ++spin) {
                std::this_thread::yield();
            }
            f.sink.cancel();
            wait_until_done(f.sink);
        }
        EXPECT_EQ(f.sink.result().status, ECO2_CANCELLED);
        EXPECT_LE(f.sink.deltas().size(), 1u);
        EXPECT_EQ(f.sink.breaches(), Strings{});
    }
}

}  // namespace
