#include "gemini/answer_decoder.hpp"

#include "gemini/errors.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/tool_calls.hpp"
#include "eco2/plugin/upstream_errors.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace eco2::gemini {

using plugin::DeltaWriter;
using plugin::FinishReason;
using plugin::json_array;
using plugin::json_integer;
using plugin::json_member;
using plugin::json_text;
using plugin::Result;

namespace {

constexpr std::array<std::string_view, 7> kFiltered{
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR"};

FinishReason finish_named(std::string_view name) {
    if (name == "STOP") {
        return FinishReason::stop;
    }
    if (name == "MAX_TOKENS") {
        return FinishReason::length;
    }
    const bool is_filtered = std::find(kFiltered.begin(), kFiltered.end(), name) != kFiltered.end();
    return is_filtered ? FinishReason::content_filter : FinishReason::other;
}

/// Ids must differ from those of other answers in the same conversation, and other APIs take 40 letters, digits and "_" at
/// most. Source: FNV-1a.
std::string call_id_prefix(std::string_view request_id) {
    std::uint64_t hash = 14695981039346656037ull;
    for (const char byte : request_id) {
        hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ull;
    }
    std::array<char, 16> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), hash, 16);
    return "call_" + std::string(digits.data(), end) + '_';
}

/// Newer models want the signature back with the call; clients of OpenAI's API know it in this form.
std::string extra_of(const boost::json::value& part) {
    const auto signature = json_text(json_member(&part, "thoughtSignature"));
    if (!signature) {
        return {};
    }
    std::string out = R"({"google":{"thought_signature":)";
    plugin::append_json_quoted(out, *signature);
    return out + "}}";
}

}  // namespace

AnswerDecoder::AnswerDecoder(bool is_streamed, std::string_view request_id)
    : reader_(is_streamed), call_id_prefix_(call_id_prefix(request_id)) {}

void AnswerDecoder::on_head(int, const plugin::Headers& headers) {
    reader_.on_head(headers);
}

Result<void> AnswerDecoder::feed(std::string_view bytes, DeltaWriter& out) {
    return reader_.feed(bytes, [&](std::string_view data) { return data.empty() ? Result<void>() : take_text(data, out); });
}

Result<void> AnswerDecoder::take_text(std::string_view json, DeltaWriter& out) {
    plugin::JsonDocument<> document;
    if (!document.parse(json)) {
        return malformed("the answer, or an event of it, is not JSON");
    }
    return take_chunk(document.value(), out);
}

Result<void> AnswerDecoder::take_chunk(const boost::json::value& chunk, DeltaWriter& out) {
    if (const boost::json::value* const error = json_member(&chunk, "error")) {
        return classify_in_stream(*error);
    }
    const boost::json::object* const members = chunk.if_object();
    const boost::json::value* const usage = json_member(&chunk, "usageMetadata");
    const boost::json::value* const feedback = json_member(&chunk, "promptFeedback");
    const boost::json::array* const candidates = json_array(json_member(&chunk, "candidates"));
    const bool is_known = candidates != nullptr || usage != nullptr || feedback != nullptr;
    if (members == nullptr || (!is_known && !members->empty())) {
        return malformed("the answer has no candidates");
    }
    if (const auto model = json_text(json_member(&chunk, "modelVersion")); model && !has_model_) {
        has_model_ = true;
        out.meta({*model, {}, 0, nullptr});
    }
    take_usage(usage);
    if (const auto reason = json_text(json_member(feedback, "blockReason"))) {
        finish_reason_ = FinishReason::content_filter;
        out.raw(boost::json::serialize(boost::json::value{{"promptFeedback", *feedback}}));
    }
    if (candidates != nullptr && !candidates->empty()) {
        take_candidate(candidates->front(), out);
    }
    return {};
}

void AnswerDecoder::take_candidate(const boost::json::value& candidate, DeltaWriter& out) {
    const boost::json::array* const parts = json_array(json_member(json_member(&candidate, "content"), "parts"));
    for (std::size_t index = 0; parts != nullptr && index < parts->size(); ++index) {
        const boost::json::value& part = (*parts)[index];
        const boost::json::value* const thought = json_member(&part, "thought");
        if (thought != nullptr && thought->is_bool() && thought->get_bool()) {
            continue;
        }
        out.text(json_text(json_member(&part, "text")).value_or(""));
        if (const boost::json::value* const call = json_member(&part, "functionCall")) {
            take_call(part, *call, out);
        }
    }
    if (const auto reason = json_text(json_member(&candidate, "finishReason"))) {
        finish_reason_ = finish_named(*reason);
    }
}

void AnswerDecoder::take_call(const boost::json::value& part, const boost::json::value& call, DeltaWriter& out) {
    const int index = call_count_++;
    const std::string made = call_id_prefix_ + std::to_string(index);
    const boost::json::value* const args = json_member(&call, "args");
    out.tool(plugin::tool_call_start(index,
                                     json_text(json_member(&call, "id")).value_or(made),
                                     json_text(json_member(&call, "name")).value_or(""),
                                     args == nullptr ? "{}" : boost::json::serialize(*args),
                                     extra_of(part)));
}

/// Counts are cumulative over the chunks. Thoughts are billed as output; the API counts them beside the candidates.
void AnswerDecoder::take_usage(const boost::json::value* usage) {
    if (usage == nullptr) {
        return;
    }
    has_usage_ = true;
    const auto count = [&](std::string_view name) { return json_integer(json_member(usage, name)).value_or(-1); };
    usage_.input_tokens = count("promptTokenCount");
    usage_.cached_input_tokens = count("cachedContentTokenCount");
    usage_.reasoning_tokens = count("thoughtsTokenCount");
    const std::int64_t said = count("candidatesTokenCount");
    const bool has_output = said >= 0 || usage_.reasoning_tokens >= 0;
    usage_.output_tokens =
        has_output ? std::max<std::int64_t>(said, 0) + std::max<std::int64_t>(usage_.reasoning_tokens, 0) : -1;
}

Result<FinishReason> AnswerDecoder::finish(DeltaWriter& out) {
    if (!reader_.is_streamed()) {
        if (Result<void> taken = take_text(reader_.whole(), out); !taken) {
            return std::move(taken).error();
        }
    }
    if (has_usage_) {
        out.usage(usage_);
    }
    if (!finish_reason_) {
        return malformed("the answer ended without a finish reason");
    }
    return call_count_ > 0 && *finish_reason_ == FinishReason::stop ? FinishReason::tool : *finish_reason_;
}

}  // namespace eco2::gemini
