#include "batch/report/ask.hpp"

#include "base/text.hpp"

#include <sys/signalfd.h>

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

namespace eco2::batch {
namespace {

constexpr std::string_view kQuestion = "\ndetach (default, the job goes on at the provider) or cancel? [d/c] ";
constexpr std::string_view kAgain = "d or c? ";
constexpr std::size_t kLineBytesMax = 256;  // what a person types

}  // namespace

void StopDialogue::decide(StopChoice choice) noexcept {
    choice_ = choice;
    is_asking_ = false;
}

std::string StopDialogue::on_signal(int signal, bool can_ask, Clock::Monotonic now) {
    if (choice_ != StopChoice::go_on) {
        return {};
    }
    if (is_asking_ || signal != SIGINT || !can_ask) {
        const bool was_asking = is_asking_;
        decide(StopChoice::detach);
        return was_asking ? "\n" : "";
    }
    is_asking_ = true;
    deadline_ = now + kPatience;
    return std::string(kQuestion);
}

std::string StopDialogue::on_line(std::optional<std::string_view> line) {
    if (!is_asking_) {
        return {};
    }
    const auto word = to_lower_ascii(trim(line.value_or("")));
    if (word.empty() || word == "d" || word == "detach") {
        decide(StopChoice::detach);
        return line ? "" : "\n";
    }
    if (word == "c" || word == "cancel") {
        decide(StopChoice::cancel);
        return {};
    }
    return std::string(kAgain);
}

std::string StopDialogue::on_time(Clock::Monotonic now) {
    if (!is_asking_ || now < deadline_) {
        return {};
    }
    decide(StopChoice::detach);
    return "\n";
}

AskOnStop::AskOnStop(int input, std::FILE* prompt) : input_(input), prompt_(prompt) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    signals_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

AskOnStop::~AskOnStop() {
    if (signals_ >= 0) {
        ::close(signals_);
    }
}

bool AskOnStop::can_ask() const {
    return ::isatty(::fileno(prompt_)) == 1 && ::isatty(input_) == 1 && ::tcgetpgrp(input_) == ::getpgrp();
}

StopChoice AskOnStop::wait(std::chrono::milliseconds time) {
    using std::chrono::milliseconds;
    if (is_asking()) {
        const auto left = std::chrono::ceil<milliseconds>(dialogue_.deadline() - system_clock().now());
        time = std::clamp(left, milliseconds(0), time);
    }
    if (dialogue_.choice() == StopChoice::go_on) {
        std::array<pollfd, 2> ready = {{{signals_, POLLIN, 0}, {input_, POLLIN, 0}}};
        ::poll(ready.data(), is_asking() ? 2 : 1, static_cast<int>(time.count()));
        if (ready[0].revents != 0) {
            take_signals();
        }
        if (ready[1].revents != 0) {
            take_input();
        }
        say(dialogue_.on_time(system_clock().now()));
    }
    return dialogue_.choice();
}

void AskOnStop::take_signals() {
    signalfd_siginfo info{};
    while (::read(signals_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
        const bool was_asking = is_asking();
        say(dialogue_.on_signal(static_cast<int>(info.ssi_signo), can_ask(), system_clock().now()));
        if (!was_asking && is_asking()) {
            line_.clear();
        }
    }
}

void AskOnStop::take_input() {
    std::array<char, kLineBytesMax> bytes{};
    const auto size = ::read(input_, bytes.data(), bytes.size());
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    if (size <= 0) {
        say(dialogue_.on_line(std::nullopt));
        return;
    }
    line_.append(bytes.data(), static_cast<std::size_t>(size));
    for (auto end = line_.find('\n'); end != std::string::npos; end = line_.find('\n')) {
        say(dialogue_.on_line(std::string_view(line_).substr(0, end)));
        line_.erase(0, end + 1);
    }
    line_.resize(std::min(line_.size(), kLineBytesMax));
}

void AskOnStop::say(const std::string& text) {
    if (!text.empty()) {
        std::fwrite(text.data(), 1, text.size(), prompt_);
        std::fflush(prompt_);
    }
}

}  // namespace eco2::batch
