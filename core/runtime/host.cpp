#include "runtime/host.hpp"

#include "base/io_thread.hpp"
#include "base/utc.hpp"
#include "runtime/fixed_keys.hpp"
#include "runtime/instance_config.hpp"
#include "runtime/version.hpp"

#include <system_error>

#include <algorithm>
#include <filesystem>
#include <string_view>
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

void add_secrets(const config::HostConfig& config, observe::Redactor& redactor) {
    for (const auto& plugin : config.plugins) {
        for (const auto* secrets : {&plugin.keys, &plugin.secrets}) {
            for (const auto& secret : *secrets) {
                if (secret.value) {
                    redactor.add(*secret.value);
                }
            }
        }
    }
}

std::vector<std::string> ids_of(const std::vector<plugin_host::SharePtr>& shares,
                                const std::vector<plugin_host::SharePtr>& others,
                                bool are_in_both) {
    std::vector<std::string> ids;
    for (const auto& share : shares) {
        if ((std::find(others.begin(), others.end(), share) != others.end()) == are_in_both) {
            ids.push_back(share->id());
        }
    }
    return ids;
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) {
        out += (out.empty() ? "" : ", ") + word;
    }
    return out;
}

// Requests go on: their ledger may be wrong then, which is no reason to refuse users.
void warn_of_old_prices(Log& log, const PriceTable& prices) {
    constexpr std::size_t kDayBytes = 10;
    if (prices.is_past_review(std::string_view(utc_text(system_clock().wall_ns())).substr(0, kDayBytes))) {
        log.warn("prices are past their review date; check them and set prices.version and prices.review_by",
                 {{"version", prices.version}, {"review_by", prices.review_by}});
    }
}

}  // namespace

observe::JsonLog::Options log_options(const config::HostConfig& config) {
    observe::JsonLog::Options options;
    options.level = config.log.level;
    options.is_text = config.log.format == config::LogFormat::text;
    add_secrets(config, options.redactor);
    return options;
}

Host::Host(config::HostConfig config, const Layout& layout, observe::JsonLog::Options log)
    : redactor_(std::make_shared<const observe::Redactor>(log.redactor)),
      log_(std::move(log)),
      metrics_(kVersion),
      plugin_metrics_(metrics_.plugins()),
      threads_(thread_options(config)),
      client_(threads_, client_options(config.http)),
      photos_(photo_options(config.image), threads_, log_),
      plugins_(std::make_unique<plugin_host::PluginHost>(
          plugin_host::Doors{threads_, client_, system_clock(), log_, plugin_metrics_}, plugin_options(config, layout))),
      deployment_(std::make_shared<const Deployment>(std::move(config))),
      stage_gauges_(metrics_) {
    learn_secrets(*this->config());
    threads_.start();
    metrics_.on_expose([this] { refresh_gauges(); });
}

Host::~Host() {
    (void)stop();
}

net::IoThreads::Options Host::thread_options(const config::HostConfig& config) {
    net::IoThreads::Options options;
    options.io_threads = config.server.io_threads;
    options.on_lag = [this](std::chrono::nanoseconds lag) {
        const auto series = metrics_.eco2_event_loop_lag_seconds.with({std::to_string(threads_.current_thread())});
        series.observe(std::chrono::duration<double>(lag).count());
    };
    return options;
}

Result<void> Host::load(Purpose purpose) {
    const auto config = this->config();
    std::error_code ec;
    std::filesystem::create_directories(config->data_dir, ec);
    if (ec) {
        return fail(Errc::io_failed, "cannot make the data directory " + config->data_dir.string() + ": " + ec.message());
    }
    if (purpose == Purpose::serve) {
        auto lock = store::DataLock::take(config->data_dir);
        if (!lock) {
            return lock.error();
        }
        data_lock_ = std::move(lock.value());
    }
    store::GrantStore::Options grant_options;
    grant_options.lifetime = config->grants.lifetime;
    auto grants = store::GrantStore::open(config->data_dir / "grants.db", threads_, log_, system_clock(), grant_options);
    if (!grants) {
        return grants.error();
    }
    grants_ = std::move(grants.value());
    if (purpose == Purpose::serve) {
        auto ledger = store::LedgerStore::open(config->data_dir / "ledger.db", log_, system_clock());
        if (!ledger) {
            return ledger.error();
        }
        ledger_ = std::move(ledger.value());
    }
    attempts_ = std::make_unique<AttemptWatch>(AttemptWatch::Doors{log_, metrics_, system_clock(), ledger_.get()});
    auto built = build(*config);
    if (!built) {
        return built.error();
    }
    put_in_force(std::move(built.value()));
    if (purpose == Purpose::serve) {
        if (auto opened = open_runs(); !opened) {
            return opened;
        }
        control_ = std::make_unique<ControlThread>([this] { return plugins_->tend() != 0; });
    }
    is_loaded_ = true;
    return {};
}

Result<void> Host::load_plugin(std::string_view instance_id) {
    const auto config = this->config();
    const auto& all = config->plugins;
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& plugin) { return plugin.id == instance_id; });
    if (found == all.end()) {
        return fail(Errc::plugin_missing,
                    "no [[plugin]] with id \"" + std::string(instance_id) + "\" in " + config->file.string());
    }
    std::error_code ec;
    std::filesystem::create_directories(config->data_dir, ec);
    return plugins_->load(instance_config(*found));
}

Result<std::shared_ptr<const Deployment>> Host::build(config::HostConfig config) {
    const Deployment::Parts parts{*plugins_, *grants_, threads_, log_, metrics_, *attempts_, [this](std::string_view words) {
                                      return redactor_.get()->redact(words);
                                  }};
    return Deployment::build(std::move(config), parts, *deployment());
}

/// New runs begin on it from here on.
void Host::put_in_force(std::shared_ptr<const Deployment> deployment) {
    const auto& config = *deployment->config();
    const auto photos = photo_options(config.image);
    photos_.set_limits(photos.limits, photos.side_target);
    plugins_->replace(deployment->instances(), config.server.drain_timeout);
    metrics_.eco2_config_generation.set(static_cast<double>(deployment->generation()));
    warn_of_old_prices(log_, config.routing.prices);
    deployment_.set(std::move(deployment));
}

/// Those of earlier configurations stay secrets.
void Host::learn_secrets(const config::HostConfig& config) {
    auto redactor = std::make_shared<observe::Redactor>(*redactor_.get());
    add_secrets(config, *redactor);
    redactor_.set(redactor);
    log_.set_redactor(std::move(redactor));
}

Result<ReloadReport> Host::reload(const ReadConfig& read, const Prepare& prepare) {
    assert_may_block();
    auto report = try_reload(read, prepare);
    metrics_.eco2_config_reloads_total.with({report ? "taken" : "refused"}).add();
    if (!report) {
        log_.error("configuration not reloaded, the old one goes on",
                   {{"error", report.error().name()}, {"detail", report.error().detail}});
        return report;
    }
    for (const auto& key : report->needs_restart) {
        log_.warn("a change that needs a restart is not in effect", {{"key", key}});
    }
    log_.info("configuration reloaded",
              {{"generation", std::to_string(report->generation)},
               {"started", joined(report->started)},
               {"stopping", joined(report->stopping)}});
    return report;
}

Result<ReloadReport> Host::try_reload(const ReadConfig& read, const Prepare& prepare) {
    if (is_draining_ || !is_loaded_) {
        return fail(is_draining_ ? Errc::draining : Errc::not_ready);
    }
    const auto old = deployment();
    auto config = read(std::nullopt);
    const bool is_elsewhere = config && config->data_dir != old->config()->data_dir;
    if (is_elsewhere) {
        config = read(old->config()->data_dir);  // paths below ${data_dir} must not name the new one
    }
    if (!config) {
        return config.error();
    }
    ReloadReport report;
    report.needs_restart = keep_fixed_keys(*old->config(), *config);
    if (is_elsewhere) {
        report.needs_restart.emplace_back("data.dir");
    }
    learn_secrets(*config);
    auto prepared = prepare(*config);
    if (!prepared) {
        return prepared.error();
    }
    auto built = build(std::move(*config));
    if (!built) {
        return built.error();
    }
    const auto& fresh = (*built)->instances();
    report.generation = (*built)->generation();
    report.started = ids_of(fresh, old->instances(), false);
    report.kept = ids_of(fresh, old->instances(), true);
    report.stopping = ids_of(old->instances(), fresh, false);
    put_in_force(*built);
    const auto& log = (*built)->config()->log;
    log_.set_style(log.level, log.format == config::LogFormat::text);
    (*prepared)();
    return report;
}

Result<void> Host::open_runs() {
    const auto& config = *deployment()->config();
    store::RunStore::Options options;
    options.result_lifetime = config.runs.result_lifetime;
    options.dead_letter_lifetime = config.runs.dead_letter_lifetime;
    options.keep_photos = keep_photos(config.runs.keep_photos);
    auto opened = store::RunStore::open(config.data_dir / "runs.db", threads_, log_, system_clock(), options);
    if (!opened) {
        return opened.error();
    }
    run_store_ = std::move(opened.value());
    SubmittedRuns::Options limits;
    limits.memory_bytes_max = config.runs.memory_bytes_max;
    runs_ = std::make_unique<SubmittedRuns>(
        *run_store_,
        threads_,
        system_clock(),
        log_,
        [this](std::string_view name) { return Deployment::pin(deployment(), name); },
        limits);
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

bool Host::is_configured(std::string_view name) const {
    return deployment()->is_configured(name);
}

std::vector<std::shared_ptr<const Pipeline>> Host::pipelines() const {
    std::vector<std::shared_ptr<const Pipeline>> all;
    for (const auto* context : deployment()->contexts()) {
        all.push_back(context->pipeline);
    }
    return all;
}

std::shared_ptr<RunContext> Host::pipeline(std::string_view name) const {
    return is_loaded_ ? Deployment::pin(deployment(), name) : nullptr;
}

Readiness Host::readiness() const {
    Readiness readiness;
    if (!is_loaded_) {
        readiness.waiting_for.emplace_back("start");
    }
    if (is_draining_) {
        readiness.waiting_for.emplace_back("draining");
    }
    const auto in_force = deployment();
    for (const auto& left : in_force->left_out()) {
        auto& list = left.is_required ? readiness.waiting_for : readiness.left_out;
        list.push_back("pipeline " + left.pipeline + ": " + left.why);
    }
    readiness.is_ready = readiness.waiting_for.empty();
    return readiness;
}

std::shared_ptr<void> Host::admit_run() {
    std::shared_ptr<void> place(this, [](void* host) { --static_cast<Host*>(host)->runs_active_; });
    return ++runs_active_ > config()->server.runs_max ? nullptr : place;
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
    for (const auto& [instance, count] : plugins_->contract_violations()) {
        metrics_.eco2_plugin_contract_violations_total.with({instance}).raise_to(static_cast<double>(count));
    }
    stage_gauges_.refresh(*deployment());
}

Result<void> Host::stop() {
    if (std::exchange(is_stopped_, true)) {
        return {};
    }
    metrics_.forget_hooks();
    if (control_ != nullptr) {
        control_->stop();
    }
    if (runs_ != nullptr) {
        runs_->suspend();  // before the plugins end their calls: a run that is cut off now goes on at the next start
    }
    auto stopped = plugins_->stop(limits::kCancelGrace);
    if (grants_ != nullptr) {
        grants_->stop();
    }
    if (ledger_ != nullptr) {
        (void)ledger_->stop();  // what could not be written is in the log
    }
    if (run_store_ != nullptr) {
        run_store_->stop();
    }
    photos_.stop();
    threads_.stop();
    return stopped;
}

}  // namespace eco2::runtime
