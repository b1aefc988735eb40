#pragma once

#include "base/clock.hpp"
#include "model/route_definition.hpp"

#include <algorithm>

namespace eco2::routing {

/// What an attempt's end says of whom it went to. `silent`: nothing, neither well nor ill.
enum class Verdict { alive, failed, silent };

/// Leaves an upstream alone for a while that fails time after time; see TargetBoard.
///
/// Attempts that began before the last change of mind do not count: they tell of an earlier time.
///
/// Thread-safety: none.
class Breaker {
public:
    enum class State { closed, open, half_open };

    /// As of `now`: half_open means that one probe may go, or is under way.
    State state(Clock::Monotonic now) const noexcept {
        return !is_open_ ? State::closed : now < open_until_ ? State::open : State::half_open;
    }
    bool lets_in(Clock::Monotonic now) const noexcept { return !is_open_ || (now >= open_until_ && !is_probing_); }
    Clock::Monotonic open_until() const noexcept { return is_open_ ? open_until_ : Clock::Monotonic{}; }

    /// An attempt begins. True: it is the probe.
    bool begin(Clock::Monotonic now) noexcept {
        const bool is_probe = is_open_ && lets_in(now);
        is_probing_ = is_probing_ || is_probe;
        return is_probe;
    }

    void end(
        Clock::Monotonic now, Clock::Monotonic started, bool is_probe, Verdict verdict, const BreakerPolicy& policy) noexcept {
        if (is_probe) {
            is_probing_ = false;
        }
        if (verdict == Verdict::silent || (is_open_ && started < opened_at_)) {
            return;
        }
        if (verdict == Verdict::alive) {
            is_open_ = false;
            failures_ = 0;
        } else if (!is_open_ && ++failures_ >= policy.failures) {
            open(now, policy.open_min);
        } else if (is_open_ && is_probe) {
            open(now, std::min(open_for_ * 2, policy.open_max));
        }
    }

    /// Takes over what `old` knows; its probe is not ours.
    void inherit(const Breaker& old) noexcept {
        *this = old;
        is_probing_ = false;
    }

private:
    void open(Clock::Monotonic now, std::chrono::milliseconds length) noexcept {
        is_open_ = true;
        failures_ = 0;
        open_for_ = length;
        opened_at_ = now;
        open_until_ = now + length;
    }

    bool is_open_ = false;
    bool is_probing_ = false;
    int failures_ = 0;  // in a row
    std::chrono::milliseconds open_for_{0};
    Clock::Monotonic opened_at_{};
    Clock::Monotonic open_until_{};
};

}  // namespace eco2::routing
