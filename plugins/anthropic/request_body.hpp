#pragma once

#include "anthropic/options.hpp"

#include "eco2/plugin/generate_request.hpp"

#include <string>

namespace eco2::anthropic {

/// The body of a message. System messages, wherever they stand, become the `system` field; messages of one side that follow
/// each other become one turn. An assistant's last message, which newer models refuse, is sent as it is. Errors:
/// invalid_argument, class caller_fault (a part that cannot be sent; an image in a system message; a tool that is no function;
/// params that are no object or name a member of ours).
plugin::Result<std::string> write_body(const plugin::GenerateRequest& request, const Options& options);

}  // namespace eco2::anthropic
