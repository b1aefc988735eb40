#include "eco2/plugin/plugin.hpp"

#include "rules_sqlite/poller.hpp"
#include "rules_sqlite/rule_store.hpp"

#include "eco2/plugin/health.hpp"
#include "eco2/plugin/sync_rule_store.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace rules_sqlite {
namespace {

namespace json = boost::json;
namespace sdk = eco2::plugin;

constexpr std::int64_t kPollIntervalMs = 1'000;  // an import by another process shows within this time

class RulesSqlite final : public sdk::Plugin<sdk::SyncRuleStore, sdk::RuleImport, sdk::HealthCheck> {
public:
    static constexpr std::string_view kId = "rules_sqlite";
    static constexpr std::string_view kVersion = "0.1.0";
    static constexpr std::string_view kSchema = R"({
  "type": "object",
  "required": ["database"],
  "additionalProperties": false,
  "properties": {
    "database": {"type": "string", "minLength": 1},
    "seed_directory": {"type": "string", "minLength": 1},
    "poll_interval_ms": {"type": "integer", "minimum": 100, "maximum": 3600000}
  }
})";

    static Result<std::unique_ptr<RulesSqlite>> create(const sdk::Host& host, std::string_view config_json) {
        const json::object config = json::parse(config_json).as_object();
        RuleStore::Options options;
        options.database = json::value_to<std::string>(config.at("database"));
        if (const json::value* seed = config.if_contains("seed_directory")) {
            options.seed_directory = json::value_to<std::string>(*seed);
        }
        const json::value* interval = config.if_contains("poll_interval_ms");
        auto store = RuleStore::open(options);
        if (!store) {
            return store.error();
        }
        return std::make_unique<RulesSqlite>(
            host, *std::move(store), interval == nullptr ? kPollIntervalMs : interval->to_number<std::int64_t>());
    }

    RulesSqlite(const sdk::Host& host, std::shared_ptr<RuleStore> store, std::int64_t poll_interval_ms)
        : Plugin(host), store_(std::move(store)), poller_(std::make_shared<Poller>(host, store_, poll_interval_ms)) {
        set_pure_memory();
    }

    Result<void> start() override { return poller_->start(); }
    void stop() override { poller_->stop(); }

    std::shared_ptr<const Snapshot> snapshot() override { return std::make_shared<const Pinned>(store_->snapshot()); }

    Result<std::optional<sdk::Rule>> lookup(const Snapshot& snapshot,
                                            std::string_view category,
                                            std::string_view key) override {
        const auto& pinned = static_cast<const Pinned&>(snapshot);
        const Rule* rule = pinned.table->find(category, key);
        if (rule == nullptr) {
            return std::optional<sdk::Rule>();
        }
        return std::optional(sdk::Rule{rule->body, rule->file, pinned.table->version()});
    }

    Result<std::string> import_directory(std::string_view directory) override {
        auto summary = store_->import_directory(std::string(directory));
        if (!summary) {
            return summary.error();
        }
        const json::object text{{"imported", summary->imported}, {"version", summary->version}};
        return json::serialize(text);
    }

    Result<std::string> check_health() override {
        const RuleStore::Health health = store_->health();
        if (health.rules == 0) {
            return fail(Status::unavailable, "no_rules", "the database has no rules; import some");
        }
        json::object text{{"rules", health.rules}, {"version", health.version}};
        if (!health.problem.empty()) {
            text["problem"] = health.problem;
        }
        return json::serialize(text);
    }

private:
    struct Pinned final : Snapshot {
        explicit Pinned(std::shared_ptr<const RuleTable> pinned) : table(std::move(pinned)) {}
        std::shared_ptr<const RuleTable> table;
    };

    std::shared_ptr<RuleStore> store_;  // shared with the poller
    std::shared_ptr<Poller> poller_;    // shared with the host's tasks
};

}  // namespace
}  // namespace rules_sqlite

ECO2_PLUGIN(rules_sqlite::RulesSqlite);
