#pragma once

#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "model/calls.hpp"
#include "model/http_client.hpp"

#include <chrono>
#include <cstdint>
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
    };
    std::vector<Key> keys;
    std::vector<std::string>
        key_origins;  // "scheme://host:port" that may receive the keys; empty: those of "base_url" in the config
    std::vector<std::pair<std::string, std::string>> secrets;  // name, value, for eco2.draft.secrets
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

/// Loads plugins and gives access to their instances.
///
/// Thread-safety: load, stop: control thread. The doors: any I/O thread.
/// Lifetime:      doors are valid until stop returns; stop before the Executor stops.
class PluginHost {
public:
    PluginHost(Doors doors, Options options);
    ~PluginHost();

    /// Checks, maps, creates, self-tests and starts one instance. Blocks.
    /// Errors: plugin_missing, plugin_refused, plugin_abi, plugin_failed, config_invalid. The instance then shows as failed.
    Result<void> load(InstanceConfig config);

    /// Null: no started instance of this id offers the interface.
    ProviderDoor* provider(std::string_view instance_id) noexcept;
    RuleStoreDoor* rule_store(std::string_view instance_id) noexcept;
    RewardDoor* reward(std::string_view instance_id) noexcept;
    RouterDoor* router(std::string_view instance_id) noexcept;

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
