#include "fake_provider/gemini_wire.hpp"

#include "base/text.hpp"

#include <utility>

namespace eco2::fake {
namespace {

std::string_view name_of_status(int status) {
    switch (status) {
        case 401: return "UNAUTHENTICATED";
        case 403: return "PERMISSION_DENIED";
        case 404: return "NOT_FOUND";
        case 429: return "RESOURCE_EXHAUSTED";
        case 503:
        case 529: return "UNAVAILABLE";
        case 504: return "DEADLINE_EXCEEDED";
        default: return status < 500 ? "INVALID_ARGUMENT" : "INTERNAL";
    }
}

std::string details_of(const ApiFault& fault) {
    if (fault.status != 429) {
        return {};
    }
    const std::string quota = fault.code == "insufficient_quota" ? "GenerateRequestsPerDayPerProjectPerModel"
                                                                 : "GenerateRequestsPerMinutePerProjectPerModel";
    return ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":[{\"quotaId\":\"" + quota +
           "\"}]},{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"2s\"}]";
}

class GeminiWire final : public AnswerWire {
public:
    using AnswerWire::AnswerWire;

    std::string whole(const Said& said) override {
        if (said.field == TextField::refusal) {
            return "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}," + tail(said) + "}";
        }
        return "{\"candidates\":[" + candidate(said.text, finish(said)) + "]," + tail(said) + "}";
    }
    std::string whole_empty(const Said& said) override { return "{\"candidates\":[]," + tail(said) + "}"; }

    std::string begin(TextField) override { return {}; }
    std::string piece(std::string_view text, TextField field) override {
        return field == TextField::refusal ? std::string()
                                           : frame("{\"candidates\":[" + candidate(text, {}) + "]," + tail({}) + "}");
    }
    std::string end(const Said& said) override {
        Said last = said;
        last.text = said.field == TextField::refusal ? said.text : std::string_view();
        return frame(whole(last));
    }
    std::string empty_stream(const Said& said) override { return frame(whole_empty(said)); }
    std::string malformed() const override { return "data: {\"candidates\":[{\"content\":{\"par\n\n"; }
    std::string error_event(const ApiFault& fault) override { return frame(gemini_error_body(fault)); }

private:
    static std::string frame(const std::string& json) { return "data: " + json + "\n\n"; }
    static std::string_view finish(const Said& said) {
        return said.ending == Ending::none ? "" : said.ending == Ending::content_filter ? "SAFETY" : "STOP";
    }
    static std::string candidate(std::string_view text, std::string_view finish_reason) {
        std::string out = "{\"content\":{\"parts\":[{\"text\":" + json_quote(text) + "}],\"role\":\"model\"}";
        if (!finish_reason.empty()) {
            out += ",\"finishReason\":\"" + std::string(finish_reason) + '"';
        }
        return out + ",\"index\":0}";
    }
    std::string tail(const Said& said) const {
        const std::int64_t prompt = id_.prompt_tokens;
        return "\"usageMetadata\":{\"promptTokenCount\":" + std::to_string(prompt) +
               ",\"candidatesTokenCount\":" + std::to_string(said.completion_tokens) +
               ",\"totalTokenCount\":" + std::to_string(prompt + said.completion_tokens) +
               "},\"modelVersion\":" + json_quote(id_.model) + ",\"responseId\":\"" + id_.id + '"';
    }
};

}  // namespace

std::unique_ptr<AnswerWire> make_gemini_wire(AnswerId id) {
    return std::make_unique<GeminiWire>(std::move(id));
}

std::string gemini_error_body(const ApiFault& fault) {
    return "{\"error\":{\"code\":" + std::to_string(fault.status) + ",\"message\":" + json_quote(fault.message) +
           ",\"status\":\"" + std::string(name_of_status(fault.status)) + '"' + details_of(fault) + "}}";
}

}  // namespace eco2::fake
