#pragma once

#include "eco2/plugin/result.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::gemini {

/// How schemas are asked for.
enum class SchemaBy { json_schema, mime_type, none };

struct Options {
    std::string models_url;  // ends with "/models/"
    SchemaBy schema_by = SchemaBy::json_schema;
    bool takes_image_urls = true;
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
    "schema_by": {"enum": ["json_schema", "mime_type", "none"]},
    "image_urls": {"type": "boolean"},
    "extra_headers": {"type": "object", "additionalProperties": {"type": "string"}}
  }
})json";

/// Reads what has passed the schema. Errors: invalid_argument (a base_url that is no http(s) URL or has a query).
plugin::Result<Options> read_options(std::string_view config_json);

}  // namespace eco2::gemini
