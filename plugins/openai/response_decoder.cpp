#include "openai/response_decoder.hpp"

#include "openai/completion.hpp"
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

const boost::json::value* present(const boost::json::value* value) {
    return value == nullptr || value->is_null() ? nullptr : value;
}

FinishReason incomplete_reason(const boost::json::value& response) {
    const auto reason = json_text(json_member(json_member(&response, "incomplete_details"), "reason"));
    if (reason == "max_output_tokens") {
        return FinishReason::length;
    }
    return reason == "content_filter" ? FinishReason::content_filter : FinishReason::other;
}

void report_usage(const boost::json::value& response, DeltaWriter& out) {
    const boost::json::value* const told = present(json_member(&response, "usage"));
    if (told == nullptr) {
        return;
    }
    const auto count = [](const boost::json::value* in, std::string_view name) {
        return json_integer(json_member(in, name)).value_or(-1);
    };
    plugin::Usage usage;
    usage.input_tokens = count(told, "input_tokens");
    usage.output_tokens = count(told, "output_tokens");
    usage.cached_input_tokens = count(json_member(told, "input_tokens_details"), "cached_tokens");
    usage.reasoning_tokens = count(json_member(told, "output_tokens_details"), "reasoning_tokens");
    out.usage(usage);
}

}  // namespace

ResponseDecoder::ResponseDecoder(bool is_streamed, bool drops_thoughts) : reader_(is_streamed), thoughts_(drops_thoughts) {}

void ResponseDecoder::on_head(int, const plugin::Headers& headers) {
    reader_.on_head(headers);
}

Result<void> ResponseDecoder::feed(std::string_view bytes, DeltaWriter& out) {
    return reader_.feed(bytes, [&](std::string_view data) { return take_event(data, out); });
}

Result<void> ResponseDecoder::take_event(std::string_view data, DeltaWriter& out) {
    if (finish_reason_ || data.empty() || data == "[DONE]") {
        return {};  // some compatible servers end with the mark of chat completions
    }
    plugin::JsonDocument<> document;
    if (!document.parse(data)) {
        return malformed("an event of the stream is not JSON");
    }
    const boost::json::value& event = document.value();
    const auto type = json_text(json_member(&event, "type"));
    if (type) {
        return is_in_order(event) ? take_named(*type, event, out) : malformed("an event of the stream is out of its order");
    }
    if (const boost::json::value* const error = present(json_member(&event, "error"))) {
        return classify_in_stream(*error);
    }
    const boost::json::object* const members = event.if_object();
    return members != nullptr && members->empty() ? Result<void>() : malformed("an event of the stream has no type");
}

/// Servers that do not number their events send no number, or zeros.
bool ResponseDecoder::is_in_order(const boost::json::value& event) {
    const auto number = json_integer(json_member(&event, "sequence_number"));
    if (!number || (*number == 0 && last_number_ <= 0)) {
        return true;
    }
    const bool is_next = *number > last_number_;
    last_number_ = *number;
    return is_next;
}

Result<void> ResponseDecoder::take_named(std::string_view type, const boost::json::value& event, DeltaWriter& out) {
    if (type == "response.output_text.delta") {
        const auto text = json_text(json_member(&event, "delta"));
        if (!text) {
            return malformed("a text event of the stream has no text");
        }
        part_text_.append(*text);
        say(*text, out);
        return {};
    }
    if (type == "response.output_text.done") {
        return take_text_done(event, out);
    }
    if (type == "response.refusal.delta") {
        refuse(json_text(json_member(&event, "delta")).value_or(""), out);
        return {};
    }
    if (type.starts_with("response.output_item.") || type == "response.function_call_arguments.delta") {
        return take_call(type, event, out);
    }
    if (type == "error") {
        const boost::json::value* const nested = present(json_member(&event, "error"));
        return classify_in_stream(nested != nullptr ? *nested : event);
    }
    const boost::json::value* const response = json_member(&event, "response");
    if (type == "response.completed" || type == "response.incomplete" || type == "response.failed") {
        return response == nullptr ? malformed("the last event of the stream has no response") : take_response(*response, out);
    }
    if (response != nullptr) {
        take_model(*response, out);
    }
    return {};
}

Result<void> ResponseDecoder::take_call(std::string_view type, const boost::json::value& event, DeltaWriter& out) {
    const boost::json::value* const item = json_member(&event, "item");
    const std::int64_t place = json_integer(json_member(&event, "output_index")).value_or(-1);
    if (type == "response.function_call_arguments.delta") {
        calls_.piece(json_text(json_member(&event, "delta")).value_or(""), place, out);
        return {};
    }
    if (!ResponseCalls::is_call(item)) {
        return {};
    }
    has_output_ = true;
    if (type == "response.output_item.done") {
        return calls_.finish(*item, place, out);
    }
    if (type == "response.output_item.added") {
        calls_.start(*item, place, out);
    }
    return {};
}

Result<void> ResponseDecoder::take_text_done(const boost::json::value& event, DeltaWriter& out) {
    const auto text = json_text(json_member(&event, "text"));
    if (text && part_text_.empty()) {
        say(*text, out);
    } else if (text && *text != part_text_) {
        return malformed("the pieces of the text are not what the whole text is told to be");
    }
    part_text_.clear();
    return {};
}

Result<void> ResponseDecoder::take_response(const boost::json::value& response, DeltaWriter& out) {
    if (const boost::json::value* const error = present(json_member(&response, "error"))) {
        return classify_in_stream(*error);
    }
    const auto status = json_text(json_member(&response, "status"));
    if (status != "completed" && status != "incomplete") {
        return malformed("the response has not been completed: " + std::string(status.value_or("no status")));
    }
    take_model(response, out);
    if (!has_output_) {
        take_output(response, out);
    }
    report_usage(response, out);
    if (status == "incomplete") {
        finish_reason_ = incomplete_reason(response);
    } else {
        finish_reason_ = has_refused_ ? FinishReason::refusal : calls_.has_any() ? FinishReason::tool : FinishReason::stop;
    }
    return {};
}

void ResponseDecoder::take_output(const boost::json::value& response, DeltaWriter& out) {
    const boost::json::array* const items = json_array(json_member(&response, "output"));
    for (std::size_t index = 0; items != nullptr && index < items->size(); ++index) {
        const boost::json::value& item = (*items)[index];
        if (ResponseCalls::is_call(&item)) {
            (void)calls_.finish(item, static_cast<std::int64_t>(index), out);  // none has begun: it cannot differ
            continue;
        }
        const boost::json::array* const parts = json_array(json_member(&item, "content"));
        for (std::size_t at = 0; parts != nullptr && at < parts->size(); ++at) {
            const boost::json::value& part = (*parts)[at];
            const auto type = json_text(json_member(&part, "type"));
            if (type == "output_text") {
                say(json_text(json_member(&part, "text")).value_or(""), out);
            } else if (type == "refusal") {
                refuse(json_text(json_member(&part, "refusal")).value_or(""), out);
            }
        }
    }
}

Result<void> ResponseDecoder::take_whole(DeltaWriter& out) {
    plugin::JsonDocument<> document;
    if (!document.parse(reader_.whole())) {
        return malformed("the answer is not JSON");
    }
    const boost::json::value& response = document.value();
    if (present(json_member(&response, "error")) == nullptr && json_array(json_member(&response, "output")) == nullptr) {
        return malformed("the answer has no output");
    }
    return take_response(response, out);
}

Result<FinishReason> ResponseDecoder::finish(DeltaWriter& out) {
    if (!reader_.is_streamed()) {
        if (Result<void> taken = take_whole(out); !taken) {
            return std::move(taken).error();
        }
    }
    if (!finish_reason_) {
        return malformed("the answer ended before it was complete");
    }
    thoughts_.finish(out);
    return *finish_reason_;
}

void ResponseDecoder::take_model(const boost::json::value& response, DeltaWriter& out) {
    const auto model = json_text(json_member(&response, "model"));
    if (!has_model_ && model && !model->empty()) {
        has_model_ = true;
        out.meta({*model, {}, 0, nullptr});
    }
}

void ResponseDecoder::say(std::string_view text, DeltaWriter& out) {
    has_output_ = true;
    thoughts_.feed(text, out);
}

void ResponseDecoder::refuse(std::string_view words, DeltaWriter& out) {
    has_output_ = has_refused_ = true;
    out.raw(boost::json::serialize(boost::json::value{{"refusal", boost::json::string(words)}}));
}

}  // namespace eco2::openai
