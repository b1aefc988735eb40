#include "anthropic/message_decoder.hpp"

#include "anthropic/errors.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/upstream_errors.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>

namespace eco2::anthropic {

using plugin::DeltaWriter;
using plugin::FinishReason;
using plugin::json_array;
using plugin::json_integer;
using plugin::json_member;
using plugin::json_text;
using plugin::Result;

namespace {

FinishReason stop_named(std::string_view name, bool is_only_schema) {
    if (name == "end_turn" || name == "stop_sequence") {
        return FinishReason::stop;
    }
    if (name == "max_tokens" || name == "model_context_window_exceeded") {
        return FinishReason::length;
    }
    if (name == "tool_use") {
        return is_only_schema ? FinishReason::stop : FinishReason::tool;
    }
    return name == "refusal" ? FinishReason::refusal : FinishReason::other;
}

void set_count(std::int64_t& count, const boost::json::value* usage, std::string_view name) {
    if (const auto told = json_integer(json_member(usage, name))) {
        count = *told;
    }
}

}  // namespace

MessageDecoder::MessageDecoder(bool is_streamed, std::string_view schema_tool) : reader_(is_streamed), tools_(schema_tool) {}

void MessageDecoder::on_head(int, const plugin::Headers& headers) {
    reader_.on_head(headers);
}

Result<void> MessageDecoder::feed(std::string_view bytes, DeltaWriter& out) {
    return reader_.feed(bytes, [&](std::string_view data) { return take_event(data, out); });
}

Result<void> MessageDecoder::take_event(std::string_view data, DeltaWriter& out) {
    if (has_stopped_ || data.empty()) {
        return {};
    }
    plugin::JsonDocument<> document;
    if (!document.parse(data)) {
        return malformed("an event of the stream is not JSON");
    }
    const boost::json::value& event = document.value();
    if (const auto type = json_text(json_member(&event, "type"))) {
        return take_named(*type, event, out);
    }
    const boost::json::object* const members = event.if_object();
    return members != nullptr && members->empty() ? Result<void>() : malformed("an event of the stream has no type");
}

Result<void> MessageDecoder::take_named(std::string_view type, const boost::json::value& event, DeltaWriter& out) {
    if (type == "content_block_delta") {
        return take_block_delta(event, out);
    }
    if (type == "content_block_start") {
        take_block_start(event, out);
    } else if (type == "content_block_stop") {
        tools_.finish(out);
    } else if (type == "message_start") {
        const boost::json::value* const message = json_member(&event, "message");
        take_model(message, out);
        take_usage(json_member(message, "usage"));
    } else if (type == "message_delta") {
        tools_.finish(out);
        take_usage(json_member(&event, "usage"));
        report_usage(out);
        take_stop(json_member(&event, "delta"), out);
    } else if (type == "message_stop") {
        has_stopped_ = true;
    } else if (type == "error") {
        const boost::json::value* const error = json_member(&event, "error");
        return classify_in_stream(error != nullptr ? *error : event);
    }
    return {};
}

void MessageDecoder::take_block_start(const boost::json::value& event, DeltaWriter& out) {
    const boost::json::value* const block = json_member(&event, "content_block");
    tools_.start(block, out);
    if (json_text(json_member(block, "type")) == "text" && !tools_.asks_by_tool()) {
        out.text(json_text(json_member(block, "text")).value_or(""));
    }
}

Result<void> MessageDecoder::take_block_delta(const boost::json::value& event, DeltaWriter& out) {
    const boost::json::value* const delta = json_member(&event, "delta");
    const auto type = json_text(json_member(delta, "type"));
    if (!type) {
        return malformed("a piece of the stream has no type");
    }
    if (type == "text_delta") {
        const auto text = json_text(json_member(delta, "text"));
        if (!text) {
            return malformed("a text piece of the stream has no text");
        }
        if (!tools_.asks_by_tool()) {
            out.text(*text);
        }
    } else if (type == "input_json_delta") {
        tools_.piece(json_text(json_member(delta, "partial_json")).value_or(""), out);
    }
    return {};
}

Result<void> MessageDecoder::take_whole(DeltaWriter& out) {
    plugin::JsonDocument<> document;
    if (!document.parse(reader_.whole())) {
        return malformed("the answer is not JSON");
    }
    const boost::json::value& message = document.value();
    if (json_text(json_member(&message, "type")) == "error") {
        const boost::json::value* const error = json_member(&message, "error");
        return classify_in_stream(error != nullptr ? *error : message);
    }
    const boost::json::array* const blocks = json_array(json_member(&message, "content"));
    if (blocks == nullptr) {
        return malformed("the answer has no content");
    }
    take_model(&message, out);
    for (const boost::json::value& block : *blocks) {
        take_block(block, out);
    }
    take_usage(json_member(&message, "usage"));
    report_usage(out);
    take_stop(&message, out);
    return {};
}

void MessageDecoder::take_block(const boost::json::value& block, DeltaWriter& out) {
    if (json_text(json_member(&block, "type")) == "text" && !tools_.asks_by_tool()) {
        out.text(json_text(json_member(&block, "text")).value_or(""));
    }
    tools_.take_whole(block, out);
}

void MessageDecoder::take_model(const boost::json::value* message, DeltaWriter& out) {
    const auto model = json_text(json_member(message, "model"));
    if (!has_model_ && model && !model->empty()) {
        has_model_ = true;
        out.meta({*model, {}, 0, nullptr});
    }
}

void MessageDecoder::take_usage(const boost::json::value* usage) {
    set_count(uncached_input_, usage, "input_tokens");
    set_count(cache_created_, usage, "cache_creation_input_tokens");
    set_count(usage_.cached_input_tokens, usage, "cache_read_input_tokens");
    set_count(usage_.output_tokens, usage, "output_tokens");
    set_count(usage_.reasoning_tokens, json_member(usage, "output_tokens_details"), "thinking_tokens");
}

/// The API counts what was read from and written to the cache beside the input; here they are parts of it.
void MessageDecoder::report_usage(DeltaWriter& out) {
    if (uncached_input_ < 0 && usage_.output_tokens < 0) {
        return;
    }
    plugin::Usage usage = usage_;
    if (uncached_input_ >= 0) {
        usage.input_tokens =
            uncached_input_ + std::max<std::int64_t>(cache_created_, 0) + std::max<std::int64_t>(usage.cached_input_tokens, 0);
    }
    out.usage(usage);
}

void MessageDecoder::take_stop(const boost::json::value* told, DeltaWriter& out) {
    const auto reason = json_text(json_member(told, "stop_reason"));
    if (!reason) {
        return;
    }
    finish_reason_ = stop_named(*reason, tools_.asks_by_tool() && !tools_.has_calls());
    if (finish_reason_ == FinishReason::refusal) {
        const boost::json::value* const details = json_member(told, "stop_details");
        out.raw(boost::json::serialize(boost::json::value{{"refusal", details == nullptr ? boost::json::value() : *details}}));
    }
}

Result<FinishReason> MessageDecoder::finish(DeltaWriter& out) {
    if (!reader_.is_streamed()) {
        if (Result<void> taken = take_whole(out); !taken) {
            return std::move(taken).error();
        }
    }
    if (!finish_reason_) {
        return malformed("the answer ended without a stop reason");
    }
    return *finish_reason_;
}

}  // namespace eco2::anthropic
