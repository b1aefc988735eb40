#include "fake_provider/openai_wire.hpp"

#include "base/text.hpp"

#include <array>

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

std::string error_body(const ApiFault& fault) {
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

std::string completion_body(const AnswerId& id,
                            std::string_view text,
                            TextField field,
                            std::string_view finish_reason,
                            std::int64_t prompt_tokens,
                            std::int64_t completion_tokens,
                            bool without_choices) {
    std::string out;
    out.reserve(text.size() + text.size() / 8 + 1024);
    out += "{\n  \"id\": \"" + id.id + "\",\n  \"object\": \"chat.completion\",\n  \"created\": " + std::to_string(id.created);
    out += ",\n  \"model\": " + json_quote(id.model) + ",\n  \"choices\": [";
    if (!without_choices) {
        const bool is_content = field == TextField::content;
        out += "\n    {\n      \"index\": 0,\n      \"message\": {\n        \"role\": \"assistant\",\n        \"content\": ";
        out += is_content ? json_quote(text) : "null";
        out += ",\n        \"refusal\": ";
        out += is_content ? "null" : json_quote(text);
        out += ",\n        \"annotations\": []\n      },\n      \"logprobs\": null,\n      \"finish_reason\": ";
        append_text_or_null(out, finish_reason);
        out += "\n    }\n  ";
    }
    out += "],\n  \"usage\": " + usage_json(prompt_tokens, completion_tokens);
    out += ",\n  \"service_tier\": \"default\",\n  \"system_fingerprint\": \"fake\"\n}\n";
    return out;
}

std::string role_chunk(const AnswerId& id) {
    return chunk_end(chunk_start(id) +
                         "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,"
                         "\"finish_reason\":null}",
                     id);
}

std::string text_chunk(const AnswerId& id, std::string_view text, TextField field) {
    std::string out = chunk_start(id);
    out += "{\"index\":0,\"delta\":{\"";
    out += field_name(field);
    out += "\":\"";
    append_json_escaped(out, text);
    out += "\"},\"logprobs\":null,\"finish_reason\":null}";
    return chunk_end(std::move(out), id);
}

std::string finish_chunk(const AnswerId& id, std::string_view finish_reason) {
    std::string out = chunk_start(id);
    out += "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":";
    append_text_or_null(out, finish_reason);
    out += '}';
    return chunk_end(std::move(out), id);
}

std::string usage_chunk(const AnswerId& id, std::int64_t prompt_tokens, std::int64_t completion_tokens) {
    return chunk_start(id) + "],\"usage\":" + usage_json(prompt_tokens, completion_tokens) + "}\n\n";
}

std::string empty_chunk(const AnswerId& id) {
    return chunk_end(chunk_start(id), id);
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
