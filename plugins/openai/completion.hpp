#pragma once

#include "eco2/plugin/delta_writer.hpp"
#include "eco2/plugin/result.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <optional>
#include <string_view>

/// What a chat completion and its chunks have in common for whoever reads them.
namespace eco2::openai {

/// What a chunk or a whole completion is.
enum class CompletionKind {
    choices,  // it has them, may be none
    error,    // it has an error
    ping,     // an empty object, from some proxies
    unknown
};

plugin::FinishReason finish_named(std::string_view name);

/// Why a choice has finished; nothing: it has not ("" is some servers' null). Errors: the upstream broke it off and says so in
/// the place of a reason.
plugin::Result<std::optional<plugin::FinishReason>> read_finish(const boost::json::value& choice);

CompletionKind kind_of(const boost::json::value& completion);

/// Choice 0, the one that was asked for; null: there is none.
const boost::json::value* first_choice(const boost::json::array& choices);

std::optional<plugin::Usage> read_usage(const boost::json::value& completion);

/// Tells the model's name, once.
void tell_model(const boost::json::value& completion, bool& is_told, plugin::DeltaWriter& out);

}  // namespace eco2::openai
