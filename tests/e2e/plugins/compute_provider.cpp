#include "eco2/plugin/plugin.hpp"
#include "eco2/plugin/sync_provider.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

namespace compute_provider {
namespace {

namespace sdk = eco2::plugin;

constexpr std::string_view kVision =
    R"({"classification":{"major_category":"재활용폐기물","middle_category":"유리병","minor_category":"소주병"},)"
    R"("situation_tags":[],"meta":{"user_input":""}})";

constexpr std::string_view kAnswer =
    R"({"user_answer":"계산된 답입니다.","disposal_steps":{"단계1":"비웁니다.","단계2":null,"단계3":null,"단계4":null,"단계5":null,)"
    R"("단계6":null,"단계7":null,"단계8":null,"단계9":null,"단계10":null},"insufficiencies":[]})";

/// A few characters, none of them cut.
std::size_t piece_size(std::string_view text) {
    constexpr std::size_t kPiece = 5;
    std::size_t size = std::min(kPiece, text.size());
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) {
        ++size;
    }
    return size;
}

/// Knows its two answers by heart: a provider without any upstream, as one with a model in its own memory would be.
class ComputeProvider final : public sdk::Plugin<sdk::SyncProvider> {
public:
    static constexpr std::string_view kId = "compute_provider";
    static constexpr std::string_view kVersion = "1.0.0";
    static constexpr std::string_view kSchema = R"({"type":"object","additionalProperties":false})";

    static sdk::Result<std::unique_ptr<ComputeProvider>> create(const sdk::Host& host, std::string_view) {
        return std::make_unique<ComputeProvider>(host);
    }

    explicit ComputeProvider(const sdk::Host& host) : Plugin(host) {}

    sdk::Result<sdk::FinishReason> generate(const sdk::GenerateRequest& request,
                                            sdk::DeltaWriter& out,
                                            sdk::StopToken stop) override {
        std::string_view text = request.schema_name() == "vision" ? kVision : kAnswer;
        while (!text.empty() && !stop.stop_requested()) {
            const std::size_t size = piece_size(text);
            out.text(text.substr(0, size));
            text.remove_prefix(size);
        }
        return sdk::FinishReason::stop;
    }
};

}  // namespace
}  // namespace compute_provider

ECO2_PLUGIN(compute_provider::ComputeProvider);
