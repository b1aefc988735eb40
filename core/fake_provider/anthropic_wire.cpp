#include "fake_provider/anthropic_wire.hpp"

#include "base/text.hpp"

#include <utility>

namespace eco2::fake {
namespace {

std::string_view type_of_status(int status) {
    switch (status) {
        case 401: return "authentication_error";
        case 402: return "billing_error";
        case 403: return "permission_error";
        case 404: return "not_found_error";
        case 413: return "request_too_large";
        case 429: return "rate_limit_error";
        case 504: return "timeout_error";
        case 529: return "overloaded_error";
        default: return status < 500 ? "invalid_request_error" : "api_error";
    }
}

std::string error_json(const ApiFault& fault) {
    return "{\"type\":\"error\",\"error\":{\"type\":\"" + std::string(type_of_status(fault.status)) +
           "\",\"message\":" + json_quote(fault.message) + "},\"request_id\":\"req_fake\"}";
}

class MessagesWire final : public AnswerWire {
public:
    explicit MessagesWire(AnswerId id) : AnswerWire(std::move(id)) { id_.id.insert(0, "msg_fake"); }

    std::string whole(const Said& said) override { return message(block(said), said); }
    std::string whole_empty(const Said& said) override { return message({}, said); }

    std::string begin(TextField field) override {
        const bool is_tool = uses_tool(field);
        return start() +
               event("content_block_start",
                     is_tool ? ",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_fake\",\"name\":" +
                                   json_quote(id_.tool) + ",\"input\":{}}"
                             : ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}") +
               event("ping", "");
    }
    std::string piece(std::string_view text, TextField field) override {
        return event("content_block_delta",
                     std::string(uses_tool(field) ? ",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":"
                                                  : ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":") +
                         json_quote(text) + "}");
    }
    std::string end(const Said& said) override { return event("content_block_stop", ",\"index\":0") + last(said); }
    std::string_view end_mark() const override { return kEndMark; }
    std::string empty_stream(const Said& said) override { return start() + last(said); }
    std::string malformed() const override {
        return "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"del\n\n";
    }
    std::string error_event(const ApiFault& fault) override { return "event: error\ndata: " + error_json(fault) + "\n\n"; }

private:
    static constexpr std::string_view kEndMark = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    bool uses_tool(TextField field) const { return !id_.tool.empty() && field == TextField::content; }

    static std::string event(std::string_view type, const std::string& members) {
        std::string out = "event: ";
        out += type;
        out += "\ndata: {\"type\":\"";
        out += type;
        return out + '"' + members + "}\n\n";
    }
    std::string head() const {
        return "\"id\":\"" + id_.id + "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":" + json_quote(id_.model);
    }
    std::string start() const {
        return event("message_start",
                     ",\"message\":{" + head() + ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":" +
                         usage(id_.prompt_tokens, 1) + "}");
    }
    std::string last(const Said& said) const {
        return event("message_delta",
                     ",\"delta\":{\"stop_reason\":" + stop_reason(said) + ",\"stop_sequence\":" + stop_sequence(said) +
                         "},\"usage\":" + usage(said.prompt_tokens, said.completion_tokens)) +
               std::string(kEndMark);
    }
    std::string stop_reason(const Said& said) const {
        if (said.ending == Ending::none) {
            return "null";
        }
        if (said.ending == Ending::content_filter || said.field == TextField::refusal) {
            return "\"refusal\"";
        }
        if (said.ending == Ending::length) {
            return "\"max_tokens\"";
        }
        if (!said.stop_sequence.empty()) {
            return "\"stop_sequence\"";
        }
        return uses_tool(said.field) ? "\"tool_use\"" : "\"end_turn\"";
    }
    static std::string stop_sequence(const Said& said) {
        return said.stop_sequence.empty() ? "null" : json_quote(said.stop_sequence);
    }
    std::string block(const Said& said) const {
        if (uses_tool(said.field) && said.ending != Ending::content_filter) {  // half an answer is no tool's input
            return "{\"type\":\"tool_use\",\"id\":\"toolu_fake\",\"name\":" + json_quote(id_.tool) +
                   ",\"input\":" + std::string(said.text) + "}";
        }
        return "{\"type\":\"text\",\"text\":" + json_quote(said.text) + "}";
    }
    std::string message(const std::string& blocks, const Said& said) const {
        return "{" + head() + ",\"content\":[" + blocks + "],\"stop_reason\":" + stop_reason(said) +
               ",\"stop_sequence\":" + stop_sequence(said) + ",\"usage\":" + usage(said.prompt_tokens, said.completion_tokens) +
               "}";
    }
    static std::string usage(std::int64_t input, std::int64_t output) {
        return "{\"input_tokens\":" + std::to_string(input) +
               ",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":" + std::to_string(output) +
               "}";
    }
};

}  // namespace

std::unique_ptr<AnswerWire> make_messages_wire(AnswerId id) {
    return std::make_unique<MessagesWire>(std::move(id));
}

std::string anthropic_error_body(const ApiFault& fault) {
    return error_json(fault);
}

}  // namespace eco2::fake
