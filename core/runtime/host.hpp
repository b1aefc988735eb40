#pragma once

#include "base/snapshot.hpp"
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
#include "runtime/attempt_watch.hpp"
#include "runtime/control_thread.hpp"
#include "runtime/deployment.hpp"
#include "runtime/layout.hpp"
#include "runtime/plugin_metrics_door.hpp"
#include "runtime/stage_gauges.hpp"
#include "store/data_lock.hpp"
#include "store/grant_store.hpp"
#include "store/ledger_store.hpp"
#include "store/run_store.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
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

/// What a reload has done.
struct ReloadReport {
    std::uint64_t generation = 0;            // of the deployment that is in force now
    std::vector<std::string> started;        // plugin instances that are new, or were made anew beside the old ones
    std::vector<std::string> kept;           // instances that go on as they are
    std::vector<std::string> stopping;       // instances that are replaced or removed; they end when their last run has
    std::vector<std::string> needs_restart;  // keys whose new values are not in effect
};

/// The composition root: every part of a host, wired. Used by `serve`, by the one-shot commands and by batch.
///
/// Life: made -> load -> runs, reloads -> stop. The parts are declared in the order in which they depend on each other. What
/// the configuration says is a Deployment, which a reload replaces as a whole; the parts around it stay.
///
/// Thread-safety: made, load, stop: control thread; reload: the thread of `control`; the rest: any thread.
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

    /// Reads the configuration anew; with a data directory: as if that one were configured.
    using ReadConfig = std::function<Result<config::HostConfig>(const std::optional<std::filesystem::path>& data_dir)>;
    /// Checks what else hangs on a configuration; what it gives is called when the configuration is in force.
    using Prepare = std::function<Result<std::function<void()>>(const config::HostConfig&)>;

    /// Reads the configuration, builds what is new beside what runs, and puts it in force as a whole. Runs under way end on
    /// what they began on; instances that are not needed any more are taken down when nobody uses them, or after
    /// server.drain_timeout_ms. Blocks; after load for serve, on the thread of `control`.
    /// Errors: draining, not_ready, or the first fault of the new configuration: then the old one goes on untouched.
    Result<ReloadReport> reload(const ReadConfig& read, const Prepare& prepare);

    /// A context that holds what it needs. Null until loaded, or when no such pipeline is there.
    std::shared_ptr<RunContext> pipeline(std::string_view name) const;
    /// Whether the configuration names it, also where it could not be loaded.
    bool is_configured(std::string_view pipeline) const;
    /// All that are loaded, in the configuration's order.
    std::vector<std::shared_ptr<const Pipeline>> pipelines() const;
    /// Everything that load makes may be used.
    bool is_loaded() const noexcept { return is_loaded_; }

    Readiness readiness() const;
    /// No new runs from now on, and no reload; `runs_active` tells when the last has ended.
    void drain() noexcept { is_draining_ = true; }
    bool is_draining() const noexcept { return is_draining_; }

    /// A place for one run, given back when the last copy is dropped, on any thread. Null: the host is full.
    std::shared_ptr<void> admit_run();
    std::size_t runs_active() const noexcept { return runs_active_; }

    /// Ends everything in order. Errors: plugins that would not end.
    Result<void> stop();

    /// The one in force. A reload replaces it: who needs it for longer than a line keeps the pointer.
    std::shared_ptr<const config::HostConfig> config() const { return deployment_.get()->config(); }
    std::shared_ptr<const Deployment> deployment() const { return deployment_.get(); }
    observe::JsonLog& log() noexcept { return log_; }
    observe::Metrics& metrics() noexcept { return metrics_; }
    HttpClientDoor& client() noexcept { return client_; }
    net::IoThreads& threads() noexcept { return threads_; }
    intake::PhotoIntake& photos() noexcept { return photos_; }
    plugin_host::PluginHost& plugins() noexcept { return *plugins_; }
    store::GrantStore& grants() noexcept { return *grants_; }
    /// After load.
    AttemptWatch& attempts() noexcept { return *attempts_; }
    /// What has been spent, kept over restarts. Null but after load for serve.
    store::LedgerStore* ledger() noexcept { return ledger_.get(); }
    /// After load for serve.
    SubmittedRuns& runs() noexcept { return *runs_; }
    ControlThread& control() noexcept { return *control_; }

private:
    Result<void> open_runs();
    Result<ReloadReport> try_reload(const ReadConfig& read, const Prepare& prepare);
    Result<std::shared_ptr<const Deployment>> build(config::HostConfig config);
    void put_in_force(std::shared_ptr<const Deployment> deployment);
    void learn_secrets(const config::HostConfig& config);
    void refresh_gauges();
    net::IoThreads::Options thread_options(const config::HostConfig& config);

    Snapshot<observe::Redactor> redactor_;
    observe::JsonLog log_;
    observe::Metrics metrics_;
    PluginMetricsDoor plugin_metrics_;
    net::IoThreads threads_;
    net::HttpClient client_;
    intake::PhotoIntake photos_;
    std::unique_ptr<store::GrantStore> grants_;
    std::unique_ptr<store::LedgerStore> ledger_;
    std::unique_ptr<AttemptWatch> attempts_;
    std::unique_ptr<plugin_host::PluginHost> plugins_;
    Snapshot<Deployment> deployment_;  // never null
    StageGauges stage_gauges_;         // inside metrics_.expose
    std::unique_ptr<store::DataLock> data_lock_;
    std::unique_ptr<store::RunStore> run_store_;
    std::unique_ptr<SubmittedRuns> runs_;
    std::unique_ptr<ControlThread> control_;

    std::atomic<bool> is_loaded_ = false;
    std::atomic<bool> is_draining_ = false;
    std::atomic<std::size_t> runs_active_ = 0;
    bool is_stopped_ = false;
};

/// The log's options as the configuration asks for them, with every configured secret to be redacted.
observe::JsonLog::Options log_options(const config::HostConfig& config);

}  // namespace eco2::runtime
