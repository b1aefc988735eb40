#include "openai/dialect.hpp"

#include "openai/answer_decoder.hpp"
#include "openai/chat_decoder.hpp"
#include "openai/errors.hpp"
#include "openai/request_body.hpp"
#include "openai/response_decoder.hpp"

#include <utility>

namespace eco2::openai {

using plugin::GenerateRequest;
using plugin::HttpRequest;
using plugin::Result;

Result<std::unique_ptr<Dialect>> Dialect::create(const plugin::Host& host, std::string_view config_json) {
    Result<Options> options = read_options(config_json);
    if (!options) {
        return std::move(options).error();
    }
    return std::make_unique<Dialect>(host, *std::move(options));
}

Dialect::Dialect(const plugin::Host& host, Options options)
    : Plugin(host), options_(std::move(options)), sends_bearer_(!options_.has_own_authorization()) {}

Result<std::string> Dialect::write_body(const GenerateRequest& request) const {
    if (options_.api == Api::responses) {
        return write_responses_body(request, options_);
    }
    return request.chat_json().empty() ? write_chat_body(request, options_) : write_client_body(request, options_);
}

Result<HttpRequest> Dialect::encode(const GenerateRequest& request) {
    Result<std::string> body = write_body(request);
    if (!body) {
        return std::move(body).error();
    }
    HttpRequest http;
    http.url = options_.url;
    http.body = *std::move(body);
    http.headers.add("content-type", "application/json");
    http.headers.add("accept", request.is_streamed() ? "text/event-stream" : "application/json");
    if (request.has_key() && sends_bearer_) {
        http.headers.add("authorization", "Bearer " ECO2_KEY_PLACEHOLDER);
    }
    const auto add_if = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) {
            http.headers.add(name, value);
        }
    };
    add_if("openai-organization", options_.organization);
    add_if("openai-project", options_.project);
    add_if("x-request-id", request.request_id());
    add_if("traceparent", request.traceparent());
    for (const auto& [name, value] : options_.extra_headers) {
        http.headers.add(name, value);
    }
    return http;
}

std::unique_ptr<plugin::Decoder> Dialect::decoder(const GenerateRequest& request) {
    const bool has_schema = !request.schema_json().empty();
    if (options_.api == Api::responses) {
        return std::make_unique<ResponseDecoder>(request.is_streamed(), has_schema);
    }
    if (!request.chat_json().empty()) {
        return std::make_unique<ChatDecoder>(request.is_streamed(), ChatDecoder::choices_of(request.chat_json()));
    }
    return std::make_unique<AnswerDecoder>(request.is_streamed(), has_schema);
}

plugin::Failure Dialect::classify_error(int status, const plugin::Headers& headers, std::string_view body) {
    return classify_response(status, headers, body, host().clock().wall_ns());
}

std::string Dialect::describe() const {
    const auto word = [](bool is_so) { return is_so ? "true" : "false"; };
    return std::string(R"({"name":"openai","capabilities":{"vision":true,"json_schema":)") +
           word(options_.response_format == ResponseFormat::json_schema) + R"(,"streaming":true,"tools":true,"chat":)" +
           word(options_.api == Api::chat) + "}}";
}

}  // namespace eco2::openai
