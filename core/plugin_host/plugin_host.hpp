#pragma once

#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "model/batch_provider.hpp"
#include "model/calls.hpp"
#include "model/http_client.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace eco2::plugin_host {

/// Where plugins' own metrics go. Thread-safety: define on the control thread, record from any.
class MetricsDoor {
public:
    enum class Kind { counter, gauge, histogram };
    virtual ~MetricsDoor() = default;
    /// 0: refused.
    virtual std::uint64_t define(Kind kind, std::string name, std::string help, std::vector<std::string> labels) = 0;
    virtual void record(std::uint64_t metric, double value, std::span<const std::string_view> label_values) = 0;
};

/// What the host lends to plugins. All outlive the PluginHost.
struct Doors {
    Executor& executor;
    HttpClientDoor& http;
    const Clock& clock;
    Log& log;
    MetricsDoor& metrics;
};

struct Options {
    std::vector<std::string> directories;  // absolute; searched in order, one folder a plugin
    bool is_production = false;            // hashes required, group- or world-writable refused
};

/// One configured instance of a plugin.
struct InstanceConfig {
    std::string id;
    std::string plugin;  // folder name and manifest id
    bool is_required = true;
    std::string sha256;       // of the library; empty: the manifest's alone
    std::string config_json;  // an object, environment references already resolved, no secrets
    /// Keys in order of preference; each is bound to `origins`. Values are secrets.
    struct Key {
        std::string id;
        std::string secret;

        bool operator==(const Key&) const = default;
    };
    std::vector<Key> keys;
    std::vector<std::string>
        key_origins;  // "scheme://host:port" that may receive the keys; empty: those of "base_url" in the config
    std::vector<std::pair<std::string, std::string>> secrets;  // name, value, for eco2.draft.secrets

    bool operator==(const InstanceConfig&) const = default;
};

enum class InstanceState { loaded, created, started, draining, stopped, destroyed, failed };

struct InstanceStatus {
    std::string id;
    std::string plugin;
    std::string version;
    std::vector<std::string> interfaces;
    bool is_required = true;
    InstanceState state = InstanceState::failed;
    Error error;  // why it failed
    std::size_t calls_open = 0;
    std::uint64_t contract_violations = 0;
    std::uint64_t slow_calls = 0;  // times the plugin held an I/O thread longer than it may
    bool is_degraded = false;      // a cancelled call did not end in time
    std::uint64_t generation = 0;  // of this id, from 1; 0: never started
    bool is_leaving = false;       // another generation, or none, is in its place: it serves those who still hold it
};

/// What a manifest says, for `eco2 plugin list`; read without running code.
struct PluginSummary {
    std::string id;
    std::string version;
    std::string directory;
    std::vector<std::string> interfaces;
    std::string licence;
    std::string problem;  // why it would be refused; empty: none
};

/// A share in one generation of an instance: as long as one is left it takes calls, but for one that is replaced and whose
/// drain time is over. The doors then answer `draining`.
///
/// Thread-safety: any thread, for dropping it too. Lifetime: the doors are the share's; it may outlive the PluginHost.
class InstanceShare {
public:
    virtual ~InstanceShare() = default;
    virtual const std::string& id() const noexcept = 0;
    virtual std::uint64_t generation() const noexcept = 0;
    /// Null: the instance does not offer the interface.
    virtual ProviderDoor* provider() noexcept = 0;
    virtual RuleStoreDoor* rule_store() noexcept = 0;
    virtual RewardDoor* reward() noexcept = 0;
    virtual RouterDoor* router() noexcept = 0;
    virtual BatchProviderDoor* batch_provider() noexcept = 0;
};
using SharePtr = std::shared_ptr<InstanceShare>;

/// Loads plugins and gives access to their instances. Of one id several generations may run side by side: a changed one beside
/// the one that it replaces, until nobody holds that any more.
///
/// Thread-safety: load, obtain, replace, tend, stop: one thread at a time, the control thread. The doors: any I/O thread.
/// Lifetime:      doors of `load` are valid until stop returns; stop before the Executor stops.
class PluginHost {
public:
    PluginHost(Doors doors, Options options);
    ~PluginHost();

    /// Checks, maps, creates, self-tests and starts one instance. Blocks.
    /// Errors: plugin_missing, plugin_refused, plugin_abi, plugin_failed, config_invalid. The instance then shows as failed.
    Result<void> load(InstanceConfig config);

    /// A share in an instance that runs with exactly this library, configuration, keys and secrets, or else in a new one beside
    /// those of the same id. Blocks: as load. Errors: as load; those that run are then as they were.
    Result<SharePtr> obtain(InstanceConfig config);

    /// From now on these are the instances of the host. Every other one goes when nobody holds it and its calls have ended;
    /// after `drain_time` it takes no more calls, and those that are open are cancelled.
    void replace(const std::vector<SharePtr>& instances, std::chrono::milliseconds drain_time);

    /// One step in taking down instances that leave. Blocks: up to limits::kCancelGrace for each that can go now.
    /// The number of those that are not gone yet.
    std::size_t tend();

    /// By instance id, over all its generations, also those that are gone.
    std::map<std::string, std::uint64_t> contract_violations() const;

    /// The newest generation's. Null: no started instance of this id offers the interface.
    ProviderDoor* provider(std::string_view instance_id) noexcept;
    RuleStoreDoor* rule_store(std::string_view instance_id) noexcept;
    RewardDoor* reward(std::string_view instance_id) noexcept;
    RouterDoor* router(std::string_view instance_id) noexcept;
    BatchProviderDoor* batch_provider(std::string_view instance_id) noexcept;

    std::vector<InstanceStatus> status() const;

    /// Drains all: no new call, wait for open ones up to `timeout`, cancel the rest, wait the grace, stop, destroy.
    /// Errors: limit_exceeded (calls that would not end; their instances are left alone).
    Result<void> stop(std::chrono::milliseconds timeout);

    /// All plugins in the directories, without mapping any.
    static std::vector<PluginSummary> list(const Options& options);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::plugin_host
