#pragma once

#include "anthropic/options.hpp"

#include "eco2/plugin/http_dialect.hpp"
#include "eco2/plugin/plugin.hpp"
#include "eco2/plugin/provider_info.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace eco2::anthropic {

/// Anthropic's Messages API.
///
/// Source: Anthropic's API reference and SDK types, as of 2026; API version 2023-06-01.
class Dialect final : public plugin::Plugin<plugin::HttpDialect, plugin::ProviderInfo> {
public:
    static constexpr std::string_view kId = "anthropic";
    static constexpr std::string_view kVersion = "0.1.0";
    static constexpr std::string_view kSchema = kConfigSchema;

    static plugin::Result<std::unique_ptr<Dialect>> create(const plugin::Host& host, std::string_view config_json);
    Dialect(const plugin::Host& host, Options options);

    plugin::Result<plugin::HttpRequest> encode(const plugin::GenerateRequest& request) override;
    std::unique_ptr<plugin::Decoder> decoder(const plugin::GenerateRequest& request) override;
    plugin::Failure classify_error(int status, const plugin::Headers& headers, std::string_view body) override;
    plugin::RateLimits read_limits(const plugin::Headers& headers) override;
    std::string_view read_request_id(const plugin::Headers& headers) override { return headers.find("request-id"); }
    std::string describe() const override;

private:
    Options options_;
    bool sends_key_;
};

}  // namespace eco2::anthropic
