#pragma once

#include "batch/report/progress_view.hpp"

#include <cstdio>

namespace eco2::batch {

/// Shows a job's progress where a command writes to: a block on a terminal, lines on one that cannot paint over (TERM empty or
/// "dumb"), JSON lines where it is no terminal or where JSON was asked for. Colours unless NO_COLOR is set. The cursor is never
/// hidden and no mode of the terminal is changed: there is nothing to put back, however the program ends.
///
/// Thread-safety: none. Lifetime: `out` outlives it.
class ProgressOutput {
public:
    ProgressOutput(std::FILE* out, bool wants_json);

    /// Blocks: as long as `out` does.
    void show(const JobProgress& progress, Clock::Monotonic now);
    void end(const JobProgress& progress);
    /// Before anything else is written to the terminal.
    void leave_block() noexcept { view_.leave_block(); }

private:
    Screen screen() const;
    void write(const std::string& text);

    std::FILE* out_;
    ProgressView view_;
};

/// How to show progress, by what the output is and the environment says; null: not set.
ProgressView::Mode progress_mode(bool is_terminal, bool wants_json, const char* term);

}  // namespace eco2::batch
