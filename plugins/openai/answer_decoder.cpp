#include "openai/answer_decoder.hpp"

#include "openai/completion.hpp"
#include "openai/errors.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/upstream_errors.hpp"

#include <boost/json/serialize.hpp>

namespace eco2::openai {

using plugin::DeltaWriter;
using plugin::FinishReason;
using plugin::json_array;
using plugin::json_member;
using plugin::json_text;
using plugin::Result;

AnswerDecoder::AnswerDecoder(bool is_streamed, bool drops_thoughts) : reader_(is_streamed), thoughts_(drops_thoughts) {}

void AnswerDecoder::on_head(int, const plugin::Headers& headers) {
    reader_.on_head(headers);
}

Result<void> AnswerDecoder::feed(std::string_view bytes, DeltaWriter& out) {
    return reader_.feed(bytes, [&](std::string_view data) { return take_event(data, out); });
}

Result<void> AnswerDecoder::take_event(std::string_view data, DeltaWriter& out) {
    if (has_done_mark_ || data.empty()) {
        return {};
    }
    if (data.starts_with("[DONE]")) {
        has_done_mark_ = true;
        return {};
    }
    if (const std::optional<std::string_view> text = shortcut_.read(data)) {
        thoughts_.feed(*text, out);
        return {};
    }
    plugin::JsonDocument<> document;
    if (!document.parse(data)) {
        return malformed("an event of the stream is not JSON");
    }
    return take_chunk(document.value(), data, out);
}

Result<void> AnswerDecoder::take_chunk(const boost::json::value& chunk, std::string_view text, DeltaWriter& out) {
    switch (kind_of(chunk)) {
        case CompletionKind::error: return classify_in_stream(*json_member(&chunk, "error"));
        case CompletionKind::ping: return {};
        case CompletionKind::unknown: return malformed("an event of the stream has no choices");
        case CompletionKind::choices: break;
    }
    tell_model(chunk, has_model_, out);
    const boost::json::array& choices = chunk.at("choices").get_array();
    const boost::json::value* const choice = first_choice(choices);
    const Result<bool> taken = choice == nullptr ? Result<bool>(false) : take_choice(*choice, "delta", out);
    if (!taken) {
        return taken.error();
    }
    const bool is_only_text = *taken;
    const std::optional<plugin::Usage> usage = read_usage(chunk);
    if (usage) {
        out.usage(*usage);
    } else if (is_only_text && choices.size() == 1) {
        shortcut_.learn(text);
    }
    return {};
}

bool AnswerDecoder::say(const boost::json::value* content, DeltaWriter& out) {
    if (const auto text = json_text(content)) {
        has_text_ = has_text_ || !text->empty();
        thoughts_.feed(*text, out);
        return true;
    }
    const boost::json::array* const parts = json_array(content);
    if (parts == nullptr) {
        return false;
    }
    for (const boost::json::value& part : *parts) {
        if (json_text(json_member(&part, "type")) == "text") {
            say(json_member(&part, "text"), out);
        }
    }
    return true;
}

/// A whole answer's calls have no index, and neither have those of some servers' streams: they come whole, one after the other.
void AnswerDecoder::tell_call(const boost::json::value& call, DeltaWriter& out) {
    const boost::json::object* const members = call.if_object();
    if (members == nullptr || members->contains("index")) {
        out.tool(boost::json::serialize(call));
        return;
    }
    std::string indexed = "{\"index\":" + std::to_string(call_count_++);
    const std::string text = boost::json::serialize(call);
    indexed += members->empty() ? "" : ",";
    out.tool(indexed + text.substr(1));
}

Result<bool> AnswerDecoder::take_choice(const boost::json::value& choice, std::string_view content, DeltaWriter& out) {
    bool is_only_text = true;
    const boost::json::value* const said = json_member(&choice, content);
    const bool has_text = say(json_member(said, "content"), out);
    if (const auto refusal = json_text(json_member(said, "refusal")); refusal && !refusal->empty()) {
        has_refused_ = true;
        is_only_text = false;
        out.raw(boost::json::serialize(boost::json::value{{"refusal", boost::json::string(*refusal)}}));
    }
    if (const boost::json::array* const calls = json_array(json_member(said, "tool_calls"))) {
        is_only_text = false;
        for (const boost::json::value& call : *calls) {
            tell_call(call, out);
        }
    }
    const auto finished = read_finish(choice);
    if (!finished) {
        return finished.error();
    }
    if (*finished) {
        is_only_text = false;
        finish_reason_ = **finished;
    }
    return is_only_text && has_text;
}

Result<void> AnswerDecoder::take_whole(DeltaWriter& out) {
    plugin::JsonDocument<> document;
    if (!document.parse(reader_.whole())) {
        return malformed("the answer is not JSON");
    }
    const boost::json::value& answer = document.value();
    if (kind_of(answer) == CompletionKind::error) {
        return classify_in_stream(*json_member(&answer, "error"));
    }
    const boost::json::array* const choices = json_array(json_member(&answer, "choices"));
    const boost::json::value* const choice = choices == nullptr ? nullptr : first_choice(*choices);
    if (choice == nullptr) {
        return malformed("the answer has no choices");
    }
    tell_model(answer, has_model_, out);
    if (const Result<bool> taken = take_choice(*choice, "message", out); !taken) {
        return taken.error();
    }
    if (const std::optional<plugin::Usage> usage = read_usage(answer)) {
        out.usage(*usage);
    }
    if (!finish_reason_ && has_text_) {
        finish_reason_ = FinishReason::stop;
        out.raw(R"({"note":"the answer came whole without a finish reason; taken as stop"})");
    }
    return {};
}

Result<FinishReason> AnswerDecoder::finish(DeltaWriter& out) {
    if (!reader_.is_streamed()) {
        if (Result<void> taken = take_whole(out); !taken) {
            return std::move(taken).error();
        }
    }
    if (!finish_reason_) {
        return malformed("the answer ended without a finish reason");
    }
    thoughts_.finish(out);
    return reason();
}

FinishReason AnswerDecoder::reason() const {
    return has_refused_ && *finish_reason_ == FinishReason::stop ? FinishReason::refusal : *finish_reason_;
}

}  // namespace eco2::openai
