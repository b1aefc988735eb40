#include "fake_provider/openai_wire.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace eco2::fake {
namespace {

struct UsualFault {
    int status;
    std::string_view message;
    std::string_view type;
    std::string_view code;
};

constexpr std::array kUsualFaults{
    UsualFault{400, "Invalid request.", "invalid_request_error", ""},
    UsualFault{401,
               "Incorrect API key provided: sk-fake***. You can find your API key at your provider's console.",
               "invalid_request_error",
               "invalid_api_key"},
    UsualFault{403, "Country, region, or territory not supported", "request_forbidden", "unsupported_country_region_territory"},
    UsualFault{404, "The model does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"},
    UsualFault{408, "Request timed out.", "timeout", ""},
    UsualFault{409, "The resource was changed by another request.", "conflict_error", ""},
    UsualFault{413, "Maximum content size limit exceeded.", "invalid_request_error", ""},
    UsualFault{422, "The request cannot be processed.", "invalid_request_error", ""},
    UsualFault{429, "Rate limit reached for requests per min. Please try again later.", "requests", "rate_limit_exceeded"},
    UsualFault{500, "The server had an error while processing your request. Sorry about that!", "server_error", ""},
    UsualFault{502, "Bad gateway.", "server_error", ""},
    UsualFault{503, "The engine is currently overloaded, please try again later.", "server_error", ""},
    UsualFault{504, "Gateway timeout.", "server_error", ""},
    UsualFault{529, "Overloaded", "overloaded_error", "overloaded"},
};

void append_text_or_null(std::string& out, std::string_view text) {
    out += text.empty() ? std::string("null") : json_quote(text);
}

std::string chunk_start(const AnswerId& id) {
    std::string out;
    out.reserve(384);
    out += "data: {\"id\":\"" + id.id + "\",\"object\":\"chat.completion.chunk\",\"created\":" + std::to_string(id.created) +
           ",\"model\":";
    out += json_quote(id.model);
    out += ",\"service_tier\":\"default\",\"system_fingerprint\":\"fake\",\"choices\":[";
    return out;
}

std::string chunk_end(std::string out, const AnswerId& id) {
    out += id.wants_usage ? "],\"usage\":null}\n\n" : "]}\n\n";
    return out;
}

std::string usage_json(std::int64_t prompt, std::int64_t completion) {
    return "{\"prompt_tokens\":" + std::to_string(prompt) + ",\"completion_tokens\":" + std::to_string(completion) +
           ",\"total_tokens\":" + std::to_string(prompt + completion) +
           ",\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_"
           "tokens\":0,"
           "\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}";
}

std::string_view field_name(TextField field) {
    return field == TextField::content ? "content" : "refusal";
}

}  // namespace

std::string openai_error_body(const ApiFault& fault) {
    std::string out = "{\n    \"error\": {\n        \"message\": " + json_quote(fault.message) +
                      ",\n        \"type\": " + json_quote(fault.type);
    out += ",\n        \"param\": ";
    append_text_or_null(out, fault.param);
    out += ",\n        \"code\": ";
    append_text_or_null(out, fault.code);
    out += "\n    }\n}\n";
    return out;
}

ApiFault usual_fault(int status) {
    for (const UsualFault& row : kUsualFaults) {
        if (row.status == status) {
            return ApiFault{status, std::string(row.message), std::string(row.type), "", std::string(row.code)};
        }
    }
    return ApiFault{status, "The server had an error.", "server_error", "", ""};
}

namespace {

constexpr std::string_view kDoneFrame = "data: [DONE]\n\n";

std::string_view finish_name(Ending ending) {
    switch (ending) {
        case Ending::stop: return "stop";
        case Ending::length: return "length";
        case Ending::content_filter: return "content_filter";
        case Ending::none: break;
    }
    return {};
}

class ChatWire final : public AnswerWire {
public:
    explicit ChatWire(AnswerId id) : AnswerWire(std::move(id)) {
        id_.id.insert(0, "chatcmpl-fake");
        chunk_start_ = chunk_start(id_);
    }

    std::string whole(const Said& said) override {
        const bool is_call = uses_tool(said.field);
        const bool is_content = said.field == TextField::content && !is_call;
        std::string choices;
        for (int index = 0; index < id_.choices; ++index) {
            choices += index == 0 ? "\n    {\n      \"index\": " : ",\n    {\n      \"index\": ";
            choices += std::to_string(index);
            choices += ",\n      \"message\": {\n        \"role\": \"assistant\",\n        \"content\": ";
            choices += is_content ? json_quote(said.text) : "null";
            if (is_call) {
                choices += ",\n        \"tool_calls\": [" + call_head(index) + json_quote(said.text) + "}}]";
            }
            choices += ",\n        \"refusal\": ";
            choices += said.field == TextField::refusal ? json_quote(said.text) : "null";
            choices += ",\n        \"annotations\": []\n      },\n      \"logprobs\": null,\n      \"finish_reason\": ";
            append_text_or_null(choices, finish(said));
            choices += "\n    }";
        }
        return completion(choices + "\n  ", said);
    }
    std::string whole_empty(const Said& said) override { return completion({}, said); }

    std::string begin(TextField field) override {
        return each_choice({}, [&](std::string& out, int index) {
            out += "{\"role\":\"assistant\",\"content\":";
            if (uses_tool(field)) {
                out += "null,\"tool_calls\":[{\"index\":0," + call_head(index).substr(1) + "\"\"}}]";
            } else {
                out += "\"\"";
            }
            out += ",\"refusal\":null}";
        });
    }
    std::string piece(std::string_view text, TextField field) override {
        return each_choice({}, [&](std::string& out, int) {
            if (uses_tool(field)) {
                out += "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"";
                append_json_escaped(out, text);
                out += "\"}}]}";
                return;
            }
            out += "{\"";
            out += field_name(field);
            out += "\":\"";
            append_json_escaped(out, text);
            out += "\"}";
        });
    }
    std::string end(const Said& said) override {
        std::string out = each_choice(finish(said), [](std::string& delta, int) { delta += "{}"; });
        if (id_.wants_usage) {
            out += chunk_start_ + "],\"usage\":" + usage_json(said.prompt_tokens, said.completion_tokens) + "}\n\n";
        }
        out += kDoneFrame;
        return out;
    }
    std::string_view end_mark() const override { return kDoneFrame; }
    std::string empty_stream(const Said&) override { return chunk_end(chunk_start_, id_) + std::string(kDoneFrame); }
    std::string malformed() const override {
        return "data: {\"id\":\"" + id_.id +
               "\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"cont\n\n";
    }
    std::string error_event(const ApiFault& fault) override {
        std::string body = openai_error_body(fault);
        body.erase(std::remove(body.begin(), body.end(), '\n'), body.end());  // a data line ends at a line break
        return "data: " + body + "\n\n";
    }

private:
    bool uses_tool(TextField field) const { return !id_.tool.empty() && field == TextField::content; }

    std::string_view finish(const Said& said) const {
        return said.ending == Ending::stop && uses_tool(said.field) ? "tool_calls" : finish_name(said.ending);
    }

    /// Up to the arguments, which are a quoted text.
    std::string call_head(int index) const {
        return "{\"id\":\"call_fake" + id_.id.substr(id_.id.size() - 16) + std::to_string(index) +
               "\",\"type\":\"function\",\"function\":{\"name\":" + json_quote(id_.tool) + ",\"arguments\":";
    }

    /// One chunk a choice; `append_delta` writes its delta.
    template <class AppendDelta>
    std::string each_choice(std::string_view finish_reason, AppendDelta append_delta) const {
        std::string out;
        for (int index = 0; index < id_.choices; ++index) {
            out += chunk_start_;
            out += "{\"index\":" + std::to_string(index) + ",\"delta\":";
            append_delta(out, index);
            out += ",\"logprobs\":null,\"finish_reason\":";
            append_text_or_null(out, finish_reason);
            out = chunk_end(std::move(out) + '}', id_);
        }
        return out;
    }

    std::string completion(std::string_view choices, const Said& said) const {
        std::string out;
        out.reserve(choices.size() + 1024);
        out += "{\n  \"id\": \"" + id_.id +
               "\",\n  \"object\": \"chat.completion\",\n  \"created\": " + std::to_string(id_.created);
        out += ",\n  \"model\": " + json_quote(id_.model) + ",\n  \"choices\": [";
        out += choices;
        out += "],\n  \"usage\": " + usage_json(said.prompt_tokens, said.completion_tokens);
        out += ",\n  \"service_tier\": \"default\",\n  \"system_fingerprint\": \"fake\"\n}\n";
        return out;
    }

    std::string chunk_start_;  // the same for every chunk
};

}  // namespace

std::unique_ptr<AnswerWire> make_chat_wire(AnswerId id) {
    return std::make_unique<ChatWire>(std::move(id));
}

std::string models_body(const std::vector<std::string>& models, std::int64_t created) {
    std::string out = "{\n  \"object\": \"list\",\n  \"data\": [";
    for (const std::string& model : models) {
        out += out.back() == '[' ? "\n" : ",\n";
        out += "    {\n      \"id\": " + json_quote(model) +
               ",\n      \"object\": \"model\",\n      \"created\": " + std::to_string(created) +
               ",\n      \"owned_by\": \"eco2-fake-provider\"\n    }";
    }
    out += "\n  ]\n}\n";
    return out;
}

}  // namespace eco2::fake
