#pragma once

#include "app/auth.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "routing/quota_meter.hpp"

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

/// The limits of API keys at the front door: requests and tokens a minute. What a request may take is reserved before it and
/// settled after it.
///
/// Thread-safety: any thread.
/// Lifetime:      outlives its tickets; the clock outlives it.
/// Limits:        some 4 KiB for each key with limits that has been used.
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
        routing::QuotaMeter::Reservation reservation_;
    };

    /// Errors: quota_exceeded, with the limit's name and a true time to come back.
    Result<Ticket> admit(const Caller& caller, std::int64_t tokens);

private:
    const Clock& clock_;
    std::mutex mutex_;  // guards keys_
    std::unordered_map<std::string, routing::QuotaMeter> keys_;
};

/// What requests under way may still cost, by caller: many at once do not pass a cap that each alone would keep.
///
/// Thread-safety: any thread.
class MoneyHolds : public std::enable_shared_from_this<MoneyHolds> {
public:
    /// Holds `worst_picousd` of what the caller's key may spend until the pointer is dropped; null where there is no cap.
    /// A request that nothing else holds against is let in whatever it may cost: the cap may be passed by one request.
    /// Errors: quota_exceeded, with a time to come back.
    Result<std::shared_ptr<const void>> hold(const Caller& caller, const SpendDoor& spend, std::int64_t worst_picousd);

private:
    void drop(const std::string& name, std::int64_t picousd) noexcept;

    std::mutex mutex_;  // guards held_
    std::unordered_map<std::string, std::int64_t> held_;
};

/// Errors: quota_exceeded: the caller's key has spent what it may.
Result<void> check_money(const Caller& caller, const SpendDoor& spend);

/// The caller as ledgers and queues know it: "key:ID", "user:ID"; empty: nobody in particular.
std::string caller_name(const Caller& caller);

}  // namespace eco2::app
