#pragma once

#include "eco2/abi/reward.h"
#include "eco2/plugin/detail/sync_call.hpp"

#include <string>
#include <string_view>

namespace eco2::plugin {
inline namespace draft_2 {

/// Lifetime: of the decision.
struct RewardInput {
    std::string_view request_id;  // equal ids get equal decisions
    std::string_view user_id;
    std::string_view input_json;  // the outcome, as the pipeline file composes it
};

/// A reward engine that decides synchronously (interface eco2.draft.reward/0). The host writes the grant.
///
/// Thread-safety: decide runs on many threads at once.
class SyncReward {
public:
    static constexpr std::string_view kInterfaceId = ECO2_REWARD_ID;

    /// Returns {"reward": object|null, "reason": string|null, "grant": {"code","name"}|null}; reason is null exactly when there
    /// is a reward.
    virtual Result<std::string> decide(const RewardInput& input) = 0;

    const void* table() const noexcept { return &table_; }

protected:
    explicit SyncReward(const Host& host) noexcept : host_(host) {
        table_.self = this;
        table_.decide =
            [](void* self, const eco2_reward_request* request, const eco2_sink* sink, const eco2_call** out) noexcept {
                return static_cast<SyncReward*>(self)->start(request, sink, out);
            };
    }
    SyncReward(const SyncReward&) = delete;
    SyncReward& operator=(const SyncReward&) = delete;
    ~SyncReward() = default;

    /// For engines that touch only memory: runs on the asking thread, without a hop. Call from the constructor.
    void set_pure_memory() noexcept { where_ = RunsOn::caller; }

private:
    eco2_status start(const eco2_reward_request* request, const eco2_sink* sink, const eco2_call** out) noexcept {
        *out = nullptr;
        if (!detail::covers(request)) {
            return ECO2_INVALID_ARGUMENT;
        }
        const auto work = [this, request](DeltaWriter& writer, StopToken) -> Result<FinishReason> {
            Result<std::string> decision =
                decide({from_abi(request->request_id), from_abi(request->user_id), from_abi(request->input_json)});
            if (!decision) {
                return std::move(decision).error();
            }
            writer.result(*decision);
            return FinishReason::none;
        };
        return detail::start_sync(host_, where_, sink, out, work);
    }

    eco2_reward table_ = detail::sized<eco2_reward>();
    Host host_;
    RunsOn where_ = RunsOn::blocking_pool;
};

}  // namespace draft_2
}  // namespace eco2::plugin
