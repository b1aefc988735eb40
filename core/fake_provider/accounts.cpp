#include "fake_provider/accounts.hpp"

#include <algorithm>
#include <array>
#include <ctime>

namespace eco2::fake {
namespace {

using std::chrono::milliseconds;

/// Source: RFC 3339, whole seconds in UTC; rounded up, so that who waits until then is not early.
std::string utc_text(std::int64_t wall_ns, Clock::Monotonic::duration later) {
    const std::int64_t ns = wall_ns + std::chrono::duration_cast<std::chrono::nanoseconds>(later).count();
    const std::time_t seconds = static_cast<std::time_t>((ns + 999'999'999) / 1'000'000'000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> out{};
    std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return out.data();
}

struct Told {
    std::string_view what;  // "requests", "tokens"
    std::int64_t limit = 0;
    std::int64_t left = 0;
    Clock::Monotonic::duration reset{0};
};

void add_headers(Headers& out, const Told& told, Dialect dialect, std::int64_t wall_ns) {
    if (told.limit == 0 || dialect == Dialect::gemini) {
        return;
    }
    const std::string what(told.what);
    if (dialect == Dialect::messages) {
        const std::string start = "anthropic-ratelimit-" + what + "-";
        out.emplace_back(start + "limit", std::to_string(told.limit));
        out.emplace_back(start + "remaining", std::to_string(told.left));
        out.emplace_back(start + "reset", utc_text(wall_ns, told.reset));
        return;
    }
    out.emplace_back("x-ratelimit-limit-" + what, std::to_string(told.limit));
    out.emplace_back("x-ratelimit-remaining-" + what, std::to_string(told.left));
    out.emplace_back("x-ratelimit-reset-" + what, go_duration(std::chrono::ceil<milliseconds>(told.reset)));
}

}  // namespace

AccountBook::AccountBook(const AccountPlan& plan) : is_open_(plan.accounts.empty()) {
    const auto window = [&](std::int64_t rpm, std::int64_t tpm) {
        return RateWindow({rpm, tpm, plan.window, milliseconds(plan.window_ms)});
    };
    for (const AccountPlan::Account& account : plan.accounts) {
        const std::size_t index = accounts_.size();
        names_.push_back(account.name);
        accounts_.push_back(window(account.rpm, account.tpm));
        for (const AccountPlan::Key& key : account.keys) {
            const bool has_limits = key.rpm > 0 || key.tpm > 0;
            places_.emplace(key.key, Place{index, has_limits ? keys_.size() : kNone});
            if (has_limits) {
                keys_.push_back(window(key.rpm, key.tpm));
            }
        }
        if (account.keys.empty()) {
            anyone_ = Place{index, kNone};
        }
    }
}

template <class Act>
void AccountBook::for_windows(const Place& place, Act act) {
    if (place.account != kNone) {
        act(accounts_[place.account]);
    }
    if (place.key != kNone) {
        act(keys_[place.key]);
    }
}

AccountBook::Admission AccountBook::admit(std::string_view key, Clock::Monotonic now, std::int64_t tokens) {
    Admission out;
    if (is_open_) {
        return out;
    }
    const auto found = places_.find(std::string(key));
    out.place = found == places_.end() ? anyone_ : found->second;
    out.is_known = out.place.is_limited();
    for_windows(out.place, [&](RateWindow& window) {
        const RateWindow::Shortage shortage = window.shortage(now, tokens);
        if (shortage != RateWindow::Shortage::none) {
            out.shortage = shortage;
            out.wait = std::max(out.wait, std::chrono::ceil<milliseconds>(window.wait(now, tokens)));
        }
    });
    if (out.shortage == RateWindow::Shortage::none) {
        for_windows(out.place, [&](RateWindow& window) { window.take(now, 1, tokens); });
    }
    return out;
}

void AccountBook::charge(const Place& place, Clock::Monotonic now, std::int64_t tokens) {
    for_windows(place, [&](RateWindow& window) { window.take(now, 0, tokens); });
}

Headers AccountBook::headers(const Place& place, Dialect dialect, Clock::Monotonic now, std::int64_t wall_ns) const {
    Headers out;
    if (!place.is_limited()) {
        return out;
    }
    Told requests{"requests"};
    Told tokens{"tokens"};
    const auto tell = [now](Told& told, std::int64_t limit, std::int64_t left, const RateWindow& window) {
        if (limit > 0 && (told.limit == 0 || left < told.left)) {
            told = {told.what, limit, left, window.until_empty(now)};
        }
    };
    const auto tell_window = [&](const RateWindow& window) {
        tell(requests, window.limit().requests, window.requests_left(), window);
        tell(tokens, window.limit().tokens, window.tokens_left(), window);
    };
    tell_window(accounts_[place.account]);
    if (place.key != kNone) {
        tell_window(keys_[place.key]);
    }
    add_headers(out, requests, dialect, wall_ns);
    add_headers(out, tokens, dialect, wall_ns);
    return out;
}

std::string go_duration(milliseconds time) {
    const std::int64_t ms = std::max<std::int64_t>(time.count(), 0);
    if (ms < 1000) {
        return ms == 0 ? "0s" : std::to_string(ms) + "ms";
    }
    std::string out;
    const std::int64_t minutes = ms / 60'000;
    if (minutes >= 60) {
        out += std::to_string(minutes / 60) + "h";
    }
    if (minutes > 0) {
        out += std::to_string(minutes % 60) + "m";
    }
    out += std::to_string(ms % 60'000 / 1000);
    if (const std::int64_t rest = ms % 1000; rest != 0) {
        std::string digits = std::to_string(1000 + rest).substr(1);
        digits.erase(digits.find_last_not_of('0') + 1);
        out += "." + digits;
    }
    return out + "s";
}

}  // namespace eco2::fake
