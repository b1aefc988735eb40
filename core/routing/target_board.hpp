#pragma once

#include "base/clock.hpp"
#include "model/calls.hpp"
#include "model/route_definition.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace eco2::routing {

/// What all requests of a host learn from each other: quotas of accounts, keys and models, the health of keys, breakers,
/// latencies, and the budget of further attempts. It decides nothing about routes: it says what may be asked now, with which
/// key, and if not, when.
///
/// A quota counts any 60 seconds, so that an upstream's own window, wherever it begins, is never passed. What an attempt may
/// cost is reserved before it and settled after it; the upstream's limit headers correct the count.
///
/// A breaker guards one provider, model and key: closed -> open after BreakerPolicy::failures in a row -> half-open: one probe
/// at a time -> closed, or open again for twice as long.
///
/// Thread-safety: any thread; short critical sections, no callback from inside.
/// Lifetime:      outlives its passes and places.
/// Limits:        limits::kTargetsKept pairs of provider and model that nobody uses at the moment; others are forgotten.
class TargetBoard {
public:
    /// `seed` is for choosing between keys that are equally good.
    TargetBoard(const RoutingDefinition& definition, const Clock& clock, std::uint64_t seed);
    ~TargetBoard();

    /// Takes over what `old` knows of providers, accounts and keys that are still there: a reload forgets nothing. What is
    /// under way stays with `old`: it is settled there, and counts here as it was reserved. Before anybody asks.
    void inherit(const TargetBoard& old);

    /// A place in a target's queue of requests that wait for its quota. Fair between callers, first come first served for one.
    /// It is given up by the answer that lets its request go: whoever has to wait again takes a new one.
    class Place {
    public:
        virtual ~Place() = default;  ///< leaves the queue
    };
    /// Null: the queue holds `queue_max` already.
    std::unique_ptr<Place> queue(std::string_view provider,
                                 std::string_view model,
                                 std::string_view caller,
                                 std::int64_t queue_max);

    struct Want {
        std::string_view provider;
        std::string_view model;
        std::int64_t tokens = 0;                             // to reserve: the prompt and the most that may come back
        const std::vector<std::string>* accounts = nullptr;  // quota groups that this request has found limited: left out
        const std::vector<std::uint32_t>* keys = nullptr;    // keys that it has found at fault: left out
        const Place* place = nullptr;                        // its turn, where it has waited
        /// Nobody else can be asked: open breakers, refused keys and what an upstream has said of its limits do not count.
        bool is_last_resort = false;
        bool is_retry = false;  // not its first attempt: take_retry() has allowed it
    };

    /// Leave for one attempt. Dropping it without a settle counts as cancelled and gives the tokens back, not the request.
    class Pass {
    public:
        struct Outcome {
            enum class Kind { answered, failed, cancelled };
            Kind kind = Kind::cancelled;
            const CallError* error = nullptr;            // of a failed attempt
            bool is_time_out = false;                    // silent or stalled: counts for the breaker as a failure
            std::int64_t tokens = -1;                    // really used; -1: not known, the reservation stands
            std::chrono::nanoseconds first_content{-1};  // from the start; negative: there was none
        };
        virtual ~Pass() = default;
        virtual std::uint32_t key() const noexcept = 0;           // place in the provider's list
        virtual const std::string& key_id() const noexcept = 0;   // empty: no key
        virtual const std::string& account() const noexcept = 0;  // its quota group; never empty
        virtual bool is_probe() const noexcept = 0;               // a half-open breaker's or a refused key's only one
        virtual void note_limits(const RateLimits& limits) = 0;
        virtual void settle(const Outcome& outcome) = 0;  // once
    };

    struct Denial {
        enum class Why {
            limited,       // a quota is used up, or the upstream has said so
            circuit_open,  // breakers of all its keys are open
            keys_at_fault  // all its keys were refused by the upstream
        };
        Why why = Why::limited;
        /// When asking again makes sense; for a waiting request its own turn, as far as can be told. Those ahead may give up,
        /// which nobody is told: with a place, ask each second too.
        Clock::Monotonic ready_at{};
    };
    using Answer = std::variant<std::unique_ptr<Pass>, Denial>;

    /// Never waits.
    Answer ask(const Want& want);

    /// A further attempt of a request, beyond its first. False: the host's retry budget is used up.
    bool take_retry();

    /// What a router is told; of a target that was never asked: nothing known.
    struct Health {
        std::int64_t latency_us = -1;
        std::int64_t in_flight = 0;
        double failure_share = 0;
    };
    Health health(std::string_view provider, std::string_view model) const;

    /// For metrics, `eco2 explain` and the admin door.
    struct KeyStatus {
        std::string provider;
        std::string key;  // empty: the provider needs none
        std::string account;
        std::string model;                // empty: of the key as such
        std::string state;                // "ok", "limited", "open", "half_open", "at_fault"
        std::int64_t requests_left = -1;  // of the tightest quota; -1: none known
        std::int64_t tokens_left = -1;
        std::chrono::milliseconds ready_in{0};
        std::size_t waiting = 0;
    };
    std::vector<KeyStatus> status() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::routing
