#pragma once

#include "openai/options.hpp"

#include "eco2/plugin/http_dialect.hpp"
#include "eco2/plugin/plugin.hpp"
#include "eco2/plugin/provider_info.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace eco2::openai {

/// Chat Completions or Responses of OpenAI and of everything that speaks like it.
///
/// Source: OpenAI API reference, "Chat" and "Responses", as of 2026.
class Dialect final : public plugin::Plugin<plugin::HttpDialect, plugin::ProviderInfo> {
public:
    static constexpr std::string_view kId = "openai";
    static constexpr std::string_view kVersion = "0.1.0";
    static constexpr std::string_view kSchema = kConfigSchema;

    static plugin::Result<std::unique_ptr<Dialect>> create(const plugin::Host& host, std::string_view config_json);
    Dialect(const plugin::Host& host, Options options);

    plugin::Result<plugin::HttpRequest> encode(const plugin::GenerateRequest& request) override;
    std::unique_ptr<plugin::Decoder> decoder(const plugin::GenerateRequest& request) override;
    plugin::Failure classify_error(int status, const plugin::Headers& headers, std::string_view body) override;
    std::string describe() const override;

private:
    plugin::Result<std::string> write_body(const plugin::GenerateRequest& request) const;

    Options options_;
    bool sends_bearer_;
};

}  // namespace eco2::openai
