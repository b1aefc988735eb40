#include "app/stream_tokens.hpp"

#include "base/hash.hpp"
#include "base/limits.hpp"
#include "base/random.hpp"

#include <utility>

namespace eco2::app {

Result<std::string> StreamTokens::make(const std::string& run_id, const std::string& user_id) {
    auto token = random_hex(32);
    auto hash = sha256_hex(token);
    const auto now = clock_.now();
    const std::lock_guard lock(mutex_);
    while (!in_order_.empty()) {
        const auto oldest = tokens_.find(in_order_.front());
        if (oldest != tokens_.end() && oldest->second.expires > now && tokens_.size() < limits::kStreamTokensMax) {
            break;
        }
        forget_oldest();
    }
    auto& count = per_user_[user_id];
    if (count >= limits::kStreamTokensPerUserMax) {
        auto error = fail(Errc::quota_exceeded, "too many stream tokens are unused");
        error.retry_after_ms = std::chrono::duration_cast<std::chrono::milliseconds>(limits::kStreamTokenLifetime).count();
        return error;
    }
    ++count;
    in_order_.push_back(hash);
    tokens_.emplace(std::move(hash), Entry{run_id, user_id, now + limits::kStreamTokenLifetime});
    return token;
}

void StreamTokens::forget_oldest() {
    if (const auto node = tokens_.extract(in_order_.front()); !node.empty()) {
        const auto user = per_user_.find(node.mapped().user_id);
        if (--user->second == 0) {
            per_user_.erase(user);
        }
    }
    in_order_.pop_front();
}

Result<std::string> StreamTokens::use(std::string_view token, std::string_view run_id) {
    const std::lock_guard lock(mutex_);
    const auto found = tokens_.find(sha256_hex(token));
    if (found == tokens_.end() || found->second.run_id != run_id || found->second.expires <= clock_.now()) {
        return fail(Errc::unauthorized, "this stream token is unknown, used, expired or another run's");
    }
    auto user_id = std::move(found->second.user_id);
    tokens_.erase(found);
    const auto user = per_user_.find(user_id);
    if (--user->second == 0) {
        per_user_.erase(user);
    }
    return user_id;
}

std::size_t StreamTokens::size() const {
    const std::lock_guard lock(mutex_);
    return tokens_.size();
}

}  // namespace eco2::app
