#include "app/quota.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace eco2::app {
namespace {

constexpr double kMinuteMs = 60'000;

/// Milliseconds until `wanted` fits into a bucket of `size` of which `spent` is gone.
long wait_ms(double spent, double wanted, double size) {
    return static_cast<long>(std::ceil((spent + wanted - size) * kMinuteMs / size));
}

Error exceeded(std::string what, long retry_after_ms) {
    auto error = fail(Errc::quota_exceeded, std::move(what));
    error.retry_after_ms = std::max(retry_after_ms, 1L);
    return error;
}

bool is_off(const config::QuotaConfig& config) noexcept {
    return config.runs_concurrent == 0 && config.runs_per_minute == 0 && config.photo_bytes_per_minute == 0;
}

}  // namespace

UserQuotas::Shard& UserQuotas::shard_of(const std::string& user_id) {
    return shards_[std::hash<std::string>()(user_id) % kShards];
}

void UserQuotas::refill(User& user, const config::QuotaConfig& config) const {
    const auto now = clock_.now();
    const auto passed = std::chrono::duration<double, std::milli>(now - user.as_of).count() / kMinuteMs;
    user.runs = std::max(0.0, user.runs - passed * static_cast<double>(config.runs_per_minute));
    user.bytes = std::max(0.0, user.bytes - passed * static_cast<double>(config.photo_bytes_per_minute));
    user.as_of = now;
}

void UserQuotas::forget_idle(Shard& shard, const config::QuotaConfig& config) const {
    if (shard.users.size() < limits::kQuotaUsersMax / kShards) {
        return;
    }
    for (auto entry = shard.users.begin(); entry != shard.users.end();) {
        auto& user = entry->second;
        refill(user, config);
        const bool is_idle = user.running == 0 && user.runs <= 0 && user.bytes <= 0;
        entry = is_idle ? shard.users.erase(entry) : std::next(entry);
    }
}

Result<UserQuotas::Ticket> UserQuotas::admit(const std::string& user_id, std::size_t photo_bytes) {
    const auto limits_now = config_.get();
    const auto& config = *limits_now;
    if (is_off(config)) {
        return Ticket();
    }
    auto& shard = shard_of(user_id);
    {
        const std::lock_guard lock(shard.mutex);
        forget_idle(shard, config);
        auto& user = shard.users.try_emplace(user_id, User{0, 0, 0, clock_.now()}).first->second;
        refill(user, config);
        const auto runs_max = static_cast<double>(config.runs_per_minute);
        const auto bytes_max = static_cast<double>(config.photo_bytes_per_minute);
        const auto bytes = static_cast<double>(photo_bytes);
        if (config.runs_concurrent != 0 && user.running >= config.runs_concurrent) {
            return exceeded("quota.runs_concurrent: " + std::to_string(user.running) + " runs of this user are under way",
                            2'000);
        }
        if (runs_max > 0 && user.runs + 1 > runs_max) {
            return exceeded("quota.runs_per_minute: " + std::to_string(config.runs_per_minute) + " runs a minute",
                            wait_ms(user.runs, 1, runs_max));
        }
        // A photo that is larger than a whole minute's worth goes through when nothing else does.
        if (bytes_max > 0 && bytes > 0 && user.bytes > 0 && user.bytes + bytes > bytes_max) {
            return exceeded(
                "quota.photo_bytes_per_minute: " + std::to_string(config.photo_bytes_per_minute) + " bytes of photos a minute",
                wait_ms(user.bytes, std::min(bytes, bytes_max), bytes_max));
        }
        user.runs += runs_max > 0 ? 1 : 0;
        user.bytes += bytes_max > 0 ? bytes : 0;
        ++user.running;
    }
    return ticket(user_id);
}

UserQuotas::Ticket UserQuotas::ticket(const std::string& user_id) {
    return Ticket(this, [self = shared_from_this(), user_id](void*) { self->give_back(user_id); });
}

void UserQuotas::give_back(const std::string& user_id) {
    auto& shard = shard_of(user_id);
    const std::lock_guard lock(shard.mutex);
    if (const auto found = shard.users.find(user_id); found != shard.users.end() && found->second.running > 0) {
        --found->second.running;
    }
}

std::size_t UserQuotas::users() const {
    std::size_t count = 0;
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        count += shard.users.size();
    }
    return count;
}

}  // namespace eco2::app
