#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace eco2::batch {

/// What a command that waits for a job is to do when somebody wants it to end.
enum class StopChoice {
    go_on,   // nobody does, or the question stands
    detach,  // end; the job goes on
    cancel,  // end the job
};

/// The dialogue behind Ctrl-C: a job that is paid for must neither be lost by a habit of the fingers nor go on unseen. The
/// first SIGINT on a terminal asks; a second one, SIGTERM, an empty answer, no answer for 30 s and no terminal at all mean
/// detach. Cancelling has to be said. Pure.
///
/// Thread-safety: none.
class StopDialogue {
public:
    static constexpr auto kPatience = std::chrono::seconds(30);

    /// Each gives what to write to the terminal, which may be nothing. Once there is a choice, nothing changes it.
    std::string on_signal(int signal, bool can_ask, Clock::Monotonic now);
    /// A line without its end; none: the input is over.
    std::string on_line(std::optional<std::string_view> line);
    std::string on_time(Clock::Monotonic now);

    StopChoice choice() const noexcept { return choice_; }
    bool is_asking() const noexcept { return is_asking_; }
    Clock::Monotonic deadline() const noexcept { return deadline_; }  ///< while asking

private:
    void decide(StopChoice choice) noexcept;

    StopChoice choice_ = StopChoice::go_on;
    bool is_asking_ = false;
    Clock::Monotonic deadline_{};
};

/// The dialogue with real signals and a real terminal.
///
/// SIGINT and SIGTERM are blocked in the whole process before its first thread starts (`app::block_stop_signals`), so that they
/// come here alone.
///
/// Thread-safety: none.
class AskOnStop {
public:
    /// `input` is read from while the question stands; it can be asked where `input` is a terminal that this process may read
    /// from (one in the background may not) and `prompt` is a terminal too. Lifetime: `prompt` outlives it.
    AskOnStop(int input, std::FILE* prompt);
    ~AskOnStop();
    AskOnStop(const AskOnStop&) = delete;
    AskOnStop& operator=(const AskOnStop&) = delete;

    /// Blocks: until there is a choice, a signal or a line has come, or `time` is over.
    StopChoice wait(std::chrono::milliseconds time);
    /// While this is so, nothing else should be written to the terminal.
    bool is_asking() const noexcept { return dialogue_.is_asking(); }

private:
    bool can_ask() const;
    void take_signals();
    void take_input();
    void say(const std::string& text);

    const int input_;
    std::FILE* const prompt_;
    int signals_ = -1;
    std::string line_;
    StopDialogue dialogue_;
};

}  // namespace eco2::batch
