#include "contract/support.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace eco2::contract {
namespace {
thread_local int loop_index = -1;
}

// ---- one manual thread ----

struct ManualExecutor::ManualTimer final : Timer {
    ManualTimer(ManualExecutor& executor, std::shared_ptr<Task> held) : executor_(executor), task(std::move(held)) {}
    ~ManualTimer() override {
        const std::lock_guard lock(executor_.mutex_);
        const auto found = std::find_if(
            executor_.timers_.begin(), executor_.timers_.end(), [this](const auto& entry) { return entry.second == task; });
        if (found != executor_.timers_.end()) {
            executor_.timers_.erase(found);
            executor_.queue_.emplace_back(std::move(*task), TaskFate::dropped);
        }
    }
    ManualExecutor& executor_;
    std::shared_ptr<Task> task;
};

ManualExecutor::ManualExecutor() = default;

ManualExecutor::~ManualExecutor() {
    run();
}

void ManualExecutor::post(Task task) {
    const std::lock_guard lock(mutex_);
    queue_.emplace_back(std::move(task), TaskFate::due);
}

void ManualExecutor::post_to(int, Task task) {
    post(std::move(task));
}

std::unique_ptr<Timer> ManualExecutor::post_after(std::chrono::nanoseconds delay, Task task) {
    auto held = std::make_shared<Task>(std::move(task));
    const std::lock_guard lock(mutex_);
    timers_.emplace(clock_.now() + std::chrono::duration_cast<Clock::Monotonic::duration>(delay), held);
    return std::make_unique<ManualTimer>(*this, held);
}

bool ManualExecutor::run_blocking(Task work, Task done) {
    post([work = std::move(work), done = std::move(done)](TaskFate fate) {
        work(fate);
        done(fate);
    });
    return true;
}

int ManualExecutor::current_thread() const noexcept {
    return std::this_thread::get_id() == home_ ? 0 : -1;
}

bool ManualExecutor::step() {
    std::pair<Task, TaskFate> next;
    {
        const std::lock_guard lock(mutex_);
        if (queue_.empty()) {
            return false;
        }
        next = std::move(queue_.front());
        queue_.pop_front();
    }
    next.first(next.second);
    return true;
}

void ManualExecutor::run_until(const std::function<bool()>& is_done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!is_done()) {
        ASSERT_LT(std::chrono::steady_clock::now(), limit) << "waited too long";
        if (!step()) {
            std::this_thread::yield();
        }
    }
}

void ManualExecutor::advance(std::chrono::nanoseconds by) {
    clock_.advance(by);
    {
        const std::lock_guard lock(mutex_);
        while (!timers_.empty() && timers_.begin()->first <= clock_.now()) {
            queue_.emplace_back(std::move(*timers_.begin()->second), TaskFate::due);
            timers_.erase(timers_.begin());
        }
    }
    run();
}

// ---- real threads ----

struct ThreadExecutor::Pending {
    Task task;
    int thread;
};

struct ThreadExecutor::ThreadTimer final : Timer {
    ThreadTimer(ThreadExecutor& executor, std::shared_ptr<Pending> held) : executor_(executor), pending(std::move(held)) {}
    ~ThreadTimer() override {
        std::shared_ptr<Pending> dropped;
        {
            const std::lock_guard lock(executor_.timer_mutex_);
            const auto found = std::find_if(executor_.timers_.begin(), executor_.timers_.end(), [this](const auto& entry) {
                return entry.second == pending;
            });
            if (found != executor_.timers_.end()) {
                dropped = found->second;
                executor_.timers_.erase(found);
            }
        }
        if (dropped != nullptr) {
            push(*executor_.loops_[static_cast<std::size_t>(dropped->thread)], std::move(dropped->task), TaskFate::dropped);
        }
    }
    ThreadExecutor& executor_;
    std::shared_ptr<Pending> pending;
};

ThreadExecutor::ThreadExecutor(int count) {
    for (int i = 0; i <= count; ++i) {
        loops_.push_back(std::make_unique<Loop>());
    }
    for (int i = 0; i <= count; ++i) {
        auto& loop = *loops_[static_cast<std::size_t>(i)];
        loop.thread = std::thread([this, &loop, index = i == count ? -1 : i] { run(loop, index); });
    }
    timer_thread_ = std::thread([this] { run_timers(); });
}

ThreadExecutor::~ThreadExecutor() {
    {
        const std::lock_guard lock(timer_mutex_);
        is_stopping_ = true;
    }
    timer_changed_.notify_all();
    timer_thread_.join();
    for (auto& loop : loops_) {
        {
            const std::lock_guard lock(loop->mutex);
            loop->is_stopping = true;
        }
        loop->has_work.notify_all();
    }
    for (auto& loop : loops_) {
        loop->thread.join();
    }
}

void ThreadExecutor::push(Loop& loop, Task task, TaskFate fate) {
    {
        const std::lock_guard lock(loop.mutex);
        loop.queue.emplace_back(std::move(task), fate);
    }
    loop.has_work.notify_one();
}

void ThreadExecutor::run(Loop& loop, int index) {
    loop_index = index;
    std::unique_lock lock(loop.mutex);
    for (;;) {
        loop.has_work.wait(lock, [&loop] { return loop.is_stopping || !loop.queue.empty(); });
        if (loop.queue.empty()) {
            return;
        }
        auto next = std::move(loop.queue.front());
        loop.queue.pop_front();
        lock.unlock();
        next.first(next.second);
        next.first = nullptr;
        lock.lock();
    }
}

void ThreadExecutor::run_timers() {
    std::unique_lock lock(timer_mutex_);
    while (!is_stopping_) {
        if (timers_.empty()) {
            timer_changed_.wait(lock);
        } else if (timers_.begin()->first > std::chrono::steady_clock::now()) {
            const auto due = timers_.begin()->first;  // a copy: the timer may go while this waits
            timer_changed_.wait_until(lock, due);
        } else {
            const auto due = timers_.begin()->second;
            timers_.erase(timers_.begin());
            push(*loops_[static_cast<std::size_t>(due->thread)], std::move(due->task), TaskFate::due);
        }
    }
}

int ThreadExecutor::here_or_any() const noexcept {
    return loop_index >= 0 ? loop_index : static_cast<int>(next_++ % (loops_.size() - 1));
}

void ThreadExecutor::post(Task task) {
    post_to(here_or_any(), std::move(task));
}

void ThreadExecutor::post_to(int thread, Task task) {
    push(*loops_[static_cast<std::size_t>(thread)], std::move(task), TaskFate::due);
}

std::unique_ptr<Timer> ThreadExecutor::post_after(std::chrono::nanoseconds delay, Task task) {
    auto pending = std::make_shared<Pending>(Pending{std::move(task), here_or_any()});
    {
        const std::lock_guard lock(timer_mutex_);
        timers_.emplace(
            std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(delay), pending);
    }
    timer_changed_.notify_all();
    return std::make_unique<ThreadTimer>(*this, pending);
}

bool ThreadExecutor::run_blocking(Task work, Task done) {
    const int back = here_or_any();
    push(
        *loops_.back(),
        [this, back, work = std::move(work), done = std::move(done)](TaskFate fate) {
            work(fate);
            post_to(back, done);
        },
        TaskFate::due);
    return true;
}

int ThreadExecutor::current_thread() const noexcept {
    return loop_index;
}

// ---- the other doors ----

namespace {
class FakeHttpCall final : public HttpCall {
public:
    FakeHttpCall(FakeHttp& http, std::shared_ptr<FakeHttp::Exchange> exchange) : http_(http), exchange_(std::move(exchange)) {}
    void resume() override { ++exchange_->resumed; }
    void cancel() override {
        if (std::exchange(exchange_->is_cancelled, true) || http_.executor == nullptr) {
            return;
        }
        http_.executor->post([held = exchange_](TaskFate) {
            const Error error = fail(Errc::cancelled, "cancelled");
            held->observer->on_done(&error);
        });
    }

private:
    FakeHttp& http_;
    std::shared_ptr<FakeHttp::Exchange> exchange_;
};
}  // namespace

Result<std::unique_ptr<HttpCall>> FakeHttp::start(HttpRequest request, HttpObserver& observer) {
    auto exchange = std::make_shared<Exchange>();
    exchange->request = std::move(request);
    exchange->observer = &observer;
    exchanges.push_back(exchange);
    return std::unique_ptr<HttpCall>(std::make_unique<FakeHttpCall>(*this, exchange));
}

std::uint64_t FakeMetrics::define(Kind, std::string name, std::string, std::vector<std::string>) {
    names.push_back(std::move(name));
    return names.size();
}

void FakeMetrics::record(std::uint64_t, double value, std::span<const std::string_view> labels) {
    std::string key;
    for (const auto label : labels) {
        key.append(key.empty() ? "" : ",").append(label);
    }
    const std::lock_guard lock(mutex);
    values[key] += value;
}

void FakeLog::write(LogLevel, std::string_view message, std::span<const LogField> fields) noexcept {
    std::string line(message);
    for (const auto& field : fields) {
        line.append(" ").append(field.name).append("=").append(field.value);
    }
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
}

bool FakeLog::has(std::string_view part) {
    const std::lock_guard lock(mutex_);
    return std::any_of(
        lines_.begin(), lines_.end(), [part](const std::string& line) { return line.find(part) != std::string::npos; });
}

// ---- an observer ----

CallObserver::Flow Recorder::on_text(std::string_view piece) {
    text += piece;
    const int index = pieces++;
    if (index == cancel_at) {
        call->cancel();
    }
    if (index == destroy_at) {
        call.reset();
    }
    return pauses ? Flow::pause : Flow::go_on;
}

void Recorder::on_result(std::string_view json, std::string_view about) {
    result = json;
    meta = about;
}

void Recorder::on_done(FinishReason reason, const CallError* failure) {
    finish = reason;
    has_failed = failure != nullptr;
    if (has_failed) {
        error = *failure;
    }
    if (destroys_at_end) {
        call.reset();
    }
    ++ends;
}

// ---- a host ----

std::string odd_config(const std::string& behaviour) {
    return R"({"behaviour":")" + behaviour + R"("})";
}

ManualHost::ManualHost(plugin_host::Options options)
    : host(plugin_host::Doors{executor, http, executor.clock(), log, metrics}, std::move(options)) {
    http.executor = &executor;
}

plugin_host::Options ManualHost::default_options() {
    return {.directories = {CONTRACT_PLUGINS}, .is_production = false};
}

plugin_host::InstanceConfig ManualHost::config(std::string plugin, std::string config_json) {
    plugin_host::InstanceConfig config;
    config.id = plugin;
    config.plugin = std::move(plugin);
    config.config_json = std::move(config_json);
    return config;
}

ProviderDoor& ManualHost::odd(const std::string& behaviour) {
    const auto loaded = load("odd_provider", odd_config(behaviour));
    EXPECT_TRUE(loaded) << loaded.error().text();
    return *host.provider("odd_provider");
}

Result<void> ManualHost::generate(ProviderDoor& door, Recorder& recorder, GenerateRequest request) {
    auto started = door.generate(std::make_shared<const GenerateRequest>(std::move(request)), recorder);
    if (!started) {
        return started.error();
    }
    recorder.call = std::move(*started);
    return {};
}

}  // namespace eco2::contract
