#pragma once

#include "base/clock.hpp"
#include "fake_provider/bill.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace eco2::fake {

/// What has happened since the start or the last reset.
struct FakeStats {
    std::uint64_t requests = 0;
    std::map<std::string, std::uint64_t, std::less<>> by_kind;   // vision, answer, schema, plain, refused, models, other
    std::map<std::string, std::uint64_t, std::less<>> by_fault;  // chat completions that were treated badly on purpose
    std::uint64_t completed = 0;
    std::uint64_t broken = 0;     // ended by a fault of ours, without a whole answer
    std::uint64_t cancelled = 0;  // the client went away first
    std::size_t open = 0;
    std::size_t open_max = 0;
    std::int64_t tokens_in = 0;
    std::int64_t tokens_out = 0;
    struct Account {
        std::uint64_t taken = 0;
        std::uint64_t refused_429 = 0;  // beyond its limits
    };
    std::map<std::string, Account, std::less<>> by_account;
    std::deque<double> cancelled_after_ms;  // the last ones, oldest first
    std::deque<std::string> bodies;         // the last request bodies, oldest first, cut to a bound
};

/// Counts what the provider does and remembers what it was sent.
///
/// Thread-safety: any thread.
/// Limits:        limits::kFakeBodiesKept bodies of limits::kFakeBodyKeptBytesMax each.
class Ledger {
public:
    /// Number of the next request, from 1.
    std::uint64_t next_number();
    void count(std::string_view kind, std::string_view fault, std::string body);
    void bill(std::int64_t tokens_in, std::int64_t tokens_out);
    void count_account(std::string_view account, bool is_refused);
    void opened();
    enum class Outcome { completed, broken, cancelled };
    /// `entry` goes into the bill, if it has a number.
    void closed(Outcome outcome, std::chrono::nanoseconds after, BilledRequest entry);
    /// Forgets everything but what is open now; numbers start again, and with them every seeded choice.
    void reset();
    FakeStats stats() const;
    /// A copy: who shows it does not hold up who is counted.
    Bill bill() const;

private:
    mutable std::mutex mutex_;
    FakeStats stats_;
    Bill bill_;
    std::uint64_t number_ = 0;
};

/// One request in the ledger, from its arrival to its end. Dropped without an end, it counts as cancelled.
///
/// Thread-safety: none.
class OpenRequest {
public:
    OpenRequest(std::shared_ptr<Ledger> ledger, const Clock& clock);
    ~OpenRequest();
    OpenRequest(const OpenRequest&) = delete;
    OpenRequest& operator=(const OpenRequest&) = delete;

    /// What the bill says of it; before anything is billed.
    void begin(BilledRequest entry) { entry_ = std::move(entry); }
    void bill(std::int64_t tokens_in, std::int64_t tokens_out);
    void told_usage() noexcept { entry_.usage_told = true; }
    /// The first call counts.
    void end(Ledger::Outcome outcome);
    std::chrono::nanoseconds age() const noexcept { return clock_.now() - begun_; }

private:
    std::shared_ptr<Ledger> ledger_;
    const Clock& clock_;
    Clock::Monotonic begun_;
    BilledRequest entry_;
    bool has_ended_ = false;
};

/// `stats` as GET /fake/stats shows it.
std::string to_json(const FakeStats& stats, std::size_t connections_open, std::size_t script_left);

}  // namespace eco2::fake
