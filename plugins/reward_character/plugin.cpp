#include "eco2/plugin/plugin.hpp"

#include "reward_character/catalogue.hpp"
#include "reward_character/reward_policy.hpp"

#include "eco2/plugin/health.hpp"
#include "eco2/plugin/sync_reward.hpp"

#include <boost/json.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace reward_character {
namespace {

namespace json = boost::json;
namespace sdk = eco2::plugin;

class RewardCharacter final : public sdk::Plugin<sdk::SyncReward, sdk::HealthCheck> {
public:
    static constexpr std::string_view kId = "reward_character";
    static constexpr std::string_view kVersion = "0.1.0";
    static constexpr std::string_view kSchema = R"({
  "type": "object",
  "required": ["catalogue"],
  "additionalProperties": false,
  "properties": {
    "catalogue": {"type": "string", "minLength": 1},
    "enabled": {"type": "boolean"},
    "recyclable_major": {"type": "string", "minLength": 1}
  }
})";

    /// The catalogue is loaded here, so that no instance exists that would answer "no match" for want of it.
    static sdk::Result<std::unique_ptr<RewardCharacter>> create(const sdk::Host& host, std::string_view config_json) {
        const json::object config = json::parse(config_json).as_object();
        RewardPolicy::Options options{true, "재활용폐기물"};
        if (const json::value* enabled = config.if_contains("enabled")) {
            options.is_enabled = enabled->as_bool();
        }
        if (const json::value* major = config.if_contains("recyclable_major")) {
            options.recyclable_major = json::value_to<std::string>(*major);
        }
        auto catalogue = Catalogue::load(json::value_to<std::string>(config.at("catalogue")));
        if (!catalogue) {
            return catalogue.error();
        }
        return std::make_unique<RewardCharacter>(host, RewardPolicy(*std::move(catalogue), std::move(options)));
    }

    RewardCharacter(const sdk::Host& host, RewardPolicy policy) : Plugin(host), policy_(std::move(policy)) {
        set_pure_memory();
    }

    sdk::Result<std::string> decide(const sdk::RewardInput& input) override { return policy_.decide(input.input_json); }

    sdk::Result<std::string> check_health() override {
        return json::serialize(json::object{{"characters", policy_.character_count()}});
    }

private:
    RewardPolicy policy_;
};

}  // namespace
}  // namespace reward_character

ECO2_PLUGIN(reward_character::RewardCharacter);
