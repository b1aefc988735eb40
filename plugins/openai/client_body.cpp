#include "openai/request_body.hpp"

#include "eco2/plugin/json_members.hpp"
#include "eco2/plugin/upstream_errors.hpp"

#include <array>

namespace eco2::openai {

using plugin::GenerateRequest;
using plugin::JsonChange;
using plugin::Result;

namespace {

/// Usage is always asked for: the host counts, and leaves the numbers out where the client did not ask. Without a stream the
/// member is refused upstream.
std::string stream_options(const GenerateRequest& request, const Options& options) {
    if (!request.is_streamed() || !options.asks_for_usage) {
        return {};
    }
    static constexpr std::array kChanges{JsonChange{"include_usage", "true"}};
    const std::string_view told = plugin::find_json_member(request.chat_json(), "stream_options");
    return plugin::change_json_members(told, kChanges).value_or(R"({"include_usage":true})");
}

}  // namespace

Result<std::string> write_client_body(const GenerateRequest& request, const Options& options) {
    std::string model;
    plugin::append_json_quoted(model, request.model());
    const bool says_stream = !plugin::find_json_member(request.chat_json(), "stream").empty();
    const std::string_view stream = request.is_streamed() ? "true" : says_stream ? "false" : "";
    const std::string usage = stream_options(request, options);
    const std::array changes{JsonChange{"model", model}, JsonChange{"stream", stream}, JsonChange{"stream_options", usage}};
    std::optional<std::string> body = plugin::change_json_members(request.chat_json(), changes);
    if (!body) {
        return plugin::caller_fault("the request is no JSON object");
    }
    return *std::move(body);
}

}  // namespace eco2::openai
