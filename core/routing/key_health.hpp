#pragma once

#include "base/clock.hpp"
#include "base/limits.hpp"

#include <algorithm>
#include <chrono>

namespace eco2::routing {

/// Takes a key out that the upstream has refused, and lets one attempt at a time try it again later: after `probe`, doubled
/// for each further refusal up to limits::kKeyProbeMax.
///
/// Thread-safety: none.
class KeyHealth {
public:
    bool is_at_fault() const noexcept { return is_at_fault_; }
    bool lets_in(Clock::Monotonic now) const noexcept { return !is_at_fault_ || (now >= probe_at_ && !is_probing_); }
    Clock::Monotonic probe_at() const noexcept { return is_at_fault_ ? probe_at_ : Clock::Monotonic{}; }

    /// An attempt begins, which `lets_in` allowed. True: it is the probe.
    bool begin() noexcept {
        is_probing_ = is_at_fault_;
        return is_probing_;
    }
    void release_probe() noexcept { is_probing_ = false; }

    void refuse(Clock::Monotonic now, Clock::Monotonic started, std::chrono::milliseconds probe) noexcept {
        if (is_at_fault_ && started < refused_at_) {
            return;  // it was under way with the one before: no news
        }
        rest_ = std::min<std::chrono::milliseconds>(is_at_fault_ ? rest_ * 2 : probe, limits::kKeyProbeMax);
        is_at_fault_ = true;
        refused_at_ = now;
        probe_at_ = now + rest_;
    }

    /// The upstream took the key for an attempt that began at `started`.
    void took(Clock::Monotonic started) noexcept { is_at_fault_ = is_at_fault_ && started < refused_at_; }

    /// Takes over what `old` knows; its probe is not ours.
    void inherit(const KeyHealth& old) noexcept {
        *this = old;
        is_probing_ = false;
    }

private:
    bool is_at_fault_ = false;
    bool is_probing_ = false;
    std::chrono::milliseconds rest_{0};
    Clock::Monotonic refused_at_{};
    Clock::Monotonic probe_at_{};
};

}  // namespace eco2::routing
