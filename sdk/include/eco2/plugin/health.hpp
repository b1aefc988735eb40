#pragma once

#include "eco2/abi/health.h"
#include "eco2/plugin/detail/sync_call.hpp"

#include <string>
#include <string_view>

namespace eco2::plugin {
inline namespace draft_2 {

/// A cheap self-test (interface eco2.draft.health/0). Runs on the blocking pool.
class HealthCheck {
public:
    static constexpr std::string_view kInterfaceId = ECO2_HEALTH_ID;

    /// Success: can serve. The text is a JSON object with details, or empty.
    virtual Result<std::string> check_health() = 0;

    const void* table() const noexcept { return &table_; }

protected:
    explicit HealthCheck(const Host& host) noexcept : host_(host) {
        table_.self = this;
        table_.check = [](void* self, std::int64_t, const eco2_sink* sink, const eco2_call** out) noexcept {
            return static_cast<HealthCheck*>(self)->start(sink, out);
        };
    }
    HealthCheck(const HealthCheck&) = delete;
    HealthCheck& operator=(const HealthCheck&) = delete;
    ~HealthCheck() = default;

private:
    eco2_status start(const eco2_sink* sink, const eco2_call** out) noexcept {
        const auto work = [this](DeltaWriter& writer, StopToken) -> Result<FinishReason> {
            Result<std::string> details = check_health();
            if (!details) {
                return std::move(details).error();
            }
            if (!details->empty()) {
                writer.result(*details);
            }
            return FinishReason::none;
        };
        return detail::start_sync(host_, RunsOn::blocking_pool, sink, out, work);
    }

    eco2_health table_ = detail::sized<eco2_health>();
    Host host_;
};

}  // namespace draft_2
}  // namespace eco2::plugin
