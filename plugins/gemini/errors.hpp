#pragma once

#include "eco2/plugin/headers.hpp"
#include "eco2/plugin/result.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <string_view>

namespace eco2::gemini {

/// What a response outside 2xx means. Source: Gemini API's troubleshooting page and google.rpc error details.
plugin::Failure classify_response(int status, const plugin::Headers& headers, std::string_view body, std::int64_t wall_now_ns);

/// What an `error` member in an answer that began with 200 means.
plugin::Failure classify_in_stream(const boost::json::value& error);

/// An answer that cannot be read.
plugin::Failure malformed(std::string_view what);

}  // namespace eco2::gemini
