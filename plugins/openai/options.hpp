#pragma once

#include "openai/joined.hpp"

#include "eco2/plugin/result.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eco2::openai {

/// Which of OpenAI's two text interfaces the upstream is spoken to in.
enum class Api { chat, responses };

/// How schemas are asked for; not every compatible upstream knows them all.
enum class ResponseFormat { json_schema, json_object, none };

struct Options {
    std::string url;       // of the completions or responses
    std::string base_url;  // without a slash at its end
    std::string query;     // "?name=value...", escaped; may be empty
    Api api = Api::chat;
    std::string organization;
    std::string project;
    std::vector<std::pair<std::string, std::string>> extra_headers;  // names in lower case
    std::string max_tokens_field = "max_completion_tokens";
    ResponseFormat response_format = ResponseFormat::json_schema;
    bool asks_for_usage = true;  // stream_options.include_usage

    bool has_own_authorization() const noexcept;
};

/// The members of the configuration, in JSON Schema.
inline constexpr std::string_view kConfigProperties = R"json(
    "base_url": {"type": "string", "minLength": 1},
    "api": {"enum": ["chat", "responses"]},
    "query": {"type": "object", "additionalProperties": {"type": "string"}},
    "organization": {"type": "string"},
    "project": {"type": "string"},
    "extra_headers": {"type": "object", "additionalProperties": {"type": "string"}},
    "max_tokens_field": {"enum": ["max_completion_tokens", "max_tokens"]},
    "response_format": {"enum": ["json_schema", "json_object", "none"]},
    "stream_usage": {"type": "boolean"}
  )json";

/// What stands before and after them: JSON Schema, draft 4.
inline constexpr std::string_view kSchemaHead = R"json({
  "$schema": "http://json-schema.org/draft-04/schema#",
  "type": "object",
  "additionalProperties": false,
  "required": ["base_url"],
  "properties": {)json";
inline constexpr std::string_view kSchemaTail = "}\n}";

inline constexpr std::string_view kConfigSchema = Joined<kSchemaHead, kConfigProperties, kSchemaTail>::kText;

/// `text` with everything escaped that RFC 3986 does not leave alone, for a query or one part of a path.
void append_url_text(std::string& out, std::string_view text);

/// Reads what has passed the schema. Errors: invalid_argument (a base_url that is no http(s) URL or has a query).
plugin::Result<Options> read_options(std::string_view config_json);

}  // namespace eco2::openai
