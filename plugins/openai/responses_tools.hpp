#pragma once

#include "eco2/plugin/generate_request.hpp"
#include "eco2/plugin/result.hpp"

#include <string>
#include <string_view>
#include <vector>

/// Tools as the Responses API has them: what chat completions keep in {"type":T,T:{...}} lies flat beside the type.
namespace eco2::openai {

/// The members "tools", "tool_choice" and "parallel_tool_calls"; their names are added to `taken`. A function that does not say
/// `strict` is not strict, as in chat completions: here the default is another.
/// Errors: caller_fault (not in the form of chat completions).
plugin::Result<void> append_responses_tools(std::string& out,
                                            std::string_view tools_json,
                                            std::vector<std::string_view>& taken);

/// A call that the model made earlier, as an item of the input. Errors: caller_fault (no call of a function).
plugin::Result<void> append_call(std::string& out, std::string_view call_json);

/// A tool's result, as an item of the input.
void append_call_output(std::string& out, const plugin::Message& message);

}  // namespace eco2::openai
