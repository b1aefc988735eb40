#pragma once

#include "eco2/abi/provider.h"
#include "eco2/plugin/detail/sync_call.hpp"
#include "eco2/plugin/generate_request.hpp"

#include <string_view>

namespace eco2::plugin {
inline namespace draft_2 {

/// A provider that computes its answers itself (interface eco2.draft.provider/0), on the host's blocking pool.
///
/// Thread-safety: generate runs on many threads at once.
class SyncProvider {
public:
    static constexpr std::string_view kInterfaceId = ECO2_PROVIDER_ID;

    /// Writes deltas as they come and returns why it ended. A paused reader makes the writer wait. Give up soon after
    /// `stop` was requested; what is returned then does not matter.
    virtual Result<FinishReason> generate(const GenerateRequest& request, DeltaWriter& out, StopToken stop) = 0;

    const void* table() const noexcept { return &table_; }

protected:
    explicit SyncProvider(const Host& host) noexcept : host_(host) {
        table_.self = this;
        table_.generate =
            [](void* self, const eco2_generate_request* request, const eco2_sink* sink, const eco2_call** out) noexcept {
                return static_cast<SyncProvider*>(self)->start(request, sink, out);
            };
    }
    SyncProvider(const SyncProvider&) = delete;
    SyncProvider& operator=(const SyncProvider&) = delete;
    ~SyncProvider() = default;

private:
    eco2_status start(const eco2_generate_request* request, const eco2_sink* sink, const eco2_call** out) noexcept {
        *out = nullptr;
        if (!detail::covers(request)) {
            return ECO2_INVALID_ARGUMENT;
        }
        const auto work = [this, request](DeltaWriter& writer, StopToken stop) -> Result<FinishReason> {
            Result<FinishReason> outcome = generate(GenerateRequest(*request), writer, stop);
            if (stop.stop_requested()) {
                return detail::cancelled();
            }
            return outcome;
        };
        return detail::start_sync(host_, RunsOn::blocking_pool, sink, out, work);
    }

    eco2_provider table_ = detail::sized<eco2_provider>();
    Host host_;
};

}  // namespace draft_2
}  // namespace eco2::plugin
