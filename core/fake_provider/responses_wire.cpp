#include "base/text.hpp"
#include "fake_provider/openai_wire.hpp"

#include <utility>

namespace eco2::fake {
namespace {

/// Source: OpenAI API reference, "Responses" and "Streaming events", as of 2026.
class ResponsesWire final : public AnswerWire {
public:
    explicit ResponsesWire(AnswerId id) : AnswerWire(std::move(id)), item_("msg_fake" + id_.id) {
        id_.id.insert(0, "resp_fake");
    }

    std::string whole(const Said& said) override {
        return response(status_of(said), message_item(said, "completed"), &said) + "\n";
    }
    std::string whole_empty(const Said& said) override { return response("completed", {}, &said) + "\n"; }

    std::string begin(TextField field) override {
        std::string out = start();
        out += event("response.output_item.added",
                     ",\"output_index\":0,\"item\":{\"id\":\"" + item_ +
                         "\",\"type\":\"message\",\"status\":\"in_progress\",\"content\":[],\"role\":\"assistant\"}");
        out += event("response.content_part.added", place() + ",\"part\":" + part({}, field));
        return out;
    }
    std::string piece(std::string_view text, TextField field) override {
        const bool is_text = field == TextField::content;
        return event(is_text ? "response.output_text.delta" : "response.refusal.delta",
                     place() + ",\"delta\":" + json_quote(text) + (is_text ? ",\"logprobs\":[]" : ""));
    }
    std::string end(const Said& said) override {
        const bool is_text = said.field == TextField::content;
        std::string out = event(
            is_text ? "response.output_text.done" : "response.refusal.done",
            place() + (is_text ? ",\"text\":" : ",\"refusal\":") + json_quote(said.text) + (is_text ? ",\"logprobs\":[]" : ""));
        out += event("response.content_part.done", place() + ",\"part\":" + part(said.text, said.field));
        const std::string item = message_item(said, "completed");
        out += event("response.output_item.done", ",\"output_index\":0,\"item\":" + item);
        out += last(said, item);
        return out;
    }
    std::string empty_stream(const Said& said) override {
        std::string out = start();
        out += last(said, {});
        return out;
    }
    std::string malformed() const override {
        return "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg\n\n";
    }
    std::string error_event(const ApiFault& fault) override {
        return event("error",
                     ",\"code\":" + json_quote(fault.code.empty() ? fault.type : fault.code) +
                         ",\"message\":" + json_quote(fault.message) + ",\"param\":null");
    }

private:
    static std::string_view status_of(const Said& said) {
        switch (said.ending) {
            case Ending::stop: return "completed";
            case Ending::length:
            case Ending::content_filter: return "incomplete";
            case Ending::none: break;
        }
        return "in_progress";
    }

    std::string event(std::string_view type, const std::string& members) {
        std::string out = "event: ";
        out += type;
        out += "\ndata: {\"type\":\"";
        out += type;
        out += "\",\"sequence_number\":" + std::to_string(number_++) + members + "}\n\n";
        return out;
    }
    std::string start() {
        std::string out = event("response.created", ",\"response\":" + response("in_progress", {}, nullptr));
        out += event("response.in_progress", ",\"response\":" + response("in_progress", {}, nullptr));
        return out;
    }
    std::string last(const Said& said, const std::string& item) {
        const std::string_view status = status_of(said);
        return event("response." + std::string(status), ",\"response\":" + response(status, item, &said));
    }

    std::string place() const { return ",\"item_id\":\"" + item_ + "\",\"output_index\":0,\"content_index\":0"; }
    static std::string part(std::string_view text, TextField field) {
        return field == TextField::content
                   ? "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":" + json_quote(text) + "}"
                   : "{\"type\":\"refusal\",\"refusal\":" + json_quote(text) + "}";
    }
    std::string message_item(const Said& said, std::string_view status) const {
        return "{\"id\":\"" + item_ + "\",\"type\":\"message\",\"status\":\"" + std::string(status) + "\",\"content\":[" +
               part(said.text, said.field) + "],\"role\":\"assistant\"}";
    }
    /// `said` null: not over yet.
    std::string response(std::string_view status, const std::string& item, const Said* said) const {
        std::string out = "{\"id\":\"" + id_.id + "\",\"object\":\"response\",\"created_at\":" + std::to_string(id_.created);
        out += ",\"status\":\"" + std::string(status) + "\",\"background\":false,\"error\":null,\"incomplete_details\":";
        out += status != "incomplete"           ? "null"
               : said->ending == Ending::length ? "{\"reason\":\"max_output_tokens\"}"
                                                : "{\"reason\":\"content_filter\"}";
        out += ",\"instructions\":null,\"max_output_tokens\":null,\"model\":" + json_quote(id_.model) + ",\"output\":[" + item;
        out +=
            "],\"parallel_tool_calls\":true,\"previous_response_id\":null,\"store\":false,\"tool_choice\":\"auto\",\"tools\":["
            "]";
        out += ",\"usage\":" + (said == nullptr ? std::string("null") : usage(*said)) + ",\"metadata\":{\"fake\":\"1\"}}";
        return out;
    }
    static std::string usage(const Said& said) {
        return "{\"input_tokens\":" + std::to_string(said.prompt_tokens) +
               ",\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":" + std::to_string(said.completion_tokens) +
               ",\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":" +
               std::to_string(said.prompt_tokens + said.completion_tokens) + "}";
    }

    std::string item_;
    std::int64_t number_ = 0;
};

}  // namespace

std::unique_ptr<AnswerWire> make_responses_wire(AnswerId id) {
    return std::make_unique<ResponsesWire>(std::move(id));
}

}  // namespace eco2::fake
