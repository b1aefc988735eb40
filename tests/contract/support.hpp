#pragma once

#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "model/calls.hpp"
#include "model/http_client.hpp"
#include "plugin_host/plugin_host.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

/// What the contract tests put in place of the host's doors.
namespace eco2::contract {

class ManualClock final : public Clock {
public:
    Monotonic now() const noexcept override { return now_; }
    std::int64_t wall_ns() const noexcept override { return 1'700'000'000'000'000'000; }
    void advance(std::chrono::nanoseconds by) { now_ += std::chrono::duration_cast<Monotonic::duration>(by); }

private:
    Monotonic now_ = Monotonic(std::chrono::seconds(1'000));
};

/// One I/O thread that runs when the test says so. Posts from other threads are taken too.
class ManualExecutor final : public Executor {
public:
    ManualExecutor();
    ~ManualExecutor() override;

    void post(Task task) override;
    std::unique_ptr<Timer> post_after(std::chrono::nanoseconds delay, Task task) override;
    bool run_blocking(Task work, Task done) override;
    int current_thread() const noexcept override;
    void post_to(int thread, Task task) override;

    /// The next task that waits. False: none.
    bool step();
    void run() {
        while (step()) {
        }
    }
    /// Runs until `is_done`, also what other threads post; fails the test after ten seconds.
    void run_until(const std::function<bool()>& is_done);
    void advance(std::chrono::nanoseconds by);
    ManualClock& clock() noexcept { return clock_; }

private:
    struct ManualTimer;
    std::thread::id home_ = std::this_thread::get_id();
    ManualClock clock_;
    std::mutex mutex_;
    std::deque<std::pair<Task, TaskFate>> queue_;
    std::multimap<Clock::Monotonic, std::shared_ptr<Task>> timers_;
};

/// Real threads: `count` I/O threads, one timer thread, one blocking thread.
class ThreadExecutor final : public Executor {
public:
    explicit ThreadExecutor(int count);
    ~ThreadExecutor() override;

    void post(Task task) override;
    std::unique_ptr<Timer> post_after(std::chrono::nanoseconds delay, Task task) override;
    bool run_blocking(Task work, Task done) override;
    int current_thread() const noexcept override;
    void post_to(int thread, Task task) override;

private:
    struct Loop {
        std::mutex mutex;
        std::condition_variable has_work;
        std::deque<std::pair<Task, TaskFate>> queue;
        bool is_stopping = false;
        std::thread thread;
    };
    struct Pending;
    struct ThreadTimer;

    void run(Loop& loop, int index);
    static void push(Loop& loop, Task task, TaskFate fate);
    void run_timers();
    int here_or_any() const noexcept;

    std::vector<std::unique_ptr<Loop>> loops_;  // the last one is the blocking thread
    std::mutex timer_mutex_;
    std::condition_variable timer_changed_;
    std::multimap<std::chrono::steady_clock::time_point, std::shared_ptr<Pending>> timers_;
    bool is_stopping_ = false;
    std::thread timer_thread_;
    mutable std::atomic<unsigned> next_{0};
};

/// Remembers requests; the test answers them.
class FakeHttp final : public HttpClientDoor {
public:
    struct Exchange {
        HttpRequest request;
        HttpObserver* observer = nullptr;
        bool is_cancelled = false;
        int resumed = 0;
    };
    Result<std::unique_ptr<HttpCall>> start(HttpRequest request, HttpObserver& observer) override;

    std::vector<std::shared_ptr<Exchange>> exchanges;
    Executor* executor = nullptr;  // posts the end of a cancelled exchange
};

class FakeMetrics final : public plugin_host::MetricsDoor {
public:
    std::uint64_t define(Kind kind, std::string name, std::string help, std::vector<std::string> labels) override;
    void record(std::uint64_t metric, double value, std::span<const std::string_view> labels) override;

    std::vector<std::string> names;
    std::map<std::string, double> values;  // by the labels, joined with ','
    std::mutex mutex;
};

class FakeLog final : public Log {
public:
    bool enabled(LogLevel) const noexcept override { return true; }
    void write(LogLevel level, std::string_view message, std::span<const LogField> fields) noexcept override;
    bool has(std::string_view part);

private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

/// Writes down what a call tells.
class Recorder final : public CallObserver {
public:
    Flow on_text(std::string_view text) override;
    void on_usage(const Usage&) override {}
    void on_meta(const CallMeta&) override {}
    void on_result(std::string_view json, std::string_view meta) override;
    void on_done(FinishReason finish, const CallError* error) override;

    std::string text;
    std::string result;
    std::string meta;
    int pieces = 0;
    std::atomic<int> ends{0};
    FinishReason finish = FinishReason::none;
    CallError error;
    bool has_failed = false;
    int cancel_at = -1;   // cancel inside the n-th piece
    int destroy_at = -1;  // destroy the call inside the n-th piece
    bool pauses = false;  // after each piece
    bool destroys_at_end = true;
    std::unique_ptr<Call> call;
};

/// A host over manual doors, with one instance of a contract plugin.
class ManualHost {
public:
    explicit ManualHost(plugin_host::Options options = default_options());

    static plugin_host::Options default_options();
    static plugin_host::InstanceConfig config(std::string plugin, std::string config_json = "{}");

    Result<void> load(const std::string& plugin, const std::string& config_json = "{}") {
        return host.load(config(plugin, config_json));
    }
    /// Loads the odd provider.
    ProviderDoor& odd(const std::string& behaviour);
    /// Starts a call on it; the recorder gets the handle.
    Result<void> generate(ProviderDoor& door, Recorder& recorder, GenerateRequest request = {});
    plugin_host::InstanceStatus status() { return host.status().front(); }

    ManualExecutor executor;
    FakeHttp http;
    FakeLog log;
    FakeMetrics metrics;
    plugin_host::PluginHost host;
};

std::string odd_config(const std::string& behaviour);

}  // namespace eco2::contract
