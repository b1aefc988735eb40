#include "openai/completion.hpp"

#include "openai/errors.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/upstream_errors.hpp"

#include <cmath>
#include <cstdint>

namespace eco2::openai {

using plugin::FinishReason;
using plugin::json_integer;
using plugin::json_member;
using plugin::json_text;

FinishReason finish_named(std::string_view name) {
    if (name == "stop") {
        return FinishReason::stop;
    }
    if (name == "length") {
        return FinishReason::length;
    }
    if (name == "content_filter") {
        return FinishReason::content_filter;
    }
    return name == "tool_calls" || name == "function_call" ? FinishReason::tool : FinishReason::other;
}

plugin::Result<std::optional<FinishReason>> read_finish(const boost::json::value& choice) {
    const auto reason = json_text(json_member(&choice, "finish_reason"));
    if (!reason || reason->empty()) {
        return std::optional<FinishReason>();
    }
    if (*reason == "error" || *reason == "insufficient_system_resource") {  // OpenRouter's word, DeepSeek's
        const boost::json::value* const error = json_member(&choice, "error");
        return error != nullptr && !error->is_null()
                   ? classify_in_stream(*error)
                   : plugin::provider_fault(std::string(*reason), "the upstream broke its answer off");
    }
    return std::optional(finish_named(*reason));
}

CompletionKind kind_of(const boost::json::value& completion) {
    const boost::json::value* const error = json_member(&completion, "error");
    if (error != nullptr && !error->is_null()) {
        return CompletionKind::error;
    }
    if (plugin::json_array(json_member(&completion, "choices")) != nullptr) {
        return CompletionKind::choices;
    }
    const boost::json::object* const members = completion.if_object();
    return members != nullptr && members->empty() ? CompletionKind::ping : CompletionKind::unknown;
}

const boost::json::value* first_choice(const boost::json::array& choices) {
    for (const boost::json::value& choice : choices) {
        if (json_integer(json_member(&choice, "index")).value_or(0) == 0) {
            return &choice;
        }
    }
    return nullptr;
}

std::optional<plugin::Usage> read_usage(const boost::json::value& completion) {
    const boost::json::value* const told = json_member(&completion, "usage");
    if (told == nullptr || told->is_null()) {
        return std::nullopt;
    }
    const auto count = [](const boost::json::value* in, std::string_view name) {
        const auto* const found = json_member(in, name);
        // Servers whose language knows one kind of number send 3328.0.
        if (found != nullptr && found->is_double() && found->get_double() >= 0 && found->get_double() < 1e15) {
            return std::int64_t{std::llround(found->get_double())};
        }
        return json_integer(found).value_or(-1);
    };
    plugin::Usage usage;
    usage.input_tokens = count(told, "prompt_tokens");
    usage.output_tokens = count(told, "completion_tokens");
    usage.cached_input_tokens = count(json_member(told, "prompt_tokens_details"), "cached_tokens");
    usage.reasoning_tokens = count(json_member(told, "completion_tokens_details"), "reasoning_tokens");
    return usage;
}

void tell_model(const boost::json::value& completion, bool& is_told, plugin::DeltaWriter& out) {
    const auto model = is_told ? std::nullopt : json_text(json_member(&completion, "model"));
    if (model && !model->empty()) {
        is_told = true;
        out.meta({*model, {}, 0, nullptr});
    }
}

}  // namespace eco2::openai
