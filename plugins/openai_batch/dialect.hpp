#pragma once

#include "openai_batch/options.hpp"

#include "eco2/plugin/batch_dialect.hpp"
#include "eco2/plugin/plugin.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace eco2::openai_batch {

/// Files and Batches of OpenAI and of everything that speaks like it. Lines and answers are the live plugin's own code.
class Dialect final : public plugin::Plugin<plugin::BatchDialect> {
public:
    static constexpr std::string_view kId = "openai_batch";
    static constexpr std::string_view kVersion = "0.1.0";
    static constexpr std::string_view kSchema = kConfigSchema;

    static plugin::Result<std::unique_ptr<Dialect>> create(const plugin::Host& host, std::string_view config_json);
    Dialect(const plugin::Host& host, Options options);

    std::string batch_capabilities() const override;
    plugin::Result<std::string> encode_line(const plugin::GenerateRequest& request, std::string_view custom_id) override;
    plugin::Result<plugin::BatchAnswer> read_line(std::string_view line) override;
    plugin::Result<plugin::BatchRequest> write_step(const plugin::BatchAsk& ask) override;
    plugin::BatchReply read_reply(plugin::BatchStep step,
                                  int http_status,
                                  const plugin::Headers& headers,
                                  std::string_view body) override;

private:
    Options options_;
};

}  // namespace eco2::openai_batch
