#pragma once

#include "base/clock.hpp"
#include "model/calls.hpp"
#include "model/route_definition.hpp"
#include "routing/accounting.hpp"
#include "routing/target_board.hpp"
#include "routing/trail.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::routing {

/// Which clock ran out on an attempt.
enum class TimeOut { none, headers, first_content, between_contents, whole };

/// What is known of a request before its first attempt. Lifetime: the texts are the request's.
struct RequestFacts {
    std::string_view caller;
    std::string_view model;  // as the request names it, for targets without one of their own
    std::int64_t prompt_tokens = 0;
    std::int64_t output_tokens_max = 0;  // reserved with the prompt; 0: not known
    std::vector<std::size_t> order;      // of the targets, best first
    std::vector<bool> can_take;          // by target: it has what the request needs
    Clock::Monotonic deadline{};         // of the whole call; the route's total is part of it
    std::uint64_t random = 0;            // for jitter
};

/// Decides what a routed request does next: which target with which key, how long to wait, or that it is over. One budget of
/// time, attempts and money, whoever spends it.
///
/// Faults before content: the caller's own are given back; a key's fault takes the next key; a limit takes a key of another
/// quota group at once, or waits out a hint that fits the budget, once while another target is left, or goes on; an overloaded
/// target is left; one 500, reset or unreadable answer is asked again at the same target, with jitter; a silent or stalled
/// target is left for good. When all targets are behind, those that are not left for good are tried in a further round, with
/// full jitter, where one of the faults may have passed.
///
/// It starts nothing and keeps no clock: the time comes in with each call. `next` says what to do; the asker does it and tells
/// how it went by `failed`, then asks `next` again.
///
/// Thread-safety: none. Lifetime: route, board and prices outlive it.
class RouteMachine {
public:
    RouteMachine(
        const RouteDefinition& route, TargetBoard& board, const PriceBook& prices, RequestFacts facts, Clock::Monotonic now);

    struct Step {
        enum class Kind {
            attempt,  // ask `target` with `pass`
            wait,     // ask `next` again at `until`
            over      // see `error`
        };
        Kind kind = Kind::over;
        std::size_t target = 0;
        std::unique_ptr<TargetBoard::Pass> pass;
        Clock::Monotonic until{};
    };
    Step next(Clock::Monotonic now);

    /// The attempt of the last step ended without an answer. `has_content_left`: the client has seen some of it.
    /// `spent_picousd`: what it is booked with.
    void failed(
        const CallError& error, TimeOut time_out, bool has_content_left, std::int64_t spent_picousd, Clock::Monotonic now);

    /// Content has left and cannot be made whole by another attempt: `next` says `over` with the fault that broke it.
    void give_up(std::string_view why, Clock::Monotonic now);

    /// Why it is over. Its retry_after_ms is true where waiting would help, else -1.
    const CallError& error() const noexcept { return error_; }
    int attempts() const noexcept { return attempts_; }
    Trail& trail() noexcept { return trail_; }
    Clock::Monotonic deadline() const noexcept { return facts_.deadline; }

    /// When the clock of an attempt that stands so runs out, and which.
    struct Progress {
        Clock::Monotonic started{};
        Clock::Monotonic content_at{};  // last content
        bool is_streamed = false;
        bool has_head = false;
        bool has_content = false;
    };
    struct ClockOut {
        Clock::Monotonic at{};
        TimeOut which = TimeOut::none;  // none: the whole call's deadline
    };
    ClockOut clock_of(const Progress& progress) const noexcept;

private:
    /// A target as this request has found it.
    struct Tried {
        bool is_left = false;           // in this round
        bool is_left_for_good = false;  // silent, or it can never take this request
        bool is_asked = false;
        bool is_skip_noted = false;
        int same_retries = 0;
        int hints_waited = 0;
        std::vector<std::uint32_t> bad_keys;
        std::vector<std::string> limited_accounts;
    };

    const RouteTarget& target(std::size_t index) const { return route_.targets[index]; }
    std::string name_of(std::size_t index) const;
    void note(Clock::Monotonic now, std::size_t index, std::string_view what);
    std::string_view model_of(std::size_t index) const;
    void note_skipped(Clock::Monotonic now);
    Step over();
    Step over(CallError error);
    Step wait_until(Clock::Monotonic until);
    bool has_leave(Clock::Monotonic now);
    std::optional<Step> ask_preferred(Clock::Monotonic now);
    std::optional<Step> ask(std::size_t index, Clock::Monotonic now, bool is_last_resort = false);
    Step none_left(Clock::Monotonic now);
    Step in_queue(const std::vector<std::size_t>& limited, Clock::Monotonic now);
    Step last_resort(Clock::Monotonic now);
    Step another_round(Clock::Monotonic now);
    bool is_too_dear(std::size_t index) const;
    Step begin(std::size_t index, std::unique_ptr<TargetBoard::Pass> pass, Clock::Monotonic now);

    bool has_others(bool in_this_round) const;
    void by_fault(const CallError& error, TimeOut time_out, Clock::Monotonic now);
    void on_limited(const CallError& error, Clock::Monotonic now);
    void on_provider_fault(const CallError& error, TimeOut time_out, Clock::Monotonic now);
    void on_context_length(Clock::Monotonic now);
    void leave(std::string_view why, bool is_for_good, Clock::Monotonic now);
    std::chrono::nanoseconds jitter(std::chrono::milliseconds most);

    const RouteDefinition& route_;
    TargetBoard& board_;
    const PriceBook& prices_;
    RequestFacts facts_;
    Trail trail_;
    std::vector<Tried> tried_;
    int attempts_ = 0;
    int round_ = 0;
    std::int64_t spent_picousd_ = 0;
    CallError error_;

    std::size_t current_ = 0;               // target of the last attempt
    std::optional<std::size_t> preferred_;  // to be asked first: a retry at the same target
    std::uint32_t current_key_ = 0;
    std::string current_account_;
    Clock::Monotonic not_before_{};
    Clock::Monotonic hint_until_{};  // the preferred target has asked to wait so long
    Clock::Monotonic queued_until_{};
    Clock::Monotonic turn_at_{};  // of a request that is queued, as far as the board can tell
    std::unique_ptr<TargetBoard::Place> place_;
    std::size_t place_target_ = 0;
    bool leaves_if_denied_ = false;  // the preferred target has no other key: it has had its turn
    bool is_over_ = false;
    bool is_last_resort_ = false;
    bool has_content_left_ = false;
    bool has_passing_fault_ = false;  // one that another round could find gone
    bool has_leave_ = false;          // of the host's retry budget, for the next attempt

    // of one `next`
    struct Denied {
        std::size_t target;
        TargetBoard::Denial denial;
    };
    std::vector<Denied> denied_;
};

/// What a router hashes to keep equal beginnings at one upstream's cache.
std::uint64_t prefix_hash(const GenerateRequest& request) noexcept;

}  // namespace eco2::routing
