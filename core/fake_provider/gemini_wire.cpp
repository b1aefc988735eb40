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

/// As Google writes a duration: "34s", "0.250s".
std::string seconds_text(std::chrono::milliseconds wait) {
    std::string out = std::to_string(wait.count() / 1000);
    if (const auto rest = wait.count() % 1000; rest != 0) {
        out += "." + std::to_string(1000 + rest).substr(1);
    }
    return out + 's';
}

std::string details_of(const ApiFault& fault) {
    if (fault.status != 429) {
        return {};
    }
    const std::string quota = fault.code == "insufficient_quota" ? "GenerateRequestsPerDayPerProjectPerModel"
                                                                 : "GenerateRequestsPerMinutePerProjectPerModel";
    std::string out =
        ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":[{\"quotaId\":\"" + quota +
        "\"}]}";
    if (fault.retry_after.count() > 0) {
        out += ",{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"" + seconds_text(fault.retry_after) +
               "\"}";
    }
    return out + ']';
}

class GeminiWire final : public AnswerWire {
public:
    using AnswerWire::AnswerWire;

    std::string whole(const Said& said) override {
        if (said.field == TextField::refusal) {
            return "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}," + tail(said) + "}";
        }
        return "{\"candidates\":[" + candidate(part(said), finish(said)) + "]," + tail(said) + "}";
    }
    std::string whole_empty(const Said& said) override { return "{\"candidates\":[]," + tail(said) + "}"; }

    /// A call's arguments come whole: there are no pieces of them.
    std::string begin(TextField) override { return {}; }
    std::string piece(std::string_view text, TextField field) override {
        return field == TextField::refusal
                   ? std::string()
                   : frame("{\"candidates\":[" + candidate(part({text, field}), {}) + "]," + tail({}) + "}");
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
        switch (said.ending) {
            case Ending::stop: return "STOP";
            case Ending::length: return "MAX_TOKENS";
            case Ending::content_filter: return "SAFETY";
            case Ending::none: break;
        }
        return {};
    }
    /// The empty text is that of a stream's last event.
    std::string part(const Said& said) const {
        if (id_.tool.empty() || said.text.empty() || said.ending == Ending::content_filter) {
            return "{\"text\":" + json_quote(said.text) + "}";
        }
        return "{\"functionCall\":{\"name\":" + json_quote(id_.tool) + ",\"args\":" + std::string(said.text) + "}}";
    }
    static std::string candidate(const std::string& part, std::string_view finish_reason) {
        std::string out = "{\"content\":{\"parts\":[" + part + "],\"role\":\"model\"}";
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
