#pragma once

#include "openai/options.hpp"

#include "eco2/plugin/generate_request.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace eco2::openai {

/// The body of a chat completion that a client has written: its own text, with another model and the stream as it is wanted
/// here. Errors: invalid_argument, class caller_fault (no JSON object).
plugin::Result<std::string> write_client_body(const plugin::GenerateRequest& request, const Options& options);

/// The body of a chat completion.
/// Errors: invalid_argument, class caller_fault (a part that cannot be sent; params that are no object or name a member of
/// ours).
plugin::Result<std::string> write_chat_body(const plugin::GenerateRequest& request, const Options& options);

/// The body of a response (Responses API). The first message, where it is the system's text, becomes `instructions`; nothing is
/// stored upstream. Errors: as above; also stop texts, which the API does not know, and tools that cannot be told to it.
plugin::Result<std::string> write_responses_body(const plugin::GenerateRequest& request, const Options& options);

/// The members "temperature" and "top_p", where the request has them; their names are added to `taken`.
void append_sampling(std::string& out, const plugin::GenerateRequest& request, std::vector<std::string_view>& taken);

}  // namespace eco2::openai
