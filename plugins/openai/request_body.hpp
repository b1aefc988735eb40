#pragma once

#include "openai/options.hpp"

#include "eco2/plugin/generate_request.hpp"

#include <string>

namespace eco2::openai {

/// The body of a chat completion.
/// Errors: invalid_argument, class caller_fault (a part that cannot be sent; params that are no object or name a member of
/// ours).
plugin::Result<std::string> write_chat_body(const plugin::GenerateRequest& request, const Options& options);

/// The body of a response (Responses API). The first message, where it is the system's text, becomes `instructions`; nothing is
/// stored upstream. Errors: as above.
plugin::Result<std::string> write_responses_body(const plugin::GenerateRequest& request, const Options& options);

}  // namespace eco2::openai
