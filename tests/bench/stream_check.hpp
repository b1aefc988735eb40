#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace eco2::bench {

/// Watches one classify/completion stream: are all frames there, once, in order? Reads by itself rather than with the product's
/// own reader, so that a common mistake cannot hide.
///
/// Thread-safety: none.
/// Limits:        a line over 1 MiB is a fault.
class StreamCheck {
public:
    using Clock = std::chrono::steady_clock;

    /// Takes the next bytes of the body, cut anywhere, that came at `now`.
    void feed(std::string_view bytes, Clock::time_point now);
    /// The body has ended cleanly.
    void end();

    /// Empty: all is well so far. Else the first thing that was wrong.
    const std::string& fault() const noexcept { return fault_; }
    bool is_complete() const noexcept { return frames_seen_ == kFrames; }
    std::optional<Clock::time_point> first_stage_at() const noexcept { return first_stage_at_; }
    bool has_reward() const noexcept { return has_reward_; }

private:
    static constexpr std::size_t kFrames = 9;  // "started", then started and completed of four stages

    void take_line(std::string_view line, Clock::time_point now);
    void take_frame(std::string_view json, Clock::time_point now);
    void take_last(std::string_view json);
    void complain(std::string text);

    std::string line_;  // the unfinished one
    std::string fault_;
    std::size_t frames_seen_ = 0;
    std::optional<Clock::time_point> first_stage_at_;
    bool has_reward_ = false;
};

}  // namespace eco2::bench
