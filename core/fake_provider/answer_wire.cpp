#include "fake_provider/answer_wire.hpp"

#include "fake_provider/anthropic_wire.hpp"
#include "fake_provider/gemini_wire.hpp"
#include "fake_provider/openai_wire.hpp"

namespace eco2::fake {

std::unique_ptr<AnswerWire> make_wire(Dialect dialect, AnswerId id) {
    switch (dialect) {
        case Dialect::responses: return make_responses_wire(std::move(id));
        case Dialect::messages: return make_messages_wire(std::move(id));
        case Dialect::gemini: return make_gemini_wire(std::move(id));
        case Dialect::chat: break;
    }
    return make_chat_wire(std::move(id));
}

std::string error_body(Dialect dialect, const ApiFault& fault) {
    if (dialect == Dialect::messages) {
        return anthropic_error_body(fault);
    }
    if (dialect == Dialect::gemini) {
        return gemini_error_body(fault);
    }
    return openai_error_body(fault);
}

ApiFault context_length_fault(Dialect dialect) {
    if (dialect == Dialect::messages) {
        return {400, "prompt is too long: 210000 tokens > 200000 maximum", "invalid_request_error", "", ""};
    }
    if (dialect == Dialect::gemini) {
        return {400, "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).", "", "", ""};
    }
    return {400,
            "This model's maximum context length is 128000 tokens. However, your messages resulted in more tokens. "
            "Please reduce the length of the messages.",
            "invalid_request_error",
            dialect == Dialect::responses ? "input" : "messages",
            "context_length_exceeded"};
}

ApiFault quota_fault(Dialect dialect) {
    if (dialect == Dialect::messages) {
        return {400, "Your credit balance is too low to access the Anthropic API.", "invalid_request_error", "", ""};
    }
    return {429,
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            "",
            "insufficient_quota"};
}

ApiFault content_policy_fault(Dialect dialect) {
    if (dialect == Dialect::messages) {
        return {400, "Output blocked by content filtering policy", "invalid_request_error", "", ""};
    }
    return {400,
            "Your request was rejected as a result of our safety system. Your prompt may contain text that is not allowed.",
            "invalid_request_error",
            "",
            "content_policy_violation"};
}

ApiFault prefill_fault() {
    return {400,
            "This model does not support assistant message prefill. The conversation must end with a user message.",
            "invalid_request_error",
            "",
            ""};
}

Headers usual_headers(Dialect dialect, std::string request_id, std::int64_t took_ms) {
    if (dialect == Dialect::messages) {
        return {{"x-eco2-fake", "1"}, {"request-id", "req_" + std::move(request_id)}};
    }
    if (dialect == Dialect::gemini) {
        return {{"x-eco2-fake", "1"}, {"server", "eco2-fake"}};
    }
    return {{"x-eco2-fake", "1"},
            {"x-request-id", "req_" + std::move(request_id)},
            {"openai-version", "2020-10-01"},
            {"openai-processing-ms", std::to_string(took_ms)}};
}

}  // namespace eco2::fake
