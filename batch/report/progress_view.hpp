#pragma once

#include "base/clock.hpp"
#include "batch/jobs/job.hpp"

#include <cstddef>
#include <string>

namespace eco2::batch {

/// What there is to paint on.
struct Screen {
    std::size_t columns = 80;
    std::size_t rows = 24;
    bool is_coloured = false;
};

/// How far a job is, as lines that each end with '\n' and fit the screen: the items, a stage's bar and batches, money, time,
/// and why it does not go on. A bar is '#' for answers that are here and '=' for those that the provider says it has; it is
/// full, and says 100 %, once the job is done and never before.
std::string progress_block(const JobProgress& progress, const Screen& screen);

/// The same on one line, without '\n'.
std::string progress_line(const JobProgress& progress);

/// The same as a JSON object without '\n'. `left_ms` is null where it is not known, `cap_usd` where there is none.
std::string progress_json(const JobProgress& progress);

/// What to write, and when. Pure: bytes for whoever owns the terminal or the pipe.
///
/// `block`: a block that paints itself over. `lines` and `json`: a line when something has changed, at most one a second, and
/// one every 30 s when nothing has; the clock alone is no change.
///
/// Thread-safety: none.
class ProgressView {
public:
    enum class Mode { block, lines, json };

    explicit ProgressView(Mode mode) : mode_(mode) {}

    /// Empty: nothing is to be written now. Call it a few times a second.
    std::string show(const JobProgress& progress, const Screen& screen, Clock::Monotonic now);
    /// How it ended, however short ago something was written; what is on the screen stays there.
    std::string end(const JobProgress& progress, const Screen& screen);
    /// Somebody else has written to the screen: the next block goes below it.
    void leave_block() noexcept;

private:
    std::string paint(const JobProgress& progress, const Screen& screen);
    std::string line(const JobProgress& progress) const;

    const Mode mode_;
    std::string last_;       // block: as painted; else the line without times
    std::size_t lines_ = 0;  // of the block that the cursor stands below
    bool has_written_ = false;
    Clock::Monotonic written_{};
};

}  // namespace eco2::batch
