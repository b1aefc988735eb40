#include "eco2/plugin/plugin.hpp"

#include "multi_provider/strategy.hpp"

#include "eco2/plugin/json_members.hpp"
#include "eco2/plugin/router.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace multi_provider {
namespace {

namespace sdk = eco2::plugin;

class MultiProvider final : public sdk::Plugin<sdk::Router> {
public:
    static constexpr std::string_view kId = "multi_provider";
    static constexpr std::string_view kVersion = "0.1.0";
    static constexpr std::string_view kSchema = R"json({
  "$schema": "http://json-schema.org/draft-04/schema#",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "strategy": {"enum": ["priority", "weighted", "least_latency", "sticky"]}
  }
})json";

    static sdk::Result<std::unique_ptr<MultiProvider>> create(const sdk::Host& host, std::string_view config_json) {
        const std::string_view told = sdk::find_json_member(config_json, "strategy");
        const std::string name = told.empty() ? "priority" : sdk::read_json_string(told).value_or("");
        const std::optional<Strategy> strategy = strategy_named(name);
        if (!strategy) {
            return sdk::fail(sdk::Status::invalid_argument, "config", "there is no strategy \"" + name + '"');
        }
        return std::make_unique<MultiProvider>(host, *strategy);
    }

    MultiProvider(const sdk::Host& host, Strategy strategy) : Plugin(host), strategy_(strategy) {}

    std::vector<std::size_t> order(const sdk::OrderQuery& query) override { return strategy_(query); }

private:
    Strategy strategy_;
};

}  // namespace
}  // namespace multi_provider

using multi_provider::MultiProvider;
ECO2_PLUGIN(MultiProvider);
