#include "e2e/process.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

namespace eco2::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kLook = std::chrono::milliseconds(5);
constexpr int kNotStarted = 127;

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& text : texts) {
        out.push_back(text.data());
    }
    out.push_back(nullptr);
    return out;
}

std::string read_all(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void redirect(int fd, Stream stream, const char* file) {
    if (stream == Stream::closed) {
        ::close(fd);
        return;
    }
    const int opened =
        stream == Stream::full ? ::open("/dev/full", O_WRONLY) : ::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (opened >= 0 && opened != fd) {
        ::dup2(opened, fd);
        ::close(opened);
    }
}

/// Between fork and exec, in a process that may have had threads: nothing here may allocate.
[[noreturn]] void become(
    const Command& command, char* const* arguments, char* const* environment, const char* out, const char* err) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    ::close(nothing);
    redirect(STDOUT_FILENO, command.out, out);
    redirect(STDERR_FILENO, command.err, err);
    ::execve(command.program.c_str(), arguments, environment);
    ::_exit(kNotStarted);
}

}  // namespace

Process::Process(const Command& command, const std::filesystem::path& directory, const std::string& name)
    : out_file_(directory / (name + ".out")), err_file_(directory / (name + ".err")) {
    std::vector<std::string> arguments{command.program.native()};
    arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
    std::vector<std::string> environment;
    for (const auto& [key, value] : command.environment) {
        environment.push_back(key + "=" + value);
    }
    const auto argument_pointers = pointers(arguments);
    const auto environment_pointers = pointers(environment);
    pid_ = ::fork();
    if (pid_ == 0) {
        become(command, argument_pointers.data(), environment_pointers.data(), out_file_.c_str(), err_file_.c_str());
    }
    if (pid_ < 0) {
        std::abort();
    }
    ::setpgid(pid_, pid_);
}

Process::~Process() {
    if (!exit_code_) {
        ::kill(-pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
}

std::optional<int> Process::exit_code_within(std::chrono::milliseconds time) {
    const auto end = Clock::now() + time;
    while (!exit_code_) {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            exit_code_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
        } else if (Clock::now() >= end) {
            break;
        } else {
            std::this_thread::sleep_for(kLook);
        }
    }
    return exit_code_;
}

void Process::signal(int number) const {
    if (!exit_code_) {
        ::kill(pid_, number);
    }
}

std::filesystem::path Process::descriptor(int fd) const {
    std::error_code ec;
    return std::filesystem::read_symlink("/proc/" + std::to_string(pid_) + "/fd/" + std::to_string(fd), ec);
}

std::string Process::out() const {
    return read_all(out_file_);
}
std::string Process::err() const {
    return read_all(err_file_);
}
bool Process::out_has(std::string_view text, std::chrono::milliseconds time) {
    return file_has(out_file_, text, time);
}
bool Process::err_has(std::string_view text, std::chrono::milliseconds time) {
    return file_has(err_file_, text, time);
}

bool Process::file_has(const std::filesystem::path& file, std::string_view text, std::chrono::milliseconds time) {
    const auto end = Clock::now() + time;
    while (true) {
        // Looked up before reading: what an ended program wrote is all there.
        const bool is_last_look = !is_running() || Clock::now() >= end;
        if (read_all(file).find(text) != std::string::npos) {
            return true;
        }
        if (is_last_look) {
            return false;
        }
        std::this_thread::sleep_for(kLook);
    }
}

}  // namespace eco2::test
