#pragma once

#include "base/clock.hpp"
#include "fake_provider/batch_object.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace eco2::fake {

/// How long the phases of a batch take, and what is special about this one.
struct BatchPlan {
    std::chrono::nanoseconds validating{0};
    std::chrono::nanoseconds in_progress{0};
    std::chrono::nanoseconds finalizing{0};
    std::chrono::nanoseconds cancelling{0};
    std::chrono::nanoseconds window{0};
    std::optional<double> expires_with;  // the share of lines that is done when the window ends; none: as time goes
    bool ignores_cancel = false;
};

/// A batch from its creation to its end: says what is to be done next and when, does nothing itself.
///
/// validating → in_progress → finalizing → completed; failed after validating; expired when the window ends first;
/// cancelling → cancelled from each of the first three. A state's time counts from the planned end of the one before, however
/// late the machine is asked: one look after a day finds the moments that a look each second would have found.
///
/// Thread-safety: none.
class BatchLife {
public:
    using Moment = Clock::Monotonic;

    enum class Step {
        validate,  // then call validated
        execute,   // up to `lines` of the file in all, then call executed
        close,     // write what is left over, make the files known, then call closed
        wait,      // until `due`
        nothing,   // it is over
    };
    struct Next {
        Step step = Step::nothing;
        std::int64_t lines = 0;
        Moment due{};
    };
    /// What becomes of lines that were not executed when it closes.
    enum class Rest { none, expired, cancelled };

    BatchLife(BatchPlan plan, Moment created) : plan_(plan), created_(created) {}

    /// Makes every transition whose time has come.
    Next next(Moment now);
    void validated(bool is_good, std::int64_t lines);
    /// `done`: lines of the file in all.
    void executed(std::int64_t done) { done_ = done; }
    void closed() { is_closed_ = true; }
    /// False: it is over, or cancelled already; nothing has changed.
    bool cancel(Moment now);
    /// Ends it as failed, for a reason that is not in its file.
    void fail(Moment now);

    BatchStatus status() const noexcept { return status_; }
    Rest rest() const noexcept { return rest_; }
    Moment created() const noexcept { return created_; }
    /// When it came into the states that it has been in.
    struct Moments {
        std::optional<Moment> in_progress;
        std::optional<Moment> finalizing;
        std::optional<Moment> cancelling;
        std::optional<Moment> end;
    };
    const Moments& moments() const noexcept { return moments_; }

private:
    /// nullopt: a transition was made, look again.
    std::optional<Next> look(Moment now);
    std::optional<Next> look_validating(Moment now);
    std::optional<Next> look_in_progress(Moment now);
    std::optional<Next> look_cancelling(Moment now);
    std::optional<Next> end_after(Moment begun, std::chrono::nanoseconds time, BatchStatus status, Moment now);
    std::int64_t lines_due(Moment at) const;
    void end(BatchStatus status, Moment at);

    BatchPlan plan_;
    Moment created_;
    Moments moments_;
    BatchStatus status_ = BatchStatus::validating;
    Rest rest_ = Rest::none;
    std::optional<bool> is_good_;  // none: not validated yet
    std::int64_t total_ = 0;
    std::int64_t done_ = 0;
    bool is_closed_ = false;
};

}  // namespace eco2::fake
