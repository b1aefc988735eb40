#include "protocol/chat_chunk.hpp"

#include "protocol/json_members.hpp"

#include <algorithm>

namespace eco2 {
namespace {

/// Whether a finish_reason stands there that is a text. Inside of a string its quotes would be escaped.
bool holds_finish(std::string_view choices) noexcept {
    // 'h' is rare in a chunk, a quote is not: find looks for the first character first.
    constexpr std::string_view kName = "h_reason\"";
    constexpr std::string_view kHead = "\"finis";
    for (auto at = choices.find(kName); at != std::string_view::npos; at = choices.find(kName, at + kName.size())) {
        const auto value = choices.find_first_not_of(" \t\r\n:", at + kName.size());
        if (value != std::string_view::npos && choices[value] == '"' && choices.substr(0, at).ends_with(kHead)) {
            return true;
        }
    }
    return false;
}

void take_usage(std::string_view json, const JsonMember& member, std::size_t last_end, ChunkFacts& facts) noexcept {
    facts.usage = member.value;
    facts.usage_begin = member.begin;
    facts.usage_end = member.end;
    if (last_end != 0) {
        facts.usage_begin = last_end;  // with the comma before it
        return;
    }
    const auto comma = json.find_first_not_of(" \t\r\n", member.end);
    if (comma != std::string_view::npos && json[comma] == ',') {
        facts.usage_end = comma + 1;
    }
}

}  // namespace

ChunkFacts look_at_chunk(std::string_view json) noexcept {
    ChunkFacts facts;
    JsonMembers members(json);
    JsonMember member;
    for (std::size_t last_end = 0; members.next(member); last_end = member.end) {
        if (member.key == "choices") {
            facts.has_choices = member.value.find('{') != std::string_view::npos;
            facts.has_finish = holds_finish(member.value);
        } else if (member.key == "usage") {
            take_usage(json, member, last_end, facts);
        } else if (member.key == "object") {
            facts.is_whole = member.value == "\"chat.completion\"";
        }
    }
    return facts;
}

std::string_view finish_word(FinishReason finish) noexcept {
    switch (finish) {
        case FinishReason::length: return "length";
        case FinishReason::tool: return "tool_calls";
        case FinishReason::content_filter:
        case FinishReason::refusal: return "content_filter";
        case FinishReason::none:
        case FinishReason::stop:
        case FinishReason::other: break;
    }
    return "stop";
}

bool is_told(const Usage& usage) noexcept {
    return usage.input_tokens >= 0 || usage.output_tokens >= 0;
}

void append_usage_json(std::string& out, const Usage& usage) {
    const auto known = [](std::int64_t count) { return std::max<std::int64_t>(count, 0); };
    out += R"({"prompt_tokens":)" + std::to_string(known(usage.input_tokens));
    out += R"(,"completion_tokens":)" + std::to_string(known(usage.output_tokens));
    out += R"(,"total_tokens":)" + std::to_string(known(usage.input_tokens) + known(usage.output_tokens));
    if (usage.cached_input_tokens >= 0) {
        out += R"(,"prompt_tokens_details":{"cached_tokens":)" + std::to_string(usage.cached_input_tokens) + "}";
    }
    if (usage.reasoning_tokens >= 0) {
        out += R"(,"completion_tokens_details":{"reasoning_tokens":)" + std::to_string(usage.reasoning_tokens) + "}";
    }
    out += "}";
}

}  // namespace eco2
