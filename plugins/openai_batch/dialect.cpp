#include "openai_batch/dialect.hpp"

#include "openai_batch/lines.hpp"
#include "openai_batch/steps.hpp"

#include <utility>

namespace eco2::openai_batch {

using plugin::Result;

Result<std::unique_ptr<Dialect>> Dialect::create(const plugin::Host& host, std::string_view config_json) {
    Result<Options> options = read_options(config_json);
    if (!options) {
        return std::move(options).error();
    }
    return std::make_unique<Dialect>(host, *std::move(options));
}

Dialect::Dialect(const plugin::Host& host, Options options) : Plugin(host), options_(std::move(options)) {}

std::string Dialect::batch_capabilities() const {
    return capabilities_json(options_);
}

Result<std::string> Dialect::encode_line(const plugin::GenerateRequest& request, std::string_view custom_id) {
    return write_line(request, custom_id, options_);
}

Result<plugin::BatchAnswer> Dialect::read_line(std::string_view line) {
    return parse_line(line, options_.live.api, host().clock().wall_ns());
}

Result<plugin::BatchRequest> Dialect::write_step(const plugin::BatchAsk& ask) {
    return write_request(ask, options_);
}

plugin::BatchReply Dialect::read_reply(plugin::BatchStep step,
                                       int http_status,
                                       const plugin::Headers& headers,
                                       std::string_view body) {
    return parse_reply(step, http_status, headers, body, host().clock().wall_ns());
}

}  // namespace eco2::openai_batch
