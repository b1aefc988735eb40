#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace eco2::app {

/// One-time tokens with which a browser's EventSource, which can send no header, opens the stream of one run.
///
/// Thread-safety: any thread. Lifetime: the clock outlives it.
/// Limits:        limits::kStreamTokenLifetime; limits::kStreamTokensMax of the host (the oldest go first) and
///                limits::kStreamTokensPerUserMax of a user (quota_exceeded).
class StreamTokens {
public:
    explicit StreamTokens(const Clock& clock) : clock_(clock) {}

    /// Only its hash is kept. Errors: quota_exceeded.
    Result<std::string> make(const std::string& run_id, const std::string& user_id);

    /// The user, once. Errors: unauthorized.
    Result<std::string> use(std::string_view token, std::string_view run_id);

    std::size_t size() const;

private:
    struct Entry {
        std::string run_id;
        std::string user_id;
        Clock::Monotonic expires;
    };

    void forget_oldest();

    const Clock& clock_;
    mutable std::mutex mutex_;  // guards all below
    std::unordered_map<std::string, Entry> tokens_;
    std::unordered_map<std::string, std::size_t> per_user_;
    std::deque<std::string> in_order_;  // hashes, oldest first, also of used ones
};

}  // namespace eco2::app
