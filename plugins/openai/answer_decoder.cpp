#include "openai/answer_decoder.hpp"

#include "openai/errors.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/upstream_errors.hpp"

#include <boost/json/serialize.hpp>

namespace eco2::openai {

using plugin::DeltaWriter;
using plugin::FinishReason;
using plugin::json_array;
using plugin::json_integer;
using plugin::json_member;
using plugin::json_text;
using plugin::Result;

namespace {

constexpr std::size_t kEventBytesMax = 1024 * 1024;  // a whole answer in one chunk, with room

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

bool is_null_or_absent(const boost::json::value* value) {
    return value == nullptr || value->is_null();
}

/// The choice that was asked for; null where there is none.
const boost::json::value* first_choice(const boost::json::array& choices) {
    for (const boost::json::value& choice : choices) {
        if (json_integer(json_member(&choice, "index")).value_or(0) == 0) {
            return &choice;
        }
    }
    return nullptr;
}

}  // namespace

AnswerDecoder::AnswerDecoder(bool is_streamed, bool drops_thoughts)
    : is_streamed_(is_streamed), events_(kEventBytesMax), thoughts_(drops_thoughts) {}

void AnswerDecoder::on_head(int, const plugin::Headers& headers) {
    const std::string_view type = headers.find("content-type");
    if (type.starts_with("text/event-stream")) {
        is_streamed_ = true;
    } else if (type.starts_with("application/json")) {
        is_streamed_ = false;  // some servers ignore "stream"
    }
}

Result<void> AnswerDecoder::feed(std::string_view bytes, DeltaWriter& out) {
    if (!is_streamed_) {
        body_.append(bytes);
        return {};
    }
    Result<void> taken;
    const auto state = events_.feed(bytes, [&](const wire::SseEvent& event) {
        taken = take_event(event.data, out);
        return taken.has_value();
    });
    if (state == wire::SseReader::State::too_long) {
        return malformed("an event of the stream is longer than 1 MiB");
    }
    return taken;
}

Result<void> AnswerDecoder::take_event(std::string_view data, DeltaWriter& out) {
    if (has_done_mark_ || data.empty()) {
        return {};
    }
    if (data == "[DONE]") {
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
    if (const boost::json::value* const error = json_member(&chunk, "error"); !is_null_or_absent(error)) {
        return classify_in_stream(*error);
    }
    const boost::json::array* const choices = json_array(json_member(&chunk, "choices"));
    if (choices == nullptr) {
        if (const boost::json::object* const members = chunk.if_object(); members != nullptr && members->empty()) {
            return {};  // a ping of some proxies
        }
        return malformed("an event of the stream has no choices");
    }
    take_model(chunk, out);
    const boost::json::value* const choice = first_choice(*choices);
    const bool is_only_text = choice != nullptr && take_choice(*choice, "delta", out);
    const bool has_usage = take_usage(chunk, out);
    if (is_only_text && !has_usage && choices->size() == 1) {
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

bool AnswerDecoder::take_choice(const boost::json::value& choice, std::string_view content, DeltaWriter& out) {
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
            out.tool(boost::json::serialize(call));
        }
    }
    if (const auto reason = json_text(json_member(&choice, "finish_reason"))) {
        is_only_text = false;
        finish_reason_ = finish_named(*reason);
    }
    return is_only_text && has_text;
}

void AnswerDecoder::take_model(const boost::json::value& answer, DeltaWriter& out) {
    if (has_model_) {
        return;
    }
    const auto model = json_text(json_member(&answer, "model"));
    if (model && !model->empty()) {
        has_model_ = true;
        out.meta({*model, {}, 0, nullptr});
    }
}

bool AnswerDecoder::take_usage(const boost::json::value& answer, DeltaWriter& out) {
    const boost::json::value* const told = json_member(&answer, "usage");
    if (is_null_or_absent(told)) {
        return false;
    }
    const auto count = [](const boost::json::value* in, std::string_view name) {
        return json_integer(json_member(in, name)).value_or(-1);
    };
    plugin::Usage usage;
    usage.input_tokens = count(told, "prompt_tokens");
    usage.output_tokens = count(told, "completion_tokens");
    usage.cached_input_tokens = count(json_member(told, "prompt_tokens_details"), "cached_tokens");
    usage.reasoning_tokens = count(json_member(told, "completion_tokens_details"), "reasoning_tokens");
    out.usage(usage);
    return true;
}

Result<void> AnswerDecoder::take_whole(DeltaWriter& out) {
    plugin::JsonDocument<> document;
    if (!document.parse(plugin::without_byte_order_mark(body_))) {
        return malformed("the answer is not JSON");
    }
    const boost::json::value& answer = document.value();
    if (const boost::json::value* const error = json_member(&answer, "error"); !is_null_or_absent(error)) {
        return classify_in_stream(*error);
    }
    const boost::json::array* const choices = json_array(json_member(&answer, "choices"));
    const boost::json::value* const choice = choices == nullptr ? nullptr : first_choice(*choices);
    if (choice == nullptr) {
        return malformed("the answer has no choices");
    }
    take_model(answer, out);
    take_choice(*choice, "message", out);
    take_usage(answer, out);
    if (!finish_reason_ && has_text_) {
        finish_reason_ = FinishReason::stop;
        out.raw(R"({"note":"the answer came whole without a finish reason; taken as stop"})");
    }
    return {};
}

Result<FinishReason> AnswerDecoder::finish(DeltaWriter& out) {
    if (!is_streamed_) {
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
