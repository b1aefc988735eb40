#pragma once

#include "eco2/abi/provider.h"

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::testing {

/// A generate request with storage of its own. Lifetime: must outlive the call. Not copyable: it points into itself.
class TestRequest {
public:
    TestRequest() {
        request_.struct_size = sizeof request_;
        request_.flags = ECO2_GENERATE_STREAM;
        request_.max_output_tokens = -1;
        request_.temperature = -1;
        request_.top_p = -1;
        set(request_.model, "test-model");
        set(request_.request_id, "run-1");
    }
    TestRequest(const TestRequest&) = delete;
    TestRequest& operator=(const TestRequest&) = delete;

    TestRequest& model(std::string_view text) { return set(request_.model, text); }
    TestRequest& request_id(std::string_view text) { return set(request_.request_id, text); }
    TestRequest& traceparent(std::string_view text) { return set(request_.traceparent, text); }
    TestRequest& params(std::string_view json) { return set(request_.params_json, json); }
    TestRequest& schema(std::string_view name, std::string_view json) {
        return set(request_.schema_name, name).set(request_.schema_json, json);
    }
    TestRequest& streamed(bool is_streamed) {
        request_.flags = is_streamed ? ECO2_GENERATE_STREAM : 0;
        return *this;
    }
    TestRequest& key(std::uint64_t handle) {
        request_.key = handle;
        return *this;
    }
    TestRequest& max_output_tokens(std::int64_t count) {
        request_.max_output_tokens = count;
        return *this;
    }
    TestRequest& temperature(double value) {
        request_.temperature = value;
        return *this;
    }
    TestRequest& top_p(double value) {
        request_.top_p = value;
        return *this;
    }
    /// JSON array of texts that end the answer.
    TestRequest& stop(std::string_view json) { return set(request_.stop_json, json); }
    /// JSON object with "tools", "tool_choice" and "parallel_tool_calls".
    TestRequest& tools(std::string_view json) { return set(request_.tools_json, json); }
    /// The request as a client wrote it, in the form of OpenAI's chat completions.
    TestRequest& chat(std::string_view json) { return set(request_.chat_json, json); }

    /// Begins a message; the part functions add to the last one.
    TestRequest& message(std::int32_t role) {
        Message& made = messages_.emplace_back();
        made.abi.struct_size = sizeof made.abi;
        made.abi.role = role;
        return *this;
    }
    TestRequest& text(std::string_view text) {
        add_part(ECO2_PART_TEXT, 0, text);
        return *this;
    }
    /// A tool call in the form of OpenAI's message.tool_calls[], in an assistant's message.
    TestRequest& tool_call(std::string_view json) {
        add_part(ECO2_PART_TOOL_CALL, 0, json);
        return *this;
    }
    /// A whole message: the result of the call with this id.
    TestRequest& tool_result(std::string_view call_id, std::string_view result) {
        message(ECO2_ROLE_TOOL).text(result);
        return set(messages_.back().abi.tool_call_id, call_id);
    }
    TestRequest& image_url(std::string_view url, std::int32_t detail = ECO2_DETAIL_AUTO) {
        add_part(ECO2_PART_IMAGE_URL, detail, url);
        return *this;
    }
    TestRequest& image(std::string_view mime, std::span<const std::uint8_t> bytes, std::int32_t detail = ECO2_DETAIL_AUTO) {
        eco2_part& part = add_part(ECO2_PART_IMAGE_BYTES, detail, {});
        set(part.mime, mime);
        part.bytes = {bytes.data(), bytes.size()};
        return *this;
    }

    /// The request as the ABI has it; call after the last change.
    const eco2_generate_request* abi() {
        message_list_.clear();
        for (Message& message : messages_) {
            message.part_list.clear();
            for (const eco2_part& part : message.parts) {
                message.part_list.push_back(&part);
            }
            message.abi.parts = message.part_list.data();
            message.abi.part_count = message.part_list.size();
            message_list_.push_back(&message.abi);
        }
        request_.messages = message_list_.data();
        request_.message_count = message_list_.size();
        return &request_;
    }

private:
    struct Message {
        eco2_message abi{};
        std::deque<eco2_part> parts;
        std::vector<const eco2_part*> part_list;
    };

    TestRequest& set(eco2_str& field, std::string_view text) {
        const std::string& kept = texts_.emplace_back(text);
        field = {kept.data(), kept.size()};
        return *this;
    }
    eco2_part& add_part(std::int32_t kind, std::int32_t detail, std::string_view text) {
        eco2_part& part = messages_.back().parts.emplace_back();
        part.struct_size = sizeof part;
        part.kind = kind;
        part.detail = detail;
        set(part.text, text);
        return part;
    }

    eco2_generate_request request_{};
    std::deque<std::string> texts_;
    std::deque<Message> messages_;
    std::vector<const eco2_message*> message_list_;
};

}  // namespace eco2::testing
