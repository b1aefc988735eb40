#pragma once

#include "openai_batch/options.hpp"

#include "eco2/plugin/batch_dialect.hpp"

#include <cstdint>
#include <string_view>

/// The Files and Batches APIs, step by step. Source: OpenAI API reference, "Files" and "Batch", as of 2026.
namespace eco2::openai_batch {

/// Lifetime: of the request's headers: of `options`.
/// Errors: invalid_argument (an id, name or tag that cannot be sent), unsupported (no such step).
plugin::Result<plugin::BatchRequest> write_request(const plugin::BatchAsk& ask, const Options& options);

/// A list in which one entry cannot be read is refused whole: what is not found there counts as never made.
plugin::BatchReply parse_reply(
    plugin::BatchStep step, int http_status, const plugin::Headers& headers, std::string_view body, std::int64_t wall_now_ns);

/// Names of a batch's metadata.
inline constexpr std::string_view kTagName = "eco2_shard";
inline constexpr std::string_view kJobName = "eco2_job";

}  // namespace eco2::openai_batch
