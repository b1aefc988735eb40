#include "gemini/dialect.hpp"

#include "gemini/answer_decoder.hpp"
#include "gemini/errors.hpp"
#include "gemini/request_body.hpp"

#include "eco2/plugin/upstream_errors.hpp"

#include <utility>

namespace eco2::gemini {

using plugin::GenerateRequest;
using plugin::HttpRequest;
using plugin::Result;

namespace {

std::string_view model_name(std::string_view model) {
    constexpr std::string_view kPrefix = "models/";
    return model.starts_with(kPrefix) ? model.substr(kPrefix.size()) : model;
}

/// The name becomes a part of the URL.
bool is_model_name(std::string_view model) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    model = model_name(model);
    return !model.empty() && model.find_first_not_of(kAllowed) == std::string_view::npos &&
           model.find("..") == std::string_view::npos;
}

}  // namespace

Result<std::unique_ptr<Dialect>> Dialect::create(const plugin::Host& host, std::string_view config_json) {
    Result<Options> options = read_options(config_json);
    if (!options) {
        return std::move(options).error();
    }
    return std::make_unique<Dialect>(host, *std::move(options));
}

Dialect::Dialect(const plugin::Host& host, Options options)
    : Plugin(host), options_(std::move(options)), sends_key_(!options_.has_own_key_header()) {}

Result<HttpRequest> Dialect::encode(const GenerateRequest& request) {
    if (!is_model_name(request.model())) {
        return plugin::caller_fault("a model's name is letters, digits, dots, dashes and underscores");
    }
    Result<std::string> body = write_body(request, options_);
    if (!body) {
        return std::move(body).error();
    }
    HttpRequest http;
    http.url = options_.models_url + std::string(model_name(request.model())) +
               (request.is_streamed() ? ":streamGenerateContent?alt=sse" : ":generateContent");
    http.body = *std::move(body);
    http.headers.add("content-type", "application/json");
    http.headers.add("accept", request.is_streamed() ? "text/event-stream" : "application/json");
    if (request.has_key() && sends_key_) {
        http.headers.add("x-goog-api-key", ECO2_KEY_PLACEHOLDER);
    }
    if (!request.traceparent().empty()) {
        http.headers.add("traceparent", request.traceparent());
    }
    for (const auto& [name, value] : options_.extra_headers) {
        http.headers.add(name, value);
    }
    return http;
}

std::unique_ptr<plugin::Decoder> Dialect::decoder(const GenerateRequest& request) {
    return std::make_unique<AnswerDecoder>(request.is_streamed(), request.request_id());
}

plugin::Failure Dialect::classify_error(int status, const plugin::Headers& headers, std::string_view body) {
    return classify_response(status, headers, body, host().clock().wall_ns());
}

std::string Dialect::describe() const {
    const auto word = [](bool is_so) { return is_so ? "true" : "false"; };
    return std::string(R"({"name":"gemini","capabilities":{"vision":true,"json_schema":)") +
           word(options_.schema_by == SchemaBy::json_schema) + R"(,"streaming":true,"tools":true,"chat":false,"image_urls":)" +
           word(options_.takes_image_urls) + "}}";
}

}  // namespace eco2::gemini
