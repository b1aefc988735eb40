#include "eco2/plugin/plugin.hpp"
#include "eco2/plugin/sync_reward.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace sleeper {
namespace {

namespace sdk = eco2::plugin;

/// Breaks the rule that a call returns at once: claims to touch only memory and then sleeps on the caller's thread.
class Sleeper final : public sdk::Plugin<sdk::SyncReward> {
public:
    static constexpr std::string_view kId = "sleeper";
    static constexpr std::string_view kVersion = "1.0.0";
    static constexpr std::string_view kSchema = R"({"type":"object"})";

    static sdk::Result<std::unique_ptr<Sleeper>> create(const sdk::Host& host, std::string_view) {
        return std::make_unique<Sleeper>(host);
    }

    explicit Sleeper(const sdk::Host& host) : Plugin(host) { set_pure_memory(); }

    sdk::Result<std::string> decide(const sdk::RewardInput&) override {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        return std::string(R"({"reward":null,"reason":"asleep","grant":null})");
    }
};

}  // namespace
}  // namespace sleeper

ECO2_PLUGIN(sleeper::Sleeper);
