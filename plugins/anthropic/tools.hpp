#pragma once

#include "anthropic/options.hpp"

#include "eco2/plugin/generate_request.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace eco2::anthropic {

/// What the tool is called that asks for a schema, where it is asked for by a tool.
std::string_view schema_tool_name(const plugin::GenerateRequest& request);

/// The members "tools" and "tool_choice": those of the request, and the one that a schema is asked for by. With tools beside it
/// the model must call one of them, which may be the schema's. The names of the members are added to `taken`. Errors:
/// caller_fault (a tool that is no function, a choice that is none).
plugin::Result<void> append_tools(std::string& out,
                                  const plugin::GenerateRequest& request,
                                  const Options& options,
                                  std::vector<std::string_view>& taken);

/// A call that the model made earlier, as a block. Errors: caller_fault (no call of a function; arguments that are no object).
plugin::Result<void> append_tool_use(std::string& out, std::string_view call_json);

/// A call's id as the API takes it: letters, digits, "_" and "-"; ids of other providers have more.
std::string tool_use_id(std::string_view id);

}  // namespace eco2::anthropic
