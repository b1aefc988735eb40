#include "runtime/host.hpp"

#include "base/text.hpp"
#include "config/pipeline_file.hpp"
#include "net/url_guard.hpp"
#include "runtime/run_watch.hpp"
#include "runtime/version.hpp"

#include <boost/json/parse.hpp>
#include <system_error>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace eco2::runtime {
namespace {

net::ClientOptions client_options(const config::HttpConfig& config) {
    net::ClientOptions options;
    options.ca_file = config.ca_file;
    options.https_proxy = config.proxy;
    options.no_proxy = config.no_proxy;
    options.connect_timeout = config.connect_timeout;
    options.idle_timeout = config.idle_timeout;
    return options;
}

intake::PhotoIntake::Options photo_options(const config::ImageConfig& config) {
    intake::PhotoIntake::Options options;
    options.limits.bytes_max = config.bytes_max;
    options.limits.pixels_max = static_cast<long>(config.pixels_max);
    options.limits.side_max = static_cast<int>(config.side_max);
    options.side_target = static_cast<int>(config.side_target);
    return options;
}

plugin_host::Options plugin_options(const config::HostConfig& config, const Layout& layout) {
    plugin_host::Options options;
    options.is_production = config.is_production;
    for (const auto& directory : config.plugin_dirs.empty() ? layout.plugin_dirs : config.plugin_dirs) {
        options.directories.push_back(directory);
    }
    return options;
}

store::KeepPhotos keep_photos(config::RunsConfig::KeepPhotos keep) {
    switch (keep) {
        case config::RunsConfig::KeepPhotos::never: break;
        case config::RunsConfig::KeepPhotos::dead_letters: return store::KeepPhotos::dead_letters;
        case config::RunsConfig::KeepPhotos::always: return store::KeepPhotos::always;
    }
    return store::KeepPhotos::never;
}

/// The host part of "scheme://host[:port]/...", or empty.
std::string host_of(std::string_view url) {
    const auto scheme = url.find("://");
    if (scheme == std::string_view::npos) {
        return {};
    }
    url.remove_prefix(scheme + 3);
    url = url.substr(0, url.find_first_of("/?#"));
    if (url.starts_with('[')) {
        return std::string(url.substr(1, url.find(']') - 1));
    }
    return std::string(url.substr(0, url.find(':')));
}

observe::Redactor redactor_of(const config::HostConfig& config) {
    observe::Redactor redactor;
    for (const auto& plugin : config.plugins) {
        for (const auto* secrets : {&plugin.keys, &plugin.secrets}) {
            for (const auto& secret : *secrets) {
                if (secret.value) {
                    redactor.add(*secret.value);
                }
            }
        }
    }
    return redactor;
}

std::string base_url_of(const std::string& config_json) {
    boost::json::error_code ec;
    const auto value = boost::json::parse(config_json, ec);
    const auto* object = ec ? nullptr : value.if_object();
    const auto* url = object == nullptr ? nullptr : object->if_contains("base_url");
    return url != nullptr && url->is_string() ? std::string(url->get_string()) : std::string();
}

}  // namespace

/// A loaded pipeline with its watch and its context.
struct Host::Wired {
    Wired(std::shared_ptr<const Pipeline> pipeline, std::vector<StageDoors> doors, Host& host)
        : watch(*pipeline, host.log_, host.metrics_),
          context{std::move(pipeline),
                  std::move(doors),
                  *host.grants_,
                  host.threads_,
                  system_clock(),
                  watch,
                  [&host](std::string_view words) { return host.redactor_.redact(words); }} {}

    RunWatch watch;
    RunContext context;
};

observe::JsonLog::Options log_options(const config::HostConfig& config) {
    observe::JsonLog::Options options;
    options.level = config.log.level;
    options.is_text = config.log.format == config::LogFormat::text;
    options.redactor = redactor_of(config);
    return options;
}

Host::Host(config::HostConfig config, const Layout& layout, observe::JsonLog::Options log)
    : config_(std::move(config)),
      redactor_(redactor_of(config_)),
      log_(std::move(log)),
      metrics_(kVersion),
      plugin_metrics_(metrics_.plugins()),
      threads_(thread_options()),
      client_(threads_, client_options(config_.http)),
      photos_(photo_options(config_.image), threads_, log_),
      plugins_(std::make_unique<plugin_host::PluginHost>(
          plugin_host::Doors{threads_, client_, system_clock(), log_, plugin_metrics_}, plugin_options(config_, layout))) {
    threads_.start();
    metrics_.on_expose([this] { refresh_gauges(); });
}

Host::~Host() {
    (void)stop();
}

net::IoThreads::Options Host::thread_options() {
    net::IoThreads::Options options;
    options.io_threads = config_.server.io_threads;
    options.on_lag = [this](std::chrono::nanoseconds lag) {
        const auto series = metrics_.eco2_event_loop_lag_seconds.with({std::to_string(threads_.current_thread())});
        series.observe(std::chrono::duration<double>(lag).count());
    };
    return options;
}

Result<void> Host::load(Purpose purpose) {
    std::error_code ec;
    std::filesystem::create_directories(config_.data_dir, ec);
    if (ec) {
        return fail(Errc::io_failed, "cannot make the data directory " + config_.data_dir.string() + ": " + ec.message());
    }
    if (purpose == Purpose::serve) {
        auto lock = store::DataLock::take(config_.data_dir);
        if (!lock) {
            return lock.error();
        }
        data_lock_ = std::move(lock.value());
    }
    store::GrantStore::Options grant_options;
    grant_options.lifetime = config_.grants.lifetime;
    auto grants = store::GrantStore::open(config_.data_dir / "grants.db", threads_, log_, system_clock(), grant_options);
    if (!grants) {
        return grants.error();
    }
    grants_ = std::move(grants.value());
    if (auto loaded = load_plugins(); !loaded) {
        return loaded;
    }
    for (const auto& file : config_.pipelines) {
        if (auto loaded = load_pipeline(file); !loaded) {
            return loaded;
        }
    }
    if (purpose == Purpose::serve) {
        if (auto opened = open_runs(); !opened) {
            return opened;
        }
    }
    {
        const std::lock_guard lock(waiting_mutex_);
        std::erase(waiting_for_, "start");
    }
    is_loaded_ = true;
    return {};
}

Result<void> Host::load_plugins() {
    for (const auto& plugin : config_.plugins) {
        auto loaded = check_keys(plugin);
        if (loaded) {
            loaded = plugins_->load(instance_config(plugin));
        }
        if (loaded) {
            log_.info("plugin started", {{"instance", plugin.id}, {"plugin", plugin.plugin}});
            continue;
        }
        Error error = fail(loaded.error().code, "plugin " + plugin.id + ": " + loaded.error().detail);
        if (plugin.is_required) {
            return error;
        }
        log_.error("plugin left out", {{"instance", plugin.id}, {"error", error.name()}, {"detail", error.detail}});
    }
    return {};
}

Result<void> Host::load_plugin(std::string_view instance_id) {
    const auto& all = config_.plugins;
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& plugin) { return plugin.id == instance_id; });
    if (found == all.end()) {
        return fail(Errc::plugin_missing,
                    "no [[plugin]] with id \"" + std::string(instance_id) + "\" in " + config_.file.string());
    }
    std::error_code ec;
    std::filesystem::create_directories(config_.data_dir, ec);
    return plugins_->load(instance_config(*found));
}

/// A key that is missing, or that may not be sent, is told before the first request needs it.
Result<void> Host::check_keys(const config::PluginConfig& plugin) const {
    const bool has_key =
        plugin.keys.empty() || std::any_of(plugin.keys.begin(), plugin.keys.end(), [](const auto& key) { return key.value; });
    const auto base_url = base_url_of(plugin.config_json);
    const bool is_near = net::is_loopback_host(host_of(base_url));
    if (!plugin.keys.empty() && has_key && !is_near && to_lower_ascii(base_url).starts_with("http://")) {
        return fail(Errc::config_invalid,
                    "base_url (" + base_url +
                        ") is plain HTTP, over which no key is sent: use https, or list no keys for this instance");
    }
    if (has_key || is_near) {
        return {};
    }
    return fail(Errc::config_invalid,
                "no key: set " + plugin.keys.front().source + ", or point base_url (" + base_url +
                    ") at a server on this machine, for example `eco2 fake-provider`");
}

plugin_host::InstanceConfig Host::instance_config(const config::PluginConfig& plugin) const {
    plugin_host::InstanceConfig out;
    out.id = plugin.id;
    out.plugin = plugin.plugin;
    out.is_required = plugin.is_required;
    out.sha256 = plugin.sha256;
    out.config_json = plugin.config_json;
    out.key_origins = plugin.key_origins;
    for (const auto& key : plugin.keys) {
        if (key.value) {
            out.keys.push_back({key.id, *key.value});
        }
    }
    for (const auto& secret : plugin.secrets) {
        if (secret.value) {
            out.secrets.emplace_back(secret.id, *secret.value);
        }
    }
    return out;
}

Result<StageDoors> Host::doors_of(const StageDefinition& stage) {
    StageDoors doors;
    std::string instance;
    switch (stage.kind) {
        case StageDefinition::Kind::infer:
            instance = stage.provider;
            doors.provider = plugins_->provider(instance);
            break;
        case StageDefinition::Kind::rules:
            instance = stage.store;
            doors.rules = plugins_->rule_store(instance);
            break;
        case StageDefinition::Kind::reward:
            instance = stage.engine;
            doors.reward = plugins_->reward(instance);
            break;
    }
    if (doors.provider == nullptr && doors.rules == nullptr && doors.reward == nullptr) {
        return fail(Errc::plugin_missing,
                    "stage \"" + stage.name + "\" needs plugin instance \"" + instance +
                        "\", which is not started or does not offer it");
    }
    doors.gate = std::make_unique<StageGate>(threads_, stage.concurrency_max, stage.queue_max);
    return doors;
}

Result<void> Host::load_pipeline(const std::filesystem::path& file) {
    auto definition = config::load_pipeline(file);
    if (!definition) {
        return definition.error();
    }
    auto pipeline = Pipeline::compile(std::move(definition.value()));
    if (!pipeline) {
        return pipeline.error();
    }
    const auto& name = pipeline.value()->definition().name;
    std::vector<StageDoors> doors;
    for (const auto& stage : pipeline.value()->definition().stages) {
        auto found = doors_of(stage);
        if (!found) {
            log_.error("pipeline left out", {{"pipeline", name}, {"detail", found.error().detail}});
            const bool is_required = !needs_only_optional_plugins(stage);
            left_out_.push_back({name, found.error().detail, is_required});
            if (is_required) {
                const std::lock_guard lock(waiting_mutex_);
                waiting_for_.push_back("pipeline " + name + ": " + found.error().detail);
            }
            return {};
        }
        doors.push_back(std::move(found.value()));
    }
    log_.info("pipeline ready", {{"pipeline", name}, {"file", file.native()}});
    pipelines_.push_back(std::make_unique<Wired>(std::move(pipeline.value()), std::move(doors), *this));
    return {};
}

Result<void> Host::open_runs() {
    store::RunStore::Options options;
    options.result_lifetime = config_.runs.result_lifetime;
    options.dead_letter_lifetime = config_.runs.dead_letter_lifetime;
    options.keep_photos = keep_photos(config_.runs.keep_photos);
    auto opened = store::RunStore::open(config_.data_dir / "runs.db", threads_, log_, system_clock(), options);
    if (!opened) {
        return opened.error();
    }
    run_store_ = std::move(opened.value());
    SubmittedRuns::Options limits;
    limits.memory_bytes_max = config_.runs.memory_bytes_max;
    runs_ = std::make_unique<SubmittedRuns>(
        *run_store_, threads_, system_clock(), log_, [this](std::string_view name) { return find_pipeline(name); }, limits);
    int thread = 0;
    auto recovered = run_store_->recover([&](StoredRun stored) {
        runs_->adopt(std::move(stored), admit_run(), thread);
        thread = (thread + 1) % static_cast<int>(threads_.size());
    });
    if (!recovered) {
        return recovered.error();
    }
    if (const auto adopted = runs_->counters().adopted; adopted != 0) {
        log_.info("runs go on", {{"runs", std::to_string(adopted)}});
    }
    return {};
}

/// What a missing instance says about the host: one that is not required does not keep it from being ready.
bool Host::needs_only_optional_plugins(const StageDefinition& stage) const {
    const auto& instance = stage.kind == StageDefinition::Kind::infer   ? stage.provider
                           : stage.kind == StageDefinition::Kind::rules ? stage.store
                                                                        : stage.engine;
    const auto& all = config_.plugins;
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& plugin) { return plugin.id == instance; });
    return found != all.end() && !found->is_required;
}

bool Host::is_configured(std::string_view name) const noexcept {
    const auto has_name = [&](const auto& wired) { return wired->context.pipeline->definition().name == name; };
    return std::any_of(left_out_.begin(), left_out_.end(), [&](const auto& left) { return left.pipeline == name; }) ||
           std::any_of(pipelines_.begin(), pipelines_.end(), has_name);
}

std::vector<const Pipeline*> Host::pipelines() const {
    std::vector<const Pipeline*> all;
    for (const auto& wired : pipelines_) {
        all.push_back(wired->context.pipeline.get());
    }
    return all;
}

RunContext* Host::pipeline(std::string_view name) noexcept {
    return is_loaded_ ? find_pipeline(name) : nullptr;
}

RunContext* Host::find_pipeline(std::string_view name) noexcept {
    const auto found = std::find_if(pipelines_.begin(), pipelines_.end(), [&](const auto& wired) {
        return wired->context.pipeline->definition().name == name;
    });
    return found == pipelines_.end() ? nullptr : &(*found)->context;
}

Readiness Host::readiness() const {
    Readiness readiness;
    {
        const std::lock_guard lock(waiting_mutex_);
        readiness.waiting_for = waiting_for_;
    }
    if (is_draining_) {
        readiness.waiting_for.emplace_back("draining");
    }
    for (const auto& left : is_loaded_ ? left_out_ : std::vector<LeftOut>()) {
        if (!left.is_required) {
            readiness.left_out.push_back("pipeline " + left.pipeline + ": " + left.why);
        }
    }
    readiness.is_ready = readiness.waiting_for.empty();
    return readiness;
}

std::shared_ptr<void> Host::admit_run() {
    std::shared_ptr<void> place(this, [](void* host) { --static_cast<Host*>(host)->runs_active_; });
    return ++runs_active_ > config_.server.runs_max ? nullptr : place;
}

void Host::refresh_gauges() {
    metrics_.eco2_runs_active.set(static_cast<double>(runs_active_.load()));
    metrics_.eco2_blocking_queue_depth.set(static_cast<double>(threads_.blocking_queue_depth()));
    metrics_.eco2_photo_queue_depth.set(static_cast<double>(photos_.queue_depth()));
    const auto upstream = client_.stats();
    metrics_.eco2_upstream_connections_opened_total.raise_to(static_cast<double>(upstream.connections_opened));
    metrics_.eco2_upstream_connections_reused_total.raise_to(static_cast<double>(upstream.connections_reused));
    metrics_.eco2_upstream_exchanges_open.set(static_cast<double>(upstream.exchanges_open));
    metrics_.eco2_upstream_connections_idle.set(static_cast<double>(upstream.connections_idle));
    if (!is_loaded_) {
        return;
    }
    const auto grants = grants_->counters();
    metrics_.eco2_grants_total.with({"written"}).raise_to(static_cast<double>(grants.written));
    metrics_.eco2_grants_total.with({"known"}).raise_to(static_cast<double>(grants.known));
    metrics_.eco2_grants_total.with({"failed"}).raise_to(static_cast<double>(grants.failed));
    if (runs_ != nullptr) {
        const auto runs = runs_->counters();
        metrics_.eco2_submitted_runs_active.set(static_cast<double>(runs.running));
        metrics_.eco2_submitted_runs_bytes.set(static_cast<double>(runs.bytes));
        metrics_.eco2_submitted_runs_total.with({"submitted"}).raise_to(static_cast<double>(runs.submitted));
        metrics_.eco2_submitted_runs_total.with({"adopted"}).raise_to(static_cast<double>(runs.adopted));
        metrics_.eco2_submitted_runs_total.with({"ended"}).raise_to(static_cast<double>(runs.ended));
        const auto writes = run_store_->counters();
        metrics_.eco2_run_store_queue_depth.set(static_cast<double>(run_store_->queue_depth()));
        metrics_.eco2_run_store_writes_total.with({"written"}).raise_to(static_cast<double>(writes.operations));
        metrics_.eco2_run_store_writes_total.with({"failed"}).raise_to(static_cast<double>(writes.failed));
        metrics_.eco2_run_store_commits_total.raise_to(static_cast<double>(writes.commits));
    }
    for (const auto& status : plugins_->status()) {
        metrics_.eco2_plugin_contract_violations_total.with({status.id})
            .raise_to(static_cast<double>(status.contract_violations));
    }
    for (const auto& wired : pipelines_) {
        const auto& definition = wired->context.pipeline->definition();
        for (std::size_t i = 0; i < definition.stages.size(); ++i) {
            const auto& gate = *wired->context.doors[i].gate;
            const auto& stage = definition.stages[i].name;
            metrics_.eco2_stage_running.with({definition.name, stage}).set(static_cast<double>(gate.running()));
            metrics_.eco2_stage_waiting.with({definition.name, stage}).set(static_cast<double>(gate.waiting()));
        }
    }
}

Result<void> Host::stop() {
    if (std::exchange(is_stopped_, true)) {
        return {};
    }
    metrics_.forget_hooks();
    if (runs_ != nullptr) {
        runs_->suspend();  // before the plugins end their calls: a run that is cut off now goes on at the next start
    }
    auto stopped = plugins_->stop(limits::kCancelGrace);
    if (grants_ != nullptr) {
        grants_->stop();
    }
    if (run_store_ != nullptr) {
        run_store_->stop();
    }
    photos_.stop();
    threads_.stop();
    return stopped;
}

}  // namespace eco2::runtime
