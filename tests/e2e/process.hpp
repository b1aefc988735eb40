#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::test {

enum class Stream {
    to_file,  // read back with out() and err()
    closed,   // the program starts without the descriptor
    full,     // /dev/full: every write fails
};

struct Command {
    std::filesystem::path program;
    std::vector<std::string> arguments;
    std::map<std::string, std::string> environment;  // all of it: nothing is inherited
    Stream out = Stream::to_file;
    Stream err = Stream::to_file;
};

/// A program as a user starts it, with its output kept in files.
///
/// Thread-safety: none. Start it on a thread that outlives it: the program dies with that thread.
/// Lifetime:      the destructor kills it, and what it started, if it still runs.
class Process {
public:
    /// `directory` takes the two output files; `name` is theirs.
    Process(const Command& command, const std::filesystem::path& directory, const std::string& name);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    /// The exit code, or minus the signal that ended it; empty: it still runs after `time`.
    std::optional<int> exit_code_within(std::chrono::milliseconds time);
    bool is_running() { return !exit_code_within(std::chrono::milliseconds(0)); }
    void signal(int number) const;
    pid_t pid() const noexcept { return pid_; }
    /// Where its descriptor leads.
    std::filesystem::path descriptor(int fd) const;

    std::string out() const;
    std::string err() const;
    /// Waits until the text stands in the output; false: it does not come in time, or the program ends without it.
    bool out_has(std::string_view text, std::chrono::milliseconds time = std::chrono::seconds(20));
    bool err_has(std::string_view text, std::chrono::milliseconds time = std::chrono::seconds(20));

private:
    bool file_has(const std::filesystem::path& file, std::string_view text, std::chrono::milliseconds time);

    const std::filesystem::path out_file_;
    const std::filesystem::path err_file_;
    pid_t pid_ = -1;
    std::optional<int> exit_code_;
};

}  // namespace eco2::test
