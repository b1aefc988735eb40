#pragma once

#include "config/host_config.hpp"
#include "intake/photo.hpp"
#include "net/client.hpp"
#include "net/io_threads.hpp"
#include "observe/json_log.hpp"
#include "observe/metrics.hpp"
#include "observe/redactor.hpp"
#include "pipeline/run.hpp"
#include "plugin_host/plugin_host.hpp"
#include "runs/submitted_runs.hpp"
#include "runtime/layout.hpp"
#include "runtime/plugin_metrics_door.hpp"
#include "store/data_lock.hpp"
#include "store/grant_store.hpp"
#include "store/run_store.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::runtime {

/// What stands between the host and its first run.
struct Readiness {
    bool is_ready = false;
    std::vector<std::string> waiting_for;  // "plugin rules_sqlite", "pipeline scan", "draining"
    std::vector<std::string> left_out;     // pipelines that need a plugin which is not required and not there
};

/// The composition root: every part of a host, wired. Used by `serve`, by the one-shot commands and by batch.
///
/// Life: made -> load -> runs -> stop. The parts are declared in the order in which they depend on each other.
///
/// Thread-safety: made, load, stop: control thread; the rest: any thread.
class Host {
public:
    Host(config::HostConfig config, const Layout& layout, observe::JsonLog::Options log);
    ~Host();

    /// What for: `serve` also opens what submitted runs are written down in and goes on with those that an earlier process
    /// left; one host at a time on a data directory.
    enum class Purpose { command, serve };

    /// Loads plugins, stores and pipelines. Blocks.
    /// Errors: of the first required part that fails; parts that are not required are logged and leave their pipelines out.
    Result<void> load(Purpose purpose = Purpose::command);

    /// Loads one plugin instance alone, for commands that need no more. Errors: as load.
    Result<void> load_plugin(std::string_view instance_id);

    /// Null until loaded, or when no such pipeline is there.
    RunContext* pipeline(std::string_view name) noexcept;
    /// Whether the configuration names it, also where it could not be loaded.
    bool is_configured(std::string_view pipeline) const noexcept;
    /// All that are loaded, in the configuration's order.
    std::vector<const Pipeline*> pipelines() const;
    /// Everything that load makes may be used.
    bool is_loaded() const noexcept { return is_loaded_; }

    Readiness readiness() const;
    /// No new runs from now on; `runs_active` tells when the last has ended.
    void drain() noexcept { is_draining_ = true; }
    bool is_draining() const noexcept { return is_draining_; }

    /// A place for one run, given back when the last copy is dropped, on any thread. Null: the host is full.
    std::shared_ptr<void> admit_run();
    std::size_t runs_active() const noexcept { return runs_active_; }

    /// Ends everything in order. Errors: plugins that would not end.
    Result<void> stop();

    const config::HostConfig& config() const noexcept { return config_; }
    observe::JsonLog& log() noexcept { return log_; }
    observe::Metrics& metrics() noexcept { return metrics_; }
    HttpClientDoor& client() noexcept { return client_; }
    net::IoThreads& threads() noexcept { return threads_; }
    intake::PhotoIntake& photos() noexcept { return photos_; }
    plugin_host::PluginHost& plugins() noexcept { return *plugins_; }
    store::GrantStore& grants() noexcept { return *grants_; }
    /// After load for serve.
    SubmittedRuns& runs() noexcept { return *runs_; }

private:
    struct Wired;

    Result<void> load_plugins();
    Result<void> open_runs();
    RunContext* find_pipeline(std::string_view name) noexcept;
    Result<void> load_pipeline(const std::filesystem::path& file);
    Result<StageDoors> doors_of(const StageDefinition& stage);
    bool needs_only_optional_plugins(const StageDefinition& stage) const;
    plugin_host::InstanceConfig instance_config(const config::PluginConfig& plugin) const;
    Result<void> check_keys(const config::PluginConfig& plugin) const;
    void refresh_gauges();
    net::IoThreads::Options thread_options();

    const config::HostConfig config_;
    const observe::Redactor redactor_;
    observe::JsonLog log_;
    observe::Metrics metrics_;
    PluginMetricsDoor plugin_metrics_;
    net::IoThreads threads_;
    net::HttpClient client_;
    intake::PhotoIntake photos_;
    std::unique_ptr<store::GrantStore> grants_;
    std::unique_ptr<plugin_host::PluginHost> plugins_;
    std::vector<std::unique_ptr<Wired>> pipelines_;
    struct LeftOut {
        std::string pipeline;
        std::string why;
        bool is_required = true;
    };
    std::vector<LeftOut> left_out_;  // pipelines that are configured and could not be loaded; fixed once loaded
    std::unique_ptr<store::DataLock> data_lock_;
    std::unique_ptr<store::RunStore> run_store_;
    std::unique_ptr<SubmittedRuns> runs_;

    std::atomic<bool> is_loaded_ = false;
    std::atomic<bool> is_draining_ = false;
    std::atomic<std::size_t> runs_active_ = 0;
    mutable std::mutex waiting_mutex_;
    std::vector<std::string> waiting_for_{"start"};
    bool is_stopped_ = false;
};

/// The log's options as the configuration asks for them, with every configured secret to be redacted.
observe::JsonLog::Options log_options(const config::HostConfig& config);

}  // namespace eco2::runtime
