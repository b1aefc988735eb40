#pragma once

#include "base/clock.hpp"
#include "fake_provider/account_plan.hpp"
#include "fake_provider/chat_request.hpp"
#include "fake_provider/rate_window.hpp"
#include "fake_provider/script.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace eco2::fake {

/// Lets requests through by the limits of their key and its account.
///
/// Thread-safety: none.
/// Cost:          constant a request; a 429 looks at the uses that must end first.
class AccountBook {
public:
    explicit AccountBook(const AccountPlan& plan);

    /// Whose limits a request falls under.
    struct Place {
        std::size_t account = kNone;
        std::size_t key = kNone;  // kNone: the key has no limits of its own
        bool is_limited() const noexcept { return account != kNone; }
    };
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    struct Admission {
        bool is_known = true;  // false: no account has this key
        Place place;
        RateWindow::Shortage shortage = RateWindow::Shortage::none;
        std::chrono::milliseconds wait{0};  // with a shortage: until it fits, rounded up
    };
    /// Takes one request with `tokens` of prompt, if there is room for it in both windows.
    Admission admit(std::string_view key, Clock::Monotonic now, std::int64_t tokens);
    /// Takes what the answer adds. It is not refused: the next request is.
    void charge(const Place& place, Clock::Monotonic now, std::int64_t tokens);
    /// The truth about the window with the least left, as the dialect's provider tells it. Gemini's tells nothing.
    Headers headers(const Place& place, Dialect dialect, Clock::Monotonic now, std::int64_t wall_ns) const;
    const std::string& name(const Place& place) const { return names_.at(place.account); }

private:
    template <class Act>
    void for_windows(const Place& place, Act act);

    std::vector<std::string> names_;
    std::vector<RateWindow> accounts_;
    std::vector<RateWindow> keys_;
    std::unordered_map<std::string, Place> places_;  // by key
    Place anyone_;                                   // the account without keys
    bool is_open_ = false;                           // there are no accounts
};

/// As Go writes a duration, and OpenAI with it: "120ms", "1.5s", "6m0s".
std::string go_duration(std::chrono::milliseconds time);

}  // namespace eco2::fake
