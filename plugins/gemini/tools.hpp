#pragma once

#include "eco2/plugin/generate_request.hpp"
#include "eco2/plugin/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::gemini {

/// The members "tools" and "toolConfig"; their names are added to `taken`. The API knows no `parallel_tool_calls`: it is not
/// told. Errors: caller_fault (a tool that is no function, a choice that is none).
plugin::Result<void> append_tools(std::string& out, std::string_view tools_json, std::vector<std::string_view>& taken);

/// A call that the model made earlier, as a part, with the thought signature that came with it.
/// Errors: caller_fault (no call of a function; arguments that are no object).
plugin::Result<void> append_function_call(std::string& out, std::string_view call_json);

/// The tool's result in message `index`, as a part. The API knows results by the function's name: it is that of the nearest
/// call before with the same id. Errors: caller_fault (there is none).
plugin::Result<void> append_function_response(std::string& out, const plugin::GenerateRequest& request, std::size_t index);

}  // namespace eco2::gemini
