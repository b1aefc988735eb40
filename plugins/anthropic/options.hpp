#pragma once

#include "eco2/plugin/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::anthropic {

/// How schemas are asked for.
enum class SchemaBy {
    format,  // output_config.format: the model cannot write anything else
    tool,    // a tool that the model must call: for models and servers that do not know output_config
    none,
};

struct Options {
    std::string url;  // of the messages
    std::string version = "2023-06-01";
    SchemaBy schema_by = SchemaBy::format;
    std::int64_t max_tokens = 8192;                                  // where the request names none; the API wants one
    std::vector<std::pair<std::string, std::string>> extra_headers;  // names in lower case

    bool has_own_key_header() const noexcept;
};

/// JSON Schema (draft 4) of the configuration.
inline constexpr std::string_view kConfigSchema = R"json({
  "$schema": "http://json-schema.org/draft-04/schema#",
  "type": "object",
  "additionalProperties": false,
  "required": ["base_url"],
  "properties": {
    "base_url": {"type": "string", "minLength": 1},
    "version": {"type": "string", "minLength": 1},
    "schema_by": {"enum": ["format", "tool", "none"]},
    "max_tokens": {"type": "integer", "minimum": 1},
    "extra_headers": {"type": "object", "additionalProperties": {"type": "string"}}
  }
})json";

/// Reads what has passed the schema. Errors: invalid_argument (a base_url that is no http(s) URL or has a query).
plugin::Result<Options> read_options(std::string_view config_json);

}  // namespace eco2::anthropic
