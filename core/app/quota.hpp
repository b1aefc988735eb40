#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/snapshot.hpp"
#include "config/host_config.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace eco2::app {

/// How much one user may ask for: runs at once, runs and bytes of photos a minute. The minute is a bucket that fills evenly:
/// after a pause a whole minute's worth may come at once.
///
/// Thread-safety: any thread.
/// Lifetime:      shared by its tickets; the clock outlives it.
/// Limits:        limits::kQuotaUsersMax users at once; users without runs are forgotten when their buckets are full again.
class UserQuotas : public std::enable_shared_from_this<UserQuotas> {
public:
    UserQuotas(const config::QuotaConfig& config, const Clock& clock) : clock_(clock) { set_limits(config); }

    /// For runs that ask from now on; what is spent stays spent.
    void set_limits(const config::QuotaConfig& config) { config_.set(std::make_shared<const config::QuotaConfig>(config)); }

    /// A run's part of its user's quota; given back when the last copy is dropped, on any thread. Null where there is no quota.
    using Ticket = std::shared_ptr<void>;

    /// Errors: quota_exceeded, with the limit's name and a true time to come back.
    Result<Ticket> admit(const std::string& user_id, std::size_t photo_bytes);

    std::size_t users() const;

private:
    struct User {
        std::size_t running = 0;
        double runs = 0;   // spent of the minute's bucket
        double bytes = 0;  // spent of the minute's bucket
        Clock::Monotonic as_of{};
    };
    static constexpr std::size_t kShards = 16;
    struct Shard {
        mutable std::mutex mutex;
        std::unordered_map<std::string, User> users;
    };

    Shard& shard_of(const std::string& user_id);
    void refill(User& user, const config::QuotaConfig& config) const;
    void forget_idle(Shard& shard, const config::QuotaConfig& config) const;
    Ticket ticket(const std::string& user_id);
    void give_back(const std::string& user_id);

    Snapshot<config::QuotaConfig> config_;
    const Clock& clock_;
    std::array<Shard, kShards> shards_;
};

}  // namespace eco2::app
