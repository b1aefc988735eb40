#include "anthropic/dialect.hpp"

#include "anthropic/errors.hpp"
#include "anthropic/limits.hpp"
#include "anthropic/message_decoder.hpp"
#include "anthropic/request_body.hpp"
#include "anthropic/tools.hpp"

#include <utility>

namespace eco2::anthropic {

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
    : Plugin(host), options_(std::move(options)), sends_key_(!options_.has_own_key_header()) {}

Result<HttpRequest> Dialect::encode(const GenerateRequest& request) {
    Result<std::string> body = write_body(request, options_);
    if (!body) {
        return std::move(body).error();
    }
    HttpRequest http;
    http.url = options_.url;
    http.body = *std::move(body);
    http.headers.add("content-type", "application/json");
    http.headers.add("accept", request.is_streamed() ? "text/event-stream" : "application/json");
    http.headers.add("anthropic-version", options_.version);
    if (request.has_key() && sends_key_) {
        http.headers.add("x-api-key", ECO2_KEY_PLACEHOLDER);
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
    const bool asks_by_tool = options_.schema_by == SchemaBy::tool && !request.schema_json().empty();
    return std::make_unique<MessageDecoder>(request.is_streamed(), asks_by_tool ? schema_tool_name(request) : "");
}

plugin::Failure Dialect::classify_error(int status, const plugin::Headers& headers, std::string_view body) {
    return classify_response(status, headers, body, host().clock().wall_ns());
}

plugin::RateLimits Dialect::read_limits(const plugin::Headers& headers) {
    return read_rate_limits(headers, host().clock().wall_ns());
}

std::string Dialect::describe() const {
    const bool has_schema = options_.schema_by != SchemaBy::none;
    return std::string(R"({"name":"anthropic","capabilities":{"vision":true,"json_schema":)") +
           (has_schema ? "true" : "false") + R"(,"streaming":true,"tools":true,"chat":false}})";
}

}  // namespace eco2::anthropic
