#pragma once

#include "openai/options.hpp"

#include "eco2/plugin/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace eco2::openai_batch {

struct Options {
    openai::Options live;  // how requests are written, and where to
    std::string endpoint;  // that lines name
    std::string completion_window = "24h";
    std::int64_t window_s = 86'400;             // the same
    std::int64_t files_expire_s = 0;            // 0: as the provider has it
    std::int64_t requests_max = 50'000;         // this and what follows: 0: none known
    std::int64_t file_bytes_max = 196'000'000;  // 200 MB, whichever way the provider counts them, less 2 %
    std::int64_t line_bytes_max = 0;
    std::int64_t enqueued_tokens_max = 0;
    std::int64_t creations_per_hour_max = 2'000;
    std::int64_t results_kept_s = 30 * 86'400;
    double price_factor = 0.5;
    std::string expiry = "kept";
    bool takes_image_bytes = true;
    bool takes_image_urls = true;
    bool has_metadata = true;
};

inline constexpr std::string_view kBatchProperties = R"json(,
    "endpoint": {"type": "string", "minLength": 1},
    "completion_window": {"type": "string", "minLength": 1},
    "files_expire_s": {"type": "integer", "minimum": 0},
    "requests_max": {"type": "integer", "minimum": 0},
    "file_bytes_max": {"type": "integer", "minimum": 0},
    "line_bytes_max": {"type": "integer", "minimum": 0},
    "enqueued_tokens_max": {"type": "integer", "minimum": 0},
    "creations_per_hour_max": {"type": "integer", "minimum": 0},
    "results_kept_s": {"type": "integer", "minimum": 0},
    "price_factor": {"type": "number", "minimum": 0, "maximum": 1},
    "expiry": {"enum": ["kept", "lost", "never"]},
    "image_bytes": {"type": "boolean"},
    "image_urls": {"type": "boolean"},
    "metadata": {"type": "boolean"}
  )json";

/// JSON Schema (draft 4) of the configuration: all that the plugin `openai` takes, and the batch's own.
inline constexpr std::string_view kConfigSchema =
    openai::Joined<openai::kSchemaHead, openai::kConfigProperties, kBatchProperties, openai::kSchemaTail>::kText;

/// Reads what has passed the schema. Errors: invalid_argument (as openai::read_options; a window that is no duration).
plugin::Result<Options> read_options(std::string_view config_json);

/// What BatchDialect::batch_capabilities says.
std::string capabilities_json(const Options& options);

}  // namespace eco2::openai_batch
