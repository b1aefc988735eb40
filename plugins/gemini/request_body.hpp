#pragma once

#include "gemini/options.hpp"

#include "eco2/plugin/generate_request.hpp"

#include <string>

namespace eco2::gemini {

/// The body of a generateContent. System messages, wherever they stand, become `systemInstruction`; messages of one side that
/// follow each other become one turn.
/// Errors: invalid_argument, class caller_fault (a part that cannot be sent; an image in a system message; an image by URL
/// where the configuration has none; a tool that is no function; a result without its call; params that are no object or name a
/// member of ours).
plugin::Result<std::string> write_body(const plugin::GenerateRequest& request, const Options& options);

}  // namespace eco2::gemini
