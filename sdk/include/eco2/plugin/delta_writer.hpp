#pragma once

#include "eco2/abi/base.h"
#include "eco2/plugin/detail/boundary.hpp"
#include "eco2/plugin/result.hpp"
#include "eco2/wire/rate_limits.hpp"

#include <cstdint>
#include <string_view>

namespace eco2::plugin {
inline namespace draft_2 {

/// Token counts; -1: not known.
struct Usage {
    std::int64_t input_tokens = -1;
    std::int64_t output_tokens = -1;
    std::int64_t cached_input_tokens = -1;
    std::int64_t reasoning_tokens = -1;
    bool is_estimated = false;
};

inline eco2_usage to_abi(const Usage& usage) noexcept {
    eco2_usage abi = detail::sized<eco2_usage>();
    abi.flags = usage.is_estimated ? ECO2_USAGE_ESTIMATED : 0u;
    abi.input_tokens = usage.input_tokens;
    abi.output_tokens = usage.output_tokens;
    abi.cached_input_tokens = usage.cached_input_tokens;
    abi.reasoning_tokens = usage.reasoning_tokens;
    return abi;
}

using RateLimits = wire::RateLimits;

/// What is known about a call besides its text. Empty, 0 and null: not told.
struct Meta {
    std::string_view model;
    std::string_view upstream_request_id;
    int upstream_http_status = 0;
    const RateLimits* limits = nullptr;
};

/// Where a call's output goes.
///
/// Thread-safety: none; one writer belongs to one call and is used by one thread at a time.
/// Lifetime:      of the function it is handed to. Texts are borrowed for the call.
class DeltaWriter {
public:
    DeltaWriter(const DeltaWriter&) = delete;
    DeltaWriter& operator=(const DeltaWriter&) = delete;

    /// The next piece of the generated text. Empty pieces are dropped.
    void text(std::string_view piece) {
        if (!piece.empty()) {
            put_text(ECO2_DELTA_TEXT, piece);
        }
    }
    /// A tool-call fragment as JSON, in the form of OpenAI's delta.tool_calls[].
    void tool(std::string_view json) { put_text(ECO2_DELTA_TOOL, json); }
    /// An upstream event that has no kind of its own, as JSON.
    void raw(std::string_view json) { put_text(ECO2_DELTA_RAW, json); }
    /// Of a request with chat_json, in place of text, tool and raw: an OpenAI chunk or whole completion as it came; what choice
    /// 0 says in it; whether it holds content besides that.
    void chat(std::string_view json, std::string_view said, bool has_more_content) {
        eco2_delta delta = made(ECO2_DELTA_CHAT);
        delta.meta = to_abi(json);
        delta.text = to_abi(said);
        delta.flags = has_more_content ? ECO2_DELTA_CONTENT : 0u;
        put(delta);
    }
    /// A later usage replaces an earlier one.
    void usage(const Usage& usage) {
        const eco2_usage abi = to_abi(usage);
        eco2_delta delta = made(ECO2_DELTA_USAGE);
        delta.usage = &abi;
        put(delta);
    }
    void meta(const Meta& meta) {
        eco2_rate_limits abi = detail::sized<eco2_rate_limits>();
        eco2_delta delta = made(ECO2_DELTA_META);
        delta.model = to_abi(meta.model);
        delta.upstream_request_id = to_abi(meta.upstream_request_id);
        delta.upstream_http_status = meta.upstream_http_status;
        if (meta.limits != nullptr) {
            abi.requests_limit = meta.limits->requests_limit;
            abi.requests_remaining = meta.limits->requests_remaining;
            abi.requests_reset_ms = meta.limits->requests_reset_ms;
            abi.tokens_limit = meta.limits->tokens_limit;
            abi.tokens_remaining = meta.limits->tokens_remaining;
            abi.tokens_reset_ms = meta.limits->tokens_reset_ms;
            delta.limits = &abi;
        }
        put(delta);
    }
    /// A whole JSON result, and JSON about it (may be empty).
    void result(std::string_view json, std::string_view about = {}) {
        eco2_delta delta = made(ECO2_DELTA_RESULT);
        delta.text = to_abi(json);
        delta.meta = to_abi(about);
        put(delta);
    }

protected:
    DeltaWriter() = default;
    ~DeltaWriter() = default;
    virtual void put(const eco2_delta& delta) = 0;

private:
    static eco2_delta made(std::int32_t kind) noexcept {
        eco2_delta delta = detail::sized<eco2_delta>();
        delta.kind = kind;
        return delta;
    }
    void put_text(std::int32_t kind, std::string_view text) {
        eco2_delta delta = made(kind);
        delta.text = to_abi(text);
        put(delta);
    }
};

}  // namespace draft_2
}  // namespace eco2::plugin
