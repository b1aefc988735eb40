#pragma once

#include "plugin_host/instance_context.hpp"

#include <eco2/abi/services.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_set>

namespace eco2::plugin_host {

/// eco2.draft.metrics over MetricsDoor: names get the plugin's prefix, label sets are bounded.
///
/// Thread-safety: define: control thread; record: any thread, without a lock where the metric has no label.
/// Limits:        limits::kInstanceMetricsMax; beyond limits::kMetricLabelSetsMax sets of a metric, each label reads "other".
class MetricsService {
public:
    explicit MetricsService(InstanceContext& context);
    MetricsService(const MetricsService&) = delete;
    MetricsService& operator=(const MetricsService&) = delete;

    const eco2_metrics_service& table() const noexcept { return table_; }
    void close_definitions() noexcept { is_open_ = false; }

private:
    struct Metric {
        std::uint64_t door_handle = 0;
        std::size_t label_count = 0;
        std::mutex mutex;
        std::unordered_set<std::string> sets;
    };

    static std::uint64_t define(
        void* self, std::int32_t kind, eco2_str name, eco2_str help, const eco2_str* labels, std::size_t label_count) noexcept;
    static void record(
        void* self, std::uint64_t metric, double value, const eco2_str* labels, std::size_t label_count) noexcept;

    std::uint64_t refuse(std::string_view name, std::string_view reason);
    static bool is_within_bound(Metric& metric, const eco2_str* labels);

    InstanceContext& context_;
    std::atomic<bool> is_open_{true};
    std::atomic<std::size_t> count_{0};
    std::array<Metric, limits::kInstanceMetricsMax> metrics_;
    eco2_metrics_service table_;
};

}  // namespace eco2::plugin_host
