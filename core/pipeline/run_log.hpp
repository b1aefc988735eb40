#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace eco2 {

/// One entry of a run's log: everything that a client can see is one of these. Its number is its place, from 1.
struct RunEvent {
    enum class Kind { started, stage_started, stage_completed, stage_failed, delta, done, timed_out };

    Kind kind = Kind::started;
    std::uint8_t stage = 0;     // stage_*, delta
    std::uint8_t progress = 0;  // stage_*: percent
    std::string text;           // delta: the words
    bool is_terminal() const noexcept { return kind == Kind::stage_failed || kind == Kind::done || kind == Kind::timed_out; }
};

/// The numbered events of one run, in memory.
///
/// Thread-safety: none; belongs to its run's I/O thread.
using RunLog = std::vector<RunEvent>;

}  // namespace eco2
