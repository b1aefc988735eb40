#pragma once

#include "model/route_definition.hpp"
#include "routing/breaker.hpp"
#include "routing/fair_queue.hpp"
#include "routing/key_health.hpp"
#include "routing/quota_meter.hpp"
#include "routing/target_pulse.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace eco2::routing {

/// A quota group, over all models.
struct Account {
    std::string id;
    QuotaMeter meter;
    const AccountDefinition* definition = nullptr;  // null: a key's own account
};

/// A key over all models. A provider without keys has one with an empty id.
struct Key {
    std::string id;
    std::uint32_t place = 0;
    Account* account = nullptr;
    QuotaMeter meter;
    KeyHealth health;
    std::int64_t in_flight = 0;
};

struct Provider {
    std::string id;
    bool is_declared = false;
    std::deque<Key> keys;
};

/// One key for one model: what a breaker guards.
struct Lane {
    /// How it looks to the ask under way.
    enum class Standing { usable, account_left_out, key_left_out, open, at_fault };

    Key* key = nullptr;
    std::size_t group = 0;
    Breaker breaker;
    Standing standing = Standing::usable;
};

/// Lanes of one target that share an account, and with it the account's quota for the model.
struct LaneGroup {
    Account* account = nullptr;
    std::shared_ptr<QuotaMeter> model;  // shared with targets of other providers that use the same account
    std::vector<std::size_t> lanes;
};

/// A provider and a model asked of it.
struct Target {
    Provider* provider = nullptr;
    std::string model;
    std::vector<Lane> lanes;  // as the provider's keys
    std::vector<LaneGroup> groups;
    FairQueue queue;
    TargetPulse pulse;
    std::int64_t in_flight = 0;
    std::size_t pins = 0;  // passes and places that point here
};

/// All that a board remembers, by name.
///
/// Thread-safety: none.
/// Lifetime:      the definition outlives it. Targets are forgotten when they are idle and others were used since; all else
///                stays where it is.
/// Limits:        limits::kTargetsKept idle targets. Providers that the definition does not name come from stages, not from
///                clients, and are kept.
class TargetTable {
public:
    explicit TargetTable(const RoutingDefinition& definition);
    TargetTable(const TargetTable&) = delete;
    TargetTable& operator=(const TargetTable&) = delete;

    /// Made where there is none; counts as use. Cost: one hash, where there is one.
    Target& use(std::string_view provider, std::string_view model);
    /// Null: never used, or forgotten.
    const Target* find(std::string_view provider, std::string_view model) const;

    const std::map<std::string, Provider, std::less<>>& providers() const noexcept { return providers_; }
    const std::list<Target>& targets() const noexcept { return targets_; }

    void inherit(const TargetTable& old);

private:
    struct Name {
        std::string_view provider;
        std::string_view model;
        bool operator==(const Name&) const = default;
    };
    struct NameHash {
        std::size_t operator()(const Name& name) const noexcept;
    };
    using ModelMeters = std::map<std::pair<const Account*, std::string>, std::shared_ptr<QuotaMeter>>;

    Account& account(std::string_view id);
    Provider& provider(std::string_view id);
    void add_key(Provider& provider, const KeyDefinition& definition, std::string own_account);
    void add_lanes(Target& target);
    const std::shared_ptr<QuotaMeter>& model_meter(const Account& account, const std::string& model);
    void forget_idle();
    void forget(std::list<Target>::iterator target);
    void inherit_target(const Target& old);

    std::map<std::string, Account, std::less<>> accounts_;
    std::map<std::string, Provider, std::less<>> providers_;
    ModelMeters model_meters_;
    std::list<Target> targets_;                                                // the one used last is first
    std::unordered_map<Name, std::list<Target>::iterator, NameHash> by_name_;  // names are views into providers and targets
};

}  // namespace eco2::routing
