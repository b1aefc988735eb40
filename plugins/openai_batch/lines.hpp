#pragma once

#include "openai_batch/options.hpp"

#include "eco2/plugin/batch_dialect.hpp"

#include <string>
#include <string_view>

/// Input and result files, line by line. Source: OpenAI API reference, "Batch", as of 2026.
namespace eco2::openai_batch {

/// {"custom_id","method","url","body"}, on one line, whose body is what the live plugin would send.
/// Errors: class caller_fault: as the live plugin; an image in a form that is not taken; a body that is no JSON, since one such
/// line fails its whole batch.
plugin::Result<std::string> write_line(const plugin::GenerateRequest& request,
                                       std::string_view custom_id,
                                       const Options& options);

/// {"custom_id","response":{"status_code","request_id","body"},"error":{"code","message"}}. Errors: malformed.
plugin::Result<plugin::BatchAnswer> parse_line(std::string_view line, openai::Api api, std::int64_t wall_now_ns);

}  // namespace eco2::openai_batch
