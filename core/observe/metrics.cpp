#include "observe/metrics.hpp"

#include "base/limits.hpp"
#include "observe/plugin_metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <sstream>
#include <vector>

namespace eco2::observe {

class Metrics::Impl {
public:
    Impl() : plugins(registry) {}

    template <class Handle>
    Family<Handle> family(std::string name,
                          std::string help,
                          std::vector<std::string> labels,
                          std::vector<double> buckets = {}) {
        return Family<Handle>(
            registry,
            MetricSpec{
                std::move(name), std::move(help), std::move(labels), limits::kHostMetricLabelSetsMax, std::move(buckets)});
    }

    Counter counter(const std::string& name, const std::string& help) {
        return Counter(prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({}));
    }

    Gauge gauge(const std::string& name, const std::string& help) {
        return Gauge(prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({}));
    }

    Histogram histogram(const std::string& name, const std::string& help, const std::vector<double>& buckets) {
        return Histogram(prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets));
    }

    prometheus::Registry registry;
    PluginMetrics plugins;
    std::mutex hooks_mutex;
    std::vector<std::function<void()>> hooks;  // guarded by hooks_mutex
};

Metrics::Metrics(std::string_view version)
    : impl_(std::make_unique<Impl>()),
      scan_sse_connections_active(impl_->gauge("scan_sse_connections_active", "Streams of classify/completion that are open")),
      scan_sse_chain_duration_seconds(impl_->histogram(
          "scan_sse_chain_duration_seconds", "From the request to the last frame of a stream", geometric_buckets(1, 180, 15))),
      scan_sse_stage_duration_seconds(
          impl_->family<Histogram>("scan_sse_stage_duration_seconds",
                                   "From a stage's started to its completed or failed frame, its queue included",
                                   {"stage"},
                                   geometric_buckets(0.1, 60, 15))),
      scan_sse_requests_total(impl_->family<Counter>(
          "scan_sse_requests_total", "Streams by how they ended; success only after the last frame was sent", {"status"})),
      scan_sse_ttfb_seconds(impl_->histogram(
          "scan_sse_ttfb_seconds", "From the request to the first stage frame", geometric_buckets(0.01, 10, 14))),
      scan_pipeline_step_duration_seconds(impl_->family<Histogram>("scan_pipeline_step_duration_seconds",
                                                                   "Steps of synchronous classify requests",
                                                                   {"step"},
                                                                   geometric_buckets(0.1, 60, 15))),
      scan_reward_match_duration_seconds(impl_->histogram("scan_reward_match_duration_seconds",
                                                          "The reward stage of synchronous classify requests",
                                                          geometric_buckets(0.01, 5, 12))),
      scan_reward_match_total(
          impl_->family<Counter>("scan_reward_match_total", "Reward stages of synchronous classify requests", {"status"})),
      character_reward_evaluation_total(
          impl_->family<Counter>("character_reward_evaluation_total", "Rewards decided, by outcome", {"status", "source"})),
      character_reward_granted_total(
          impl_->family<Counter>("character_reward_granted_total", "Rewards given to users", {"character_name", "type"})),
      eco2_reward_null_total(
          impl_->family<Counter>("eco2_reward_null_total", "Runs that ended without a reward, by reason", {"reason"})),
      eco2_grants_total(impl_->family<Counter>("eco2_grants_total", "Grants that were to be written, by result", {"result"})),
      eco2_runs_active(impl_->gauge("eco2_runs_active", "Runs that have begun and not ended")),
      eco2_stage_running(impl_->family<Gauge>("eco2_stage_running", "Runs inside a stage", {"pipeline", "stage"})),
      eco2_stage_waiting(impl_->family<Gauge>("eco2_stage_waiting", "Runs waiting for a stage", {"pipeline", "stage"})),
      eco2_event_loop_lag_seconds(impl_->family<Histogram>(
          "eco2_event_loop_lag_seconds", "How late an I/O thread's timer ran", {"thread"}, geometric_buckets(0.0005, 5, 13))),
      eco2_http_requests_total(impl_->family<Counter>("eco2_http_requests_total", "Requests answered", {"route", "status"})),
      eco2_blocking_queue_depth(impl_->gauge("eco2_blocking_queue_depth", "Tasks waiting for the blocking pool")),
      eco2_photo_queue_depth(impl_->gauge("eco2_photo_queue_depth", "Photos waiting for the photo pool")),
      eco2_submitted_runs_active(impl_->gauge("eco2_submitted_runs_active", "Submitted runs under way")),
      eco2_submitted_runs_bytes(
          impl_->gauge("eco2_submitted_runs_bytes", "Memory of submitted runs under way, photos above all")),
      eco2_submitted_runs_total(
          impl_->family<Counter>("eco2_submitted_runs_total",
                                 "Submitted runs, by what happened: submitted, adopted after a restart, ended",
                                 {"event"})),
      eco2_run_store_queue_depth(impl_->gauge("eco2_run_store_queue_depth", "Writes and reads waiting for the run store")),
      eco2_run_store_writes_total(
          impl_->family<Counter>("eco2_run_store_writes_total", "Writes of submitted runs, by result", {"result"})),
      eco2_run_store_commits_total(impl_->counter("eco2_run_store_commits_total", "Commits of the run store")),
      eco2_plugin_contract_violations_total(impl_->family<Counter>(
          "eco2_plugin_contract_violations_total", "Times that a plugin broke a rule of the ABI", {"plugin"})),
      eco2_build_info(impl_->family<Gauge>("eco2_build_info", "Always 1; the version is in the label", {"version"})),
      eco2_config_reloads_total(impl_->family<Counter>(
          "eco2_config_reloads_total", "Reloads of the configuration, by result: taken, refused", {"result"})),
      eco2_config_generation(
          impl_->gauge("eco2_config_generation", "1 from the start, one more with each reload that was taken")),
      eco2_batch_worker_up(impl_->gauge("eco2_batch_worker_up", "1 while the batch process that this host watches runs")),
      eco2_batch_worker_restarts_total(
          impl_->counter("eco2_batch_worker_restarts_total", "Starts of the batch process after one that ended by itself")),
      eco2_upstream_connections_opened_total(
          impl_->counter("eco2_upstream_connections_opened_total", "Connections opened to upstreams")),
      eco2_upstream_connections_reused_total(
          impl_->counter("eco2_upstream_connections_reused_total", "Requests that used an open connection")),
      eco2_upstream_exchanges_open(impl_->gauge("eco2_upstream_exchanges_open", "Requests to upstreams in flight")),
      eco2_upstream_connections_idle(impl_->gauge("eco2_upstream_connections_idle", "Pooled connections that wait for use")),
      eco2_provider_calls_total(
          impl_->family<Counter>("eco2_provider_calls_total", "Calls to providers", {"provider", "outcome"})),
      eco2_provider_tokens_total(
          impl_->family<Counter>("eco2_provider_tokens_total", "Tokens that providers counted", {"provider", "stage", "kind"})),
      eco2_attempts_total(impl_->family<Counter>(
          "eco2_attempts_total", "Attempts at providers, by what became of them", {"route", "provider", "outcome"})),
      eco2_attempt_seconds(impl_->family<Histogram>(
          "eco2_attempt_seconds", "From an attempt's start to its end", {"provider"}, geometric_buckets(0.01, 120, 15))),
      eco2_first_content_seconds(impl_->family<Histogram>("eco2_first_content_seconds",
                                                          "From an attempt's start to the first content of its answer",
                                                          {"provider"},
                                                          geometric_buckets(0.01, 60, 15))),
      eco2_tokens_total(impl_->family<Counter>("eco2_tokens_total",
                                               "Tokens of all attempts, reported by the upstream or estimated; cached ones are "
                                               "a part of those in",
                                               {"provider", "model", "direction", "source"})),
      eco2_cost_usd_total(impl_->family<Counter>("eco2_cost_usd_total",
                                                 "Cost of all attempts that have a price, from reported or estimated tokens",
                                                 {"provider", "source"})),
      eco2_failovers_total(impl_->family<Counter>(
          "eco2_failovers_total", "Requests that were answered although an attempt of theirs failed", {"route"})) {
    // Series that exist from the start: a rate over one that appears with its first event misses that event.
    for (const std::string_view status : {"success", "failed", "timeout", "disconnected", "rejected"}) {
        scan_sse_requests_total.with({status});
    }
    for (const std::string_view status : {"success", "failed", "skipped"}) {
        scan_reward_match_total.with({status});
    }
    for (const std::string_view result : {"taken", "refused"}) {
        eco2_config_reloads_total.with({result});
    }
    eco2_build_info.with({version}).set(1);
}

Metrics::~Metrics() = default;

void Metrics::on_expose(std::function<void()> hook) {
    const std::lock_guard lock(impl_->hooks_mutex);
    impl_->hooks.push_back(std::move(hook));
}

void Metrics::forget_hooks() {
    const std::lock_guard lock(impl_->hooks_mutex);
    impl_->hooks.clear();
}

std::string Metrics::expose() {
    {
        const std::lock_guard lock(impl_->hooks_mutex);
        for (const auto& hook : impl_->hooks) {
            hook();
        }
    }
    std::ostringstream out;
    out.imbue(std::locale::classic());
    prometheus::TextSerializer().Serialize(out, impl_->registry.Collect());
    return std::move(out).str();
}

PluginMetrics& Metrics::plugins() noexcept {
    return impl_->plugins;
}

}  // namespace eco2::observe
