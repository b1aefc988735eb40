#pragma once

#include "observe/instruments.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace eco2::observe {

class PluginMetrics;

/// All metrics of the host, as members that are called what the metric is called; labels are in the comment, in order.
///
/// Thread-safety: recording from any thread; on_expose, forget_hooks: control thread; expose from any thread, one at a time
/// inside. Lifetime:      outlives all who record. Limits:        label sets per metric, see Family.
class Metrics {
private:
    class Impl;
    std::unique_ptr<Impl> impl_;  // before the members that are made in it

public:
    explicit Metrics(std::string_view version);
    ~Metrics();

    static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// Called by every expose, to set gauges that are read rather than kept.
    void on_expose(std::function<void()> hook);
    /// Before the parts die that the hooks look at. Returns when no hook runs any more.
    void forget_hooks();
    /// Everything in Prometheus' text format. Cost: some ms with thousands of series; not for an I/O thread under load.
    std::string expose();

    PluginMetrics& plugins() noexcept;

    // streams of classify/completion
    Gauge scan_sse_connections_active;
    Histogram scan_sse_chain_duration_seconds;          // started to last frame
    Family<Histogram> scan_sse_stage_duration_seconds;  // stage
    Family<Counter> scan_sse_requests_total;            // status: success, failed, timeout, disconnected, rejected
    Histogram scan_sse_ttfb_seconds;                    // to the first stage frame

    // classify
    Family<Histogram> scan_pipeline_step_duration_seconds;  // step: vision, rag, answer, total_pipeline
    Histogram scan_reward_match_duration_seconds;
    Family<Counter> scan_reward_match_total;  // status: success, failed, skipped

    // rewards
    Family<Counter> character_reward_evaluation_total;  // status, source
    Family<Counter> character_reward_granted_total;     // character_name, type
    Family<Counter> eco2_reward_null_total;             // reason
    Family<Counter> eco2_grants_total;                  // result

    // runs
    Gauge eco2_runs_active;
    Family<Gauge> eco2_stage_running;  // pipeline, stage
    Family<Gauge> eco2_stage_waiting;  // pipeline, stage

    // the host
    Family<Histogram> eco2_event_loop_lag_seconds;  // thread
    Family<Counter> eco2_http_requests_total;       // route, status
    Gauge eco2_blocking_queue_depth;
    Gauge eco2_photo_queue_depth;
    Gauge eco2_submitted_runs_active;
    Gauge eco2_submitted_runs_bytes;
    Family<Counter> eco2_submitted_runs_total;  // event: submitted, adopted, ended
    Gauge eco2_run_store_queue_depth;
    Family<Counter> eco2_run_store_writes_total;  // result: written, failed
    Counter eco2_run_store_commits_total;
    Family<Counter> eco2_plugin_contract_violations_total;  // plugin
    Family<Gauge> eco2_build_info;                          // version

    Family<Counter> eco2_config_reloads_total;  // result: taken, refused
    Gauge eco2_config_generation;
    Gauge eco2_batch_worker_up;
    Counter eco2_batch_worker_restarts_total;

    // upstream
    Counter eco2_upstream_connections_opened_total;
    Counter eco2_upstream_connections_reused_total;
    Gauge eco2_upstream_exchanges_open;
    Gauge eco2_upstream_connections_idle;
    Family<Counter> eco2_provider_calls_total;   // provider, outcome
    Family<Counter> eco2_provider_tokens_total;  // provider, stage, kind

    // routes
    Family<Counter> eco2_attempts_total;           // route, provider, outcome: ok, cancelled, an error's name
    Family<Histogram> eco2_attempt_seconds;        // provider
    Family<Histogram> eco2_first_content_seconds;  // provider
    Family<Counter> eco2_tokens_total;             // provider, model, direction: in, cached, out; source: reported, estimated
    Family<Counter> eco2_cost_usd_total;           // provider, source
    Family<Counter> eco2_failovers_total;          // route
};

}  // namespace eco2::observe
