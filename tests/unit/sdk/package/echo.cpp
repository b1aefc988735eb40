#include "eco2/plugin/plugin.hpp"
#include "eco2/plugin/sync_provider.hpp"

#include <memory>
#include <string_view>

namespace {

using eco2::plugin::DeltaWriter;
using eco2::plugin::FinishReason;
using eco2::plugin::GenerateRequest;
using eco2::plugin::Host;
using eco2::plugin::Plugin;
using eco2::plugin::Result;
using eco2::plugin::StopToken;
using eco2::plugin::SyncProvider;

class Echo final : public Plugin<SyncProvider> {
public:
    static constexpr std::string_view kId = "echo";
    static constexpr std::string_view kVersion = "1.0.0";
    static constexpr std::string_view kSchema = R"({"type":"object","additionalProperties":false})";

    static Result<std::unique_ptr<Echo>> create(const Host& host, std::string_view) { return std::make_unique<Echo>(host); }
    explicit Echo(const Host& host) : Plugin(host) {}

    Result<FinishReason> generate(const GenerateRequest& request, DeltaWriter& out, StopToken) override {
        for (const auto message : request.messages()) {
            for (const auto part : message.parts()) {
                out.text(part.text());
            }
        }
        return FinishReason::stop;
    }
};

}  // namespace

ECO2_PLUGIN(Echo);
