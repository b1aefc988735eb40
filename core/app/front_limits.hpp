#pragma once

#include "app/auth.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace eco2::app {

/// What callers of the front door have spent, as the ledger knows it.
///
/// Thread-safety: any thread. Blocks: never.
class SpendDoor {
public:
    virtual ~SpendDoor() = default;
    /// 10^-12 USD; `caller` as in GenerateRequest::caller.
    virtual std::int64_t spent_picousd(std::string_view caller) const = 0;
};

/// Requests and tokens of any 60 seconds, in buckets of a second: what was counted counts for 60 to 61 seconds, never less.
///
/// Thread-safety: none.
class RollingMinute {
public:
    /// Milliseconds until `wanted` more fit under `limit`; 0: now.
    long wait_ms(std::int64_t wanted, std::int64_t limit, std::int64_t now_ms);
    void add(std::int64_t count, std::int64_t now_ms);
    /// Corrects what was added at `then_ms`, if that still counts.
    void correct(std::int64_t difference, std::int64_t then_ms, std::int64_t now_ms);
    std::int64_t sum(std::int64_t now_ms);

private:
    static constexpr std::int64_t kBuckets = 61;

    void roll(std::int64_t second);

    std::array<std::int64_t, kBuckets> counts_{};
    std::int64_t last_ = 0;  // second of the newest bucket
    std::int64_t sum_ = 0;
};

/// The limits of API keys at the front door: requests and tokens a minute. What a request may take is reserved before it and
/// settled after it.
///
/// Thread-safety: any thread.
/// Lifetime:      outlives its tickets; the clock outlives it.
/// Limits:        about 1 KiB for each key with limits that has been used.
class FrontLimits {
public:
    explicit FrontLimits(const Clock& clock) : clock_(clock) {}

    /// A request's part. Dropped without a settle, its reservation stands: an upstream bills cancelled requests too.
    class Ticket {
    public:
        Ticket() = default;  // of a caller without limits
        void settle(std::int64_t tokens);

    private:
        friend class FrontLimits;
        FrontLimits* limits_ = nullptr;
        std::string key_id_;
        std::int64_t tokens_ = 0;
        std::int64_t at_ms_ = 0;
    };

    /// Errors: quota_exceeded, with the limit's name and a true time to come back.
    Result<Ticket> admit(const Caller& caller, std::int64_t tokens);

private:
    struct Key {
        RollingMinute requests;
        RollingMinute tokens;
    };

    std::int64_t now_ms() const;

    const Clock& clock_;
    std::mutex mutex_;  // guards keys_
    std::unordered_map<std::string, Key> keys_;
};

/// Errors: quota_exceeded: the caller's key has spent what it may.
Result<void> check_money(const Caller& caller, const SpendDoor& spend);

/// The caller as ledgers and queues know it: "key:ID", "user:ID"; empty: nobody in particular.
std::string caller_name(const Caller& caller);

}  // namespace eco2::app
