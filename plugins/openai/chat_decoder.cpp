#include "openai/chat_decoder.hpp"

#include "openai/completion.hpp"
#include "openai/errors.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/json_members.hpp"
#include "eco2/plugin/upstream_errors.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace eco2::openai {

using plugin::DeltaWriter;
using plugin::FinishReason;
using plugin::json_array;
using plugin::json_integer;
using plugin::json_member;
using plugin::json_text;
using plugin::Result;

namespace {

// Members of a delta or message that say something besides its text.
constexpr std::array<std::string_view, 9> kContent{"tool_calls",
                                                   "function_call",
                                                   "refusal",
                                                   "audio",
                                                   "reasoning_content",
                                                   "reasoning",
                                                   "reasoning_details",
                                                   "thinking",
                                                   "images"};

bool is_empty(const boost::json::value& value) {
    switch (value.kind()) {
        case boost::json::kind::string: return value.get_string().empty();
        case boost::json::kind::array: return value.get_array().empty();
        case boost::json::kind::object: return value.get_object().empty();
        default: return true;  // null, and the false of some servers
    }
}

bool has_content_besides_text(const boost::json::value* said) {
    return std::any_of(kContent.begin(), kContent.end(), [&](std::string_view name) {
        const boost::json::value* const value = json_member(said, name);
        return value != nullptr && !is_empty(*value);
    });
}

/// The text of a content that is a text, or a list of parts. Sets `has_more` for parts that are none.
std::string text_of(const boost::json::value* content, bool& has_more) {
    if (const auto text = json_text(content)) {
        return std::string(*text);
    }
    std::string out;
    const boost::json::array* const parts = json_array(content);
    for (std::size_t index = 0; parts != nullptr && index < parts->size(); ++index) {
        const boost::json::value& part = (*parts)[index];
        const auto text = json_text(json_member(&part, "text"));
        const bool is_text = json_text(json_member(&part, "type")) == "text" && text;
        has_more = has_more || !is_text;
        out += is_text ? *text : std::string_view();
    }
    return out;
}

}  // namespace

ChatDecoder::ChatDecoder(bool is_streamed, std::size_t choices) : reader_(is_streamed), choices_(choices) {}

std::size_t ChatDecoder::choices_of(std::string_view chat_json) {
    if (chat_json.find("\"n\"") == std::string_view::npos) {
        return 1;  // nearly all; a body may be megabytes
    }
    const std::string_view told = plugin::find_json_member(chat_json, "n");
    std::size_t count = 1;
    std::from_chars(told.data(), told.data() + told.size(), count);
    return std::clamp<std::size_t>(count, 1, kChoicesMax);
}

void ChatDecoder::on_head(int, const plugin::Headers& headers) {
    reader_.on_head(headers);
}

Result<void> ChatDecoder::feed(std::string_view bytes, DeltaWriter& out) {
    return reader_.feed(bytes, [&](std::string_view data) { return take_event(data, out); });
}

Result<void> ChatDecoder::take_event(std::string_view data, DeltaWriter& out) {
    if (has_done_mark_ || data.empty()) {
        return {};
    }
    if (data.starts_with("[DONE]")) {
        has_done_mark_ = true;
        return {};
    }
    if (const std::optional<std::string_view> text = shortcut_.read(data)) {
        out.chat(data, *text, false);
        return {};
    }
    plugin::JsonDocument<> document;
    if (!document.parse(data)) {
        return malformed("an event of the stream is not JSON");
    }
    const boost::json::value& chunk = document.value();
    switch (kind_of(chunk)) {
        case CompletionKind::error: return classify_in_stream(*json_member(&chunk, "error"));
        case CompletionKind::ping: return {};
        case CompletionKind::unknown: return malformed("an event of the stream has no choices");
        case CompletionKind::choices: break;
    }
    const Result<bool> taken = take_choices(chunk, data, "delta", out);
    if (!taken) {
        return taken.error();
    }
    if (*taken) {
        shortcut_.learn(data);
    }
    return {};
}

Result<bool> ChatDecoder::take_choices(const boost::json::value& completion,
                                       std::string_view json,
                                       std::string_view content,
                                       DeltaWriter& out) {
    tell_model(completion, has_model_, out);
    const boost::json::array& choices = completion.at("choices").get_array();
    const boost::json::value* const first = first_choice(choices);
    std::string text;
    bool has_more = false;
    bool has_finished = false;
    for (const boost::json::value& choice : choices) {
        const auto finished = read_finish(choice);
        if (!finished) {
            return finished.error();
        }
        const auto index = json_integer(json_member(&choice, "index")).value_or(0);
        const auto place = static_cast<std::size_t>(std::clamp<std::int64_t>(index, 0, kChoicesMax - 1));
        begun_.set(place);
        if (*finished) {
            finished_.set(place);
        }
        const boost::json::value* const said = json_member(&choice, content);
        has_more = has_more || has_content_besides_text(said);
        const std::string words = text_of(json_member(said, "content"), has_more);
        if (&choice != first) {
            has_more = has_more || !words.empty();
            continue;
        }
        text = words;
        const auto refusal = json_text(json_member(said, "refusal"));
        has_refused_ = has_refused_ || (refusal && !refusal->empty());
        if (*finished) {
            has_finished = true;
            finish_reason_ = **finished;
        }
    }
    out.chat(json, text, has_more);
    const std::optional<plugin::Usage> usage = read_usage(completion);
    if (usage) {
        out.usage(*usage);
    }
    return first != nullptr && choices.size() == 1 && !has_more && !has_finished && !usage;
}

Result<void> ChatDecoder::take_whole(DeltaWriter& out) {
    const std::string_view body = reader_.whole();
    plugin::JsonDocument<> document;
    if (!document.parse(body)) {
        return malformed("the answer is not JSON");
    }
    const boost::json::value& answer = document.value();
    const CompletionKind kind = kind_of(answer);
    if (kind == CompletionKind::error) {
        return classify_in_stream(*json_member(&answer, "error"));
    }
    if (kind != CompletionKind::choices || first_choice(answer.at("choices").get_array()) == nullptr) {
        return malformed("the answer has no choices");
    }
    const Result<bool> taken = take_choices(answer, body, "message", out);
    return taken ? Result<void>() : taken.error();
}

Result<FinishReason> ChatDecoder::finish(DeltaWriter& out) {
    if (!reader_.is_streamed()) {
        if (Result<void> taken = take_whole(out); !taken) {
            return std::move(taken).error();
        }
    }
    if (!is_complete()) {
        return malformed(finish_reason_ ? "the answer ended before all of its choices had finished"
                                        : "the answer ended without a finish reason");
    }
    return has_refused_ && *finish_reason_ == FinishReason::stop ? FinishReason::refusal : *finish_reason_;
}

}  // namespace eco2::openai
