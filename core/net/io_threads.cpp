#include "net/io_threads.hpp"

#include "base/assert.hpp"
#include "base/io_thread.hpp"
#include "base/limits.hpp"
#include "net/blocking_pool.hpp"
#include "net/deadline_timer.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace eco2::net {
namespace asio = boost::asio;
namespace intrusive = boost::intrusive;
namespace {

using Steady = std::chrono::steady_clock;
constexpr auto kLagProbeInterval = std::chrono::milliseconds(50);
// Tasks dropped at the end may post others; a chain longer than this is a fault that must not hang the stop.
constexpr int kDrainRoundsMax = 1000;

struct Here {
    const void* owner = nullptr;
    int index = -1;
};
thread_local Here here;

struct IoThread;
using TimerHook = intrusive::list_base_hook<intrusive::link_mode<intrusive::auto_unlink>>;

/// One pending timer: shared by its handle, the wait and, while armed, the thread's list. All fields belong to the thread.
struct TimerState : TimerHook {
    TimerState(IoThread& io, asio::io_context& context, Steady::time_point when, Task what)
        : thread(io), timer(context, when), task(std::move(what)) {}

    void cancel() {
        if (task) {
            is_cancelled = true;
            timer.cancel();
        }
    }

    void finish(bool is_stopping) {
        if (is_linked()) {
            unlink();
        }
        const Task what = std::exchange(task, nullptr);
        what(is_cancelled || is_stopping ? TaskFate::dropped : TaskFate::due);
    }

    IoThread& thread;
    asio::steady_timer timer;
    Task task;
    bool is_cancelled = false;
};

struct IoThread {
    asio::io_context context{1};
    DeadlineTimer deadlines{context};
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
    intrusive::list<TimerState, intrusive::constant_time_size<false>> timers;  // touched on this thread only
    std::thread thread;
    int index = 0;
};

void name_this_thread(const std::string& name) {
    pthread_setname_np(pthread_self(), name.c_str());
}

}  // namespace

class IoThreads::Impl {
public:
    explicit Impl(Options options)
        : options_(std::move(options)), blocking_(options_.blocking_threads, options_.blocking_queue_max) {
        std::size_t count = options_.io_threads;
        if (count == 0) {
            count = std::max(1U, std::thread::hardware_concurrency());
        }
        for (std::size_t i = 0; i < count; ++i) {
            threads_.push_back(std::make_unique<IoThread>());
            threads_.back()->index = static_cast<int>(i);
        }
    }

    ~Impl() {
        stop();
        is_stopping_ = true;
        drain_all();
    }

    void start() {
        ECO2_ASSERT(!is_running_ && !is_stopping_, "threads start once");
        is_running_ = true;
        for (auto& io : threads_) {
            io->work.emplace(io->context.get_executor());
            io->thread = std::thread([this, &io = *io] { run(io); });
        }
        blocking_.start();
    }

    void stop() {
        if (!is_running_) {
            return;
        }
        blocking_.stop();  // first: its `done` tasks still find running loops
        is_stopping_ = true;
        for (auto& io : threads_) {
            io->context.stop();
        }
        for (auto& io : threads_) {
            io->thread.join();
        }
        drain_all();
        is_running_ = false;
    }

    bool is_running() const noexcept { return is_running_; }
    std::size_t size() const noexcept { return threads_.size(); }
    IoThread& thread(std::size_t index) noexcept { return *threads_[index]; }
    std::size_t blocking_queue_depth() const noexcept { return blocking_.depth(); }
    int current_thread() const noexcept { return here.owner == this ? here.index : -1; }

    IoThread& thread_for_caller() noexcept {
        const int index = current_thread();
        return index >= 0 ? thread(static_cast<std::size_t>(index)) : thread(next_++ % threads_.size());
    }

    void post(IoThread& io, Task task) {
        asio::post(io.context, [this, task = std::move(task)]() mutable { std::exchange(task, nullptr)(fate()); });
    }

    std::shared_ptr<TimerState> start_timer(std::chrono::nanoseconds delay, Task task) {
        // A far delay must not wrap around.
        constexpr auto kFar = std::chrono::hours(24 * 365);
        const auto when = Steady::now() + std::min<std::chrono::nanoseconds>(delay, kFar);
        IoThread& io = thread_for_caller();
        auto state = std::make_shared<TimerState>(io, io.context, when, std::move(task));
        if (current_thread() >= 0) {
            arm(state);
        } else {
            asio::post(io.context, [this, state] { arm(state); });
        }
        return state;
    }

    void cancel_timer(const std::shared_ptr<TimerState>& state) {
        if (current_thread() == state->thread.index) {
            state->cancel();
        } else {
            asio::post(state->thread.context, [state] { state->cancel(); });
        }
    }

    bool run_blocking(Task work, Task done) {
        IoThread& origin = thread_for_caller();
        return blocking_.push([&origin, work = std::move(work), done = std::move(done)](TaskFate fate) mutable {
            work(fate);
            work = nullptr;
            asio::post(origin.context, [done = std::move(done), fate] { done(fate); });
        });
    }

private:
    TaskFate fate() const noexcept { return is_stopping_ ? TaskFate::dropped : TaskFate::due; }

    void arm(const std::shared_ptr<TimerState>& state) {
        if (!state->is_cancelled && !is_stopping_) {
            state->thread.timers.push_back(*state);
            state->timer.async_wait([this, state](const boost::system::error_code&) { state->finish(is_stopping_); });
        } else {
            asio::post(state->thread.context, [this, state] { state->finish(is_stopping_); });
        }
    }

    void run(IoThread& io) {
        const IoThreadMark mark;
        here = Here{this, io.index};
        name_this_thread("eco2-io-" + std::to_string(io.index));
        // A peer that has gone is told by EPIPE; OpenSSL's socket BIO cannot pass MSG_NOSIGNAL.
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &signals, nullptr);

        asio::steady_timer probe(io.context);
        if (options_.on_lag) {
            probe_lag(probe);
        }
        io.context.run();
        probe.cancel();
        drain(io);
        here = Here{};
    }

    void probe_lag(asio::steady_timer& probe) {
        probe.expires_after(kLagProbeInterval);
        probe.async_wait([this, &probe](const boost::system::error_code& ec) {
            if (ec || is_stopping_) {
                return;
            }
            options_.on_lag(Steady::now() - probe.expiry());
            probe_lag(probe);
        });
    }

    bool drain(IoThread& io) {
        for (TimerState& state : io.timers) {
            state.cancel();
        }
        bool has_run = false;
        io.context.restart();
        for (int round = 0; round < kDrainRoundsMax && io.context.poll() != 0; ++round) {
            has_run = true;
            io.context.restart();
        }
        return has_run;
    }

    // A task dropped on one thread may have posted to another whose loop had ended: go round until all are empty.
    void drain_all() {
        const Here outer = here;
        bool has_run = true;
        for (int round = 0; round < kDrainRoundsMax && has_run; ++round) {
            has_run = false;
            for (auto& io : threads_) {
                here = Here{this, io->index};
                has_run = drain(*io) || has_run;
            }
        }
        here = outer;
    }

    Options options_;
    BlockingPool blocking_;
    std::vector<std::unique_ptr<IoThread>> threads_;
    std::atomic<std::size_t> next_ = 0;
    std::atomic<bool> is_stopping_ = false;
    std::atomic<bool> is_running_ = false;
};

namespace {

template <class Owner, class State>
class TimerHandle final : public Timer {
public:
    TimerHandle(Owner& owner, std::shared_ptr<State> state) : owner_(owner), state_(std::move(state)) {}
    ~TimerHandle() override { owner_.cancel_timer(state_); }

private:
    Owner& owner_;
    std::shared_ptr<State> state_;
};

}  // namespace

IoThreads::Options::Options() : blocking_threads(limits::kBlockingThreads), blocking_queue_max(limits::kBlockingQueueMax) {}

IoThreads::IoThreads(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
IoThreads::~IoThreads() = default;

void IoThreads::start() {
    impl_->start();
}
void IoThreads::stop() {
    impl_->stop();
}
bool IoThreads::is_running() const noexcept {
    return impl_->is_running();
}
std::size_t IoThreads::size() const noexcept {
    return impl_->size();
}
asio::io_context& IoThreads::context(std::size_t index) noexcept {
    return impl_->thread(index).context;
}
DeadlineWheel& IoThreads::deadlines(std::size_t index) noexcept {
    return impl_->thread(index).deadlines.wheel();
}
std::size_t IoThreads::blocking_queue_depth() const noexcept {
    return impl_->blocking_queue_depth();
}

void IoThreads::post(Task task) {
    impl_->post(impl_->thread_for_caller(), std::move(task));
}

std::unique_ptr<Timer> IoThreads::post_after(std::chrono::nanoseconds delay, Task task) {
    return std::make_unique<TimerHandle<Impl, TimerState>>(*impl_, impl_->start_timer(delay, std::move(task)));
}

bool IoThreads::run_blocking(Task work, Task done) {
    return impl_->run_blocking(std::move(work), std::move(done));
}
int IoThreads::current_thread() const noexcept {
    return impl_->current_thread();
}

void IoThreads::post_to(int thread, Task task) {
    ECO2_ASSERT(thread >= 0 && static_cast<std::size_t>(thread) < impl_->size(), "callers pass an index from current_thread");
    impl_->post(impl_->thread(static_cast<std::size_t>(thread)), std::move(task));
}

}  // namespace eco2::net
