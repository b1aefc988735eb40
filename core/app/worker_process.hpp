#pragma once

#include "base/log.hpp"
#include "observe/instruments.hpp"

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace eco2::app {

/// How long a program that ended by itself stays ended. Pure.
class RestartPause {
public:
    using Ms = std::chrono::milliseconds;
    struct Limits {
        Ms least{1'000};     // a crash that was a mishap costs a second
        Ms most{60'000};     // one at every start costs nothing worth speaking of
        Ms settled{60'000};  // who ran for so long begins anew
    };

    explicit RestartPause(Limits limits) : limits_(limits), next_(limits.least) {}

    /// `exit`: the exit code, or minus the signal. Doubled from one failure to the next; an end without a failure, and one that
    /// only a person can mend (kConfig), waits for the longest.
    Ms after(int exit, std::chrono::nanoseconds ran);

private:
    const Limits limits_;
    Ms next_;
};

/// A program that runs beside this process while it is wanted: started, watched, started again, and never outliving this
/// process however that ends, if it calls `exit_when_parent_goes`.
///
/// The program's standard input is a pipe whose other end this process alone holds, so that it is closed by the kernel with
/// it. Of other descriptors the program gets standard output and standard error alone; signals are as at a login.
///
/// Thread-safety: any thread. Lifetime: log and metrics outlive it; the destructor stops it.
class WorkerProcess {
public:
    using Ms = std::chrono::milliseconds;

    struct Options {
        std::vector<std::string> command;  // the program's path and its arguments
        std::function<bool()> is_wanted;   // asked on the thread "eco2-worker", once every `look`
        RestartPause::Limits pauses = {};  // after it ended by itself
        Ms look{1'000};                    // a job's file may appear at any time; an end is seen as soon
        Ms stop_max{10'000};               // from SIGTERM to SIGKILL: an exchange with the provider is broken off sooner
        Log* log = &null_log();
        observe::Gauge up = {};                // 1 while it runs
        observe::Counter restarts_total = {};  // starts after an end by itself
    };

    explicit WorkerProcess(Options options);
    ~WorkerProcess();
    WorkerProcess(const WorkerProcess&) = delete;
    WorkerProcess& operator=(const WorkerProcess&) = delete;

    /// SIGTERM, and SIGKILL after `stop_max`; it is not started again. Blocks: never.
    void ask_to_stop();
    /// The same, until it has ended. Blocks: `stop_max` and a little.
    void stop();

    /// 0: it does not run.
    pid_t pid() const noexcept { return pid_; }

private:
    void run();
    void start();
    void reap();
    void end();
    bool is_running() const noexcept { return pid_ != 0; }

    using Time = std::chrono::steady_clock::time_point;

    const Options options_;
    std::atomic<pid_t> pid_ = 0;

    // the thread's own
    RestartPause pause_;
    int lifeline_ = -1;  // the pipe's end that is never written to
    bool is_restart_ = false;
    bool is_ending_ = false;  // SIGTERM was sent
    Time started_{};
    Time not_before_{};
    Time kill_at_{};

    std::mutex mutex_;  // guards is_stopping_
    std::condition_variable changed_;
    bool is_stopping_ = false;
    std::thread thread_;
};

/// For the program that is watched: ends this process, without clean-up, as soon as the other end of `fd` is closed, which
/// happens however the parent ends. From standard input where nobody holds it open, at once. Blocks: never.
void exit_when_parent_goes(int fd);

}  // namespace eco2::app
