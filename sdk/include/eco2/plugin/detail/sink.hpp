#pragma once

#include "eco2/abi/base.h"
#include "eco2/plugin/detail/boundary.hpp"

namespace eco2::plugin {
inline namespace draft_2 {
namespace detail {

/// The sink's last word. The sink must not be touched afterwards.
inline void finish(const eco2_sink* sink, FinishReason reason) noexcept {
    eco2_result result = sized<eco2_result>();
    result.status = ECO2_OK;
    result.finish_reason = static_cast<eco2_finish_reason>(reason);
    sink->on_done(sink->ctx, &result);
}

inline void finish(const eco2_sink* sink, const Failure& failure) noexcept {
    const eco2_error error = to_abi(failure);
    eco2_result result = sized<eco2_result>();
    result.status = error.status;
    result.error = &error;
    sink->on_done(sink->ctx, &result);
}

inline Failure cancelled() {
    return fail(Status::cancelled, "cancelled", "the call was cancelled");
}

}  // namespace detail
}  // namespace draft_2
}  // namespace eco2::plugin
