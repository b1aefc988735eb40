#pragma once

#include "config/host_config.hpp"
#include "observe/metrics.hpp"
#include "pipeline/run.hpp"
#include "plugin_host/plugin_host.hpp"
#include "routing/routes.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::runtime {

/// What one reading of the configuration has become: its instances, its pipelines, wired. A host serves from one of them and
/// replaces it as a whole; who began on an older one ends on it.
///
///     built -> in force -> replaced (its runs end; then its instances that no other one shares are taken down) -> gone
///        |
///        +--> refused: nothing has changed but that its new instances are taken down again
///
/// Thread-safety: any thread (immutable); build: control thread.
/// Lifetime:      the parts outlive it. A context holds its deployment, a run its context. The last one lets go on any thread.
class Deployment {
public:
    /// What all deployments of a host have in common.
    struct Parts {
        plugin_host::PluginHost& plugins;
        GrantDoor& grants;
        Executor& executor;
        Log& log;
        observe::Metrics& metrics;
        routing::AttemptWatcher& attempts;
        std::function<std::string(std::string_view)> redact;
    };

    /// The configuration alone: the one of a host that has not loaded.
    explicit Deployment(config::HostConfig config);
    ~Deployment();

    /// Reads the pipeline files, starts what is new beside what runs, and wires all of it. Blocks.
    ///
    /// At the start, a part that is not required may fail and leaves its pipelines out. Later on a part that ran before may
    /// not. Errors: of the first part that fails; the instances that were new then go with the next PluginHost::tend.
    static Result<std::shared_ptr<const Deployment>> build(config::HostConfig config,
                                                           const Parts& parts,
                                                           const Deployment& predecessor);

    /// 0: the configuration alone; from 1: loaded.
    std::uint64_t generation() const noexcept { return generation_; }
    const std::shared_ptr<const config::HostConfig>& config() const noexcept { return config_; }
    const std::vector<plugin_host::SharePtr>& instances() const noexcept { return instances_; }

    /// Null: none that is loaded has this name. Lifetime: of the deployment; see `pin`.
    RunContext* find(std::string_view name) const noexcept;
    /// As find; what it gives holds the deployment.
    static std::shared_ptr<RunContext> pin(std::shared_ptr<const Deployment> deployment, std::string_view name);
    /// In the configuration's order. Lifetime: of the deployment.
    std::vector<RunContext*> contexts() const;

    /// Null: no provider is started. Lifetime: of the deployment, which each call over a route holds.
    const std::shared_ptr<routing::Routes>& routes() const noexcept { return routes_; }

    /// A pipeline that is configured and could not be loaded.
    struct LeftOut {
        std::string pipeline;
        std::string why;
        bool is_required = true;
    };
    const std::vector<LeftOut>& left_out() const noexcept { return left_out_; }
    bool is_configured(std::string_view pipeline) const noexcept;

private:
    struct Wired;
    class Builder;

    const std::shared_ptr<const config::HostConfig> config_;
    std::uint64_t generation_ = 0;
    std::vector<plugin_host::SharePtr> instances_;
    std::shared_ptr<routing::TargetBoard> board_;
    std::shared_ptr<routing::Routes> routes_;
    std::vector<std::unique_ptr<Wired>> pipelines_;
    std::vector<LeftOut> left_out_;
};

}  // namespace eco2::runtime
