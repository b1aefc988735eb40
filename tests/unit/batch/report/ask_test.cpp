#include "batch/report/ask.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace eco2::batch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

const Clock::Monotonic kStart{};

StopDialogue asked() {
    StopDialogue dialogue;
    EXPECT_THAT(dialogue.on_signal(SIGINT, true, kStart), HasSubstr("detach (default"));
    EXPECT_TRUE(dialogue.is_asking());
    EXPECT_EQ(dialogue.choice(), StopChoice::go_on);
    EXPECT_EQ(dialogue.deadline(), kStart + seconds(30));
    return dialogue;
}

TEST(StopDialogue, without_a_signal_nothing_happens) {
    StopDialogue dialogue;
    EXPECT_EQ(dialogue.on_line("c"), "");
    EXPECT_EQ(dialogue.on_time(kStart + std::chrono::hours(1'000)), "");
    EXPECT_EQ(dialogue.choice(), StopChoice::go_on);
}

TEST(StopDialogue, the_first_interrupt_asks_and_the_answer_decides) {
    for (const char* answer : {"", "d", "D", " detach ", "\t"}) {
        auto dialogue = asked();
        EXPECT_EQ(dialogue.on_line(answer), "") << answer;
        EXPECT_EQ(dialogue.choice(), StopChoice::detach) << answer;
        EXPECT_FALSE(dialogue.is_asking());
    }
    for (const char* answer : {"c", "C", " cancel\r"}) {
        auto dialogue = asked();
        EXPECT_EQ(dialogue.on_line(answer), "") << answer;
        EXPECT_EQ(dialogue.choice(), StopChoice::cancel) << answer;
    }
}

TEST(StopDialogue, what_is_neither_is_asked_again_within_the_same_time) {
    auto dialogue = asked();
    for (const char* answer : {"y", "yes", "cc", "no", "detach please"}) {
        EXPECT_EQ(dialogue.on_line(answer), "d or c? ") << answer;
        EXPECT_EQ(dialogue.choice(), StopChoice::go_on);
    }
    EXPECT_EQ(dialogue.deadline(), kStart + seconds(30));
    dialogue.on_line("c");
    EXPECT_EQ(dialogue.choice(), StopChoice::cancel);
}

TEST(StopDialogue, a_second_interrupt_detaches_at_once) {
    auto dialogue = asked();
    EXPECT_EQ(dialogue.on_signal(SIGINT, true, kStart + milliseconds(1)), "\n");
    EXPECT_EQ(dialogue.choice(), StopChoice::detach);
}

TEST(StopDialogue, silence_and_an_input_that_ends_detach) {
    auto silent = asked();
    EXPECT_EQ(silent.on_time(kStart + milliseconds(29'999)), "");
    EXPECT_EQ(silent.choice(), StopChoice::go_on);
    EXPECT_EQ(silent.on_time(kStart + seconds(30)), "\n");
    EXPECT_EQ(silent.choice(), StopChoice::detach);
    auto ended = asked();
    EXPECT_EQ(ended.on_line(std::nullopt), "\n");
    EXPECT_EQ(ended.choice(), StopChoice::detach);
}

TEST(StopDialogue, without_a_terminal_and_on_sigterm_nobody_is_asked) {
    StopDialogue piped;
    EXPECT_EQ(piped.on_signal(SIGINT, false, kStart), "");
    EXPECT_EQ(piped.choice(), StopChoice::detach);
    StopDialogue told;
    EXPECT_EQ(told.on_signal(SIGTERM, true, kStart), "");
    EXPECT_EQ(told.choice(), StopChoice::detach);
    auto told_while_asking = asked();
    EXPECT_EQ(told_while_asking.on_signal(SIGTERM, true, kStart), "\n");
    EXPECT_EQ(told_while_asking.choice(), StopChoice::detach);
}

TEST(StopDialogue, a_choice_is_not_changed_any_more) {
    auto dialogue = asked();
    dialogue.on_line("c");
    dialogue.on_signal(SIGINT, true, kStart);
    dialogue.on_signal(SIGTERM, true, kStart);
    dialogue.on_line("d");
    dialogue.on_line(std::nullopt);
    dialogue.on_time(kStart + seconds(60));
    EXPECT_EQ(dialogue.choice(), StopChoice::cancel);
}

/// Signals to this thread alone, so that the rest of the program is not asked.
class AskOnStopTest : public testing::Test {
protected:
    AskOnStopTest() {
        sigset_t stops;
        sigemptyset(&stops);
        sigaddset(&stops, SIGINT);
        sigaddset(&stops, SIGTERM);
        ::pthread_sigmask(SIG_BLOCK, &stops, &before_);
    }
    ~AskOnStopTest() override { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

    sigset_t before_{};
};

TEST_F(AskOnStopTest, waits_no_longer_than_it_may) {
    const int nothing = ::open("/dev/null", O_RDONLY);
    AskOnStop stop(nothing, stderr);
    EXPECT_EQ(stop.wait(milliseconds(0)), StopChoice::go_on);
    EXPECT_EQ(stop.wait(milliseconds(5)), StopChoice::go_on);
    ::close(nothing);
}

TEST_F(AskOnStopTest, detaches_where_the_input_is_no_terminal) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    AskOnStop stop(ends[0], stderr);
    ::pthread_kill(::pthread_self(), SIGINT);
    EXPECT_EQ(stop.wait(seconds(20)), StopChoice::detach);
    EXPECT_EQ(stop.wait(seconds(20)), StopChoice::detach) << "at once, since it is decided";
    ::close(ends[0]);
    ::close(ends[1]);
}

/// A process of its own at a terminal of its own: `forkpty`. It exits with the choice.
class AtATerminal : public testing::Test {
protected:
    void SetUp() override {
        child_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
        ASSERT_GE(child_, 0);
        if (child_ == 0) {
            sigset_t stops;
            sigemptyset(&stops);
            sigaddset(&stops, SIGINT);
            sigaddset(&stops, SIGTERM);
            ::pthread_sigmask(SIG_BLOCK, &stops, nullptr);
            AskOnStop stop(STDIN_FILENO, stderr);
            static_cast<void>(::write(STDERR_FILENO, "ready", 5));
            auto choice = StopChoice::go_on;
            while (choice == StopChoice::go_on) {
                choice = stop.wait(milliseconds(50));
            }
            ::_exit(static_cast<int>(choice));
        }
        until("ready");
    }
    void TearDown() override {
        ::kill(child_, SIGKILL);
        ::close(terminal_);
    }

    void type(const char* text) { ASSERT_GT(::write(terminal_, text, std::strlen(text)), 0); }
    void until(const std::string& text) {
        char byte = 0;
        while (seen_.find(text) == std::string::npos && ::read(terminal_, &byte, 1) == 1) {
            seen_ += byte;
        }
        ASSERT_THAT(seen_, HasSubstr(text));
        seen_.clear();
    }
    StopChoice choice() {
        int status = 0;
        ::waitpid(child_, &status, 0);
        return WIFEXITED(status) ? static_cast<StopChoice>(WEXITSTATUS(status)) : StopChoice::go_on;
    }

    int terminal_ = -1;
    pid_t child_ = -1;
    std::string seen_;
};

TEST_F(AtATerminal, control_c_asks_and_c_cancels) {
    type("\x03");
    until("[d/c] ");
    type("what?\n");
    until("d or c? ");
    type("c\n");
    EXPECT_EQ(choice(), StopChoice::cancel);
}

TEST_F(AtATerminal, return_detaches) {
    type("\x03");
    until("[d/c] ");
    type("\n");
    EXPECT_EQ(choice(), StopChoice::detach);
}

TEST_F(AtATerminal, control_c_twice_detaches) {
    type("\x03");
    until("[d/c] ");
    type("\x03");
    EXPECT_EQ(choice(), StopChoice::detach);
}

TEST_F(AtATerminal, control_d_detaches) {
    type("\x03");
    until("[d/c] ");
    type("\x04");
    EXPECT_EQ(choice(), StopChoice::detach);
}

TEST_F(AtATerminal, what_was_typed_before_the_question_is_no_answer) {
    type("c\nc");
    type("\x03");
    until("[d/c] ");
    type("d\n");
    EXPECT_EQ(choice(), StopChoice::detach);
}

}  // namespace
}  // namespace eco2::batch
