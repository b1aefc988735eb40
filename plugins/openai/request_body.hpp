#pragma once

#include "openai/options.hpp"

#include "eco2/plugin/generate_request.hpp"

#include <string>

namespace eco2::openai {

/// The body of a chat completion. Errors: invalid_argument, class caller_fault (a part or params that cannot be sent).
plugin::Result<std::string> write_body(const plugin::GenerateRequest& request, const Options& options);

}  // namespace eco2::openai
