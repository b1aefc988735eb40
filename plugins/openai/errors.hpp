#pragma once

#include "eco2/plugin/headers.hpp"
#include "eco2/plugin/result.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <string_view>

namespace eco2::openai {

/// What a response outside 2xx means. Source: OpenAI's error codes page and SDK (2026), with the spellings of compatible
/// servers.
plugin::Failure classify_response(int status, const plugin::Headers& headers, std::string_view body, std::int64_t wall_now_ns);

/// What an `error` member inside an answer that began with 200 means.
plugin::Failure classify_in_stream(const boost::json::value& error);

/// An answer that cannot be read.
plugin::Failure malformed(std::string_view what);

}  // namespace eco2::openai
