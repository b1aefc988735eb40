#include "app/worker_process.hpp"

#include "app/commands.hpp"

#include <sys/wait.h>
#include <system_error>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace eco2::app {
namespace {

constexpr auto kEndingLook = std::chrono::milliseconds(20);  // somebody waits

void close_descriptor(int& fd) {
    if (fd >= 0) {
        ::close(std::exchange(fd, -1));
    }
}

std::string exit_text(int exit) {
    return exit < 0 ? "signal " + std::to_string(-exit) : "code " + std::to_string(exit);
}

std::string seconds_text(std::chrono::nanoseconds duration) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

/// What a new program begins with.
class SpawnSettings {
public:
    explicit SpawnSettings(int standard_input) {
        posix_spawn_file_actions_init(&actions_);
        posix_spawn_file_actions_adddup2(&actions_, standard_input, STDIN_FILENO);
        // Sockets of clients and the listener among them: Asio makes them without FD_CLOEXEC.
        posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
        sigset_t none;
        sigemptyset(&none);
        sigset_t defaults = none;
        sigaddset(&defaults, SIGPIPE);
        posix_spawnattr_init(&attributes_);
        posix_spawnattr_setsigmask(&attributes_, &none);
        posix_spawnattr_setsigdefault(&attributes_, &defaults);
        // A group of its own: Ctrl-C at a terminal is for this process, which then ends the other in order.
        posix_spawnattr_setpgroup(&attributes_, 0);
        posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    ~SpawnSettings() {
        posix_spawnattr_destroy(&attributes_);
        posix_spawn_file_actions_destroy(&actions_);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;

    /// 0, or what went wrong.
    int spawn(std::vector<std::string> command, pid_t& pid) const {
        std::vector<char*> arguments;
        for (auto& argument : command) {
            arguments.push_back(argument.data());
        }
        arguments.push_back(nullptr);
        return ::posix_spawn(&pid, arguments.front(), &actions_, &attributes_, arguments.data(), environ);
    }

private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

}  // namespace

RestartPause::Ms RestartPause::after(int exit, std::chrono::nanoseconds ran) {
    if (ran >= limits_.settled) {
        next_ = limits_.least;
    }
    if (exit == kOk || exit == kConfig) {
        return limits_.most;
    }
    return std::exchange(next_, std::min(next_ * 2, limits_.most));
}

WorkerProcess::WorkerProcess(Options options)
    : options_(std::move(options)), pause_(options_.pauses), thread_([this] { run(); }) {}

WorkerProcess::~WorkerProcess() {
    stop();
}

void WorkerProcess::ask_to_stop() {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    changed_.notify_one();
}

void WorkerProcess::stop() {
    ask_to_stop();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void WorkerProcess::run() {
    pthread_setname_np(pthread_self(), "eco2-worker");
    std::unique_lock lock(mutex_);
    while (!is_stopping_ || is_running()) {
        const bool is_stopping = is_stopping_;
        lock.unlock();
        reap();
        if (is_stopping || is_ending_ || !options_.is_wanted()) {
            end();
        } else if (!is_running() && std::chrono::steady_clock::now() >= not_before_) {
            start();
        }
        lock.lock();
        if (is_ending_) {
            changed_.wait_for(lock, kEndingLook);
        } else {
            changed_.wait_for(lock, options_.look, [this] { return is_stopping_; });
        }
    }
}

void WorkerProcess::start() {
    int ends[2] = {-1, -1};
    int error = ::pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno;
    pid_t pid = 0;
    if (error == 0) {
        error = SpawnSettings(ends[0]).spawn(options_.command, pid);
    }
    close_descriptor(ends[0]);
    started_ = std::chrono::steady_clock::now();
    if (error != 0) {
        close_descriptor(ends[1]);
        const auto pause = pause_.after(kFailed, {});
        not_before_ = started_ + pause;
        options_.log->error("cannot start the batch process",
                            {{"program", options_.command.front()},
                             {"detail", std::generic_category().message(error)},
                             {"again_in_ms", std::to_string(pause.count())}});
        return;
    }
    lifeline_ = ends[1];
    pid_ = pid;
    options_.up.set(1);
    if (std::exchange(is_restart_, true)) {
        options_.restarts_total.add();
    }
    options_.log->info("batch process started", {{"pid", std::to_string(pid)}});
}

void WorkerProcess::reap() {
    const pid_t pid = pid_;
    int status = 0;
    const pid_t ended = pid != 0 ? ::waitpid(pid, &status, WNOHANG) : 0;
    if (ended == 0 || (ended < 0 && errno == EINTR)) {
        return;
    }
    // Where SIGCHLD was ignored by whoever started this process, the kernel does not keep how it ended.
    const int exit = ended < 0 ? kFailed : WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    close_descriptor(lifeline_);
    pid_ = 0;
    options_.up.set(0);
    const auto now = std::chrono::steady_clock::now();
    if (std::exchange(is_ending_, false)) {
        is_restart_ = false;
        not_before_ = now;
        options_.log->info("batch process stopped", {{"pid", std::to_string(pid)}, {"exit", exit_text(exit)}});
        return;
    }
    const auto pause = pause_.after(exit, now - started_);
    not_before_ = now + pause;
    options_.log->warn(exit == kConfig ? "batch process refuses its configuration" : "batch process ended",
                       {{"pid", std::to_string(pid)},
                        {"exit", exit_text(exit)},
                        {"ran_s", seconds_text(now - started_)},
                        {"again_in_ms", std::to_string(pause.count())}});
}

void WorkerProcess::end() {
    if (!is_running()) {
        return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (!std::exchange(is_ending_, true)) {
        kill_at_ = now + options_.stop_max;
        ::kill(pid_, SIGTERM);
    } else if (now >= kill_at_) {
        options_.log->warn("batch process killed, since it did not stop", {{"pid", std::to_string(pid_)}});
        ::kill(pid_, SIGKILL);
        kill_at_ = now + options_.stop_max;
    }
}

void exit_when_parent_goes(int fd) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([fd] {
        ::pthread_setname_np(::pthread_self(), "eco2-parent");
        char byte = 0;
        ssize_t size = 0;
        do {
            size = ::read(fd, &byte, 1);
        } while (size > 0 || (size < 0 && errno == EINTR));
        ::_exit(kFailed);
    }).detach();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace eco2::app
