#pragma once

#include "base/clock.hpp"
#include "model/calls.hpp"
#include "model/route_definition.hpp"
#include "routing/rate_window.hpp"

#include <array>
#include <chrono>
#include <cstdint>

namespace eco2::routing {

/// One quota: what is configured, what the upstream has told, and what has been sent.
///
/// A configured limit holds whatever the upstream says. Where none is configured the upstream's own is learned from its
/// headers. Headers that show less left than this counts (somebody else uses the same account) hold the difference back until
/// the told reset; headers that show more change nothing.
///
/// Thread-safety: none.
class QuotaMeter {
public:
    static constexpr std::int64_t kPlenty = std::int64_t{1} << 40;  // no limit known; many of them can be added up

    struct Room {
        std::int64_t requests = kPlenty;
        std::int64_t tokens = kPlenty;
    };
    struct Reservation {
        std::int64_t slot = -1;  // -1: nothing was counted, there was no limit
        std::int64_t tokens = 0;
    };

    QuotaMeter() = default;
    explicit QuotaMeter(const RateQuota& configured) noexcept : configured_(configured) {}

    /// What may still be sent at `when`, which is now or later, if nothing else is until then. Negative: more was used than
    /// there is.
    Room room(Clock::Monotonic when) const noexcept;
    /// Room for one request. One that needs more tokens than the limit is has room when nothing else does.
    bool has_room(Clock::Monotonic when, std::int64_t tokens) const noexcept;
    /// Likewise by the configured limits alone, whatever the upstream has said.
    bool has_configured_room(Clock::Monotonic when, std::int64_t tokens) const noexcept;
    /// Of requests or tokens, whichever is shorter: 0 to 1; 1 where no limit is known.
    double share_left(Clock::Monotonic now) const noexcept;
    /// `tokens`, but not more than the limit.
    std::int64_t capped(std::int64_t tokens) const noexcept;
    /// When what was told last ends: a refusal's rest, and what is held back of requests and of tokens.
    std::array<Clock::Monotonic, 3> told_until() const noexcept {
        return {limited_until_, requests_hold_.until, tokens_hold_.until};
    }
    bool is_limited(Clock::Monotonic now) const noexcept { return limited_until_ > now; }
    bool has_limit() const noexcept { return requests_limit() > 0 || tokens_limit() > 0; }
    /// Reserved tokens, of which some may come back before their slot does.
    std::int64_t unsettled_tokens() const noexcept { return unsettled_tokens_; }

    Reservation reserve(Clock::Monotonic now, std::int64_t tokens);
    /// `used` -1: not known, what was reserved stands. Once for each reservation.
    void settle(const Reservation& reservation, std::int64_t used) noexcept;

    /// The upstream's headers on an answer to a request that began at `started`.
    void note(Clock::Monotonic now, Clock::Monotonic started, const RateLimits& limits);
    /// The upstream refused a request for its rate. Without a hint (negative or 0) this meter rests for `rest`, doubled for
    /// each refusal in a row of requests that began after the one before.
    void refuse(Clock::Monotonic now,
                Clock::Monotonic started,
                std::chrono::milliseconds hint,
                std::chrono::milliseconds rest) noexcept;
    /// The upstream took a request that began at `started`: the doubling begins anew.
    void took(Clock::Monotonic started) noexcept;

    /// Takes over all but the configured limit and what is under way.
    void inherit(const QuotaMeter& old);

private:
    struct Hold {
        std::int64_t amount = 0;
        Clock::Monotonic until{};
        Clock::Monotonic noted{};
        std::int64_t at(Clock::Monotonic when) const noexcept { return when < until ? amount : 0; }
        void note(Clock::Monotonic now, Clock::Monotonic started, std::int64_t missing, std::int64_t reset_ms) noexcept;
    };
    std::int64_t requests_limit() const noexcept;
    std::int64_t tokens_limit() const noexcept;

    RateQuota configured_;
    RateQuota told_;
    RateWindow window_;
    Hold requests_hold_;
    Hold tokens_hold_;
    Clock::Monotonic limited_until_{};
    Clock::Monotonic refused_at_{};
    int refusals_ = 0;  // in a row
    std::int64_t unsettled_tokens_ = 0;
};

}  // namespace eco2::routing
