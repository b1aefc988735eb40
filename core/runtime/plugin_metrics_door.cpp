#include "runtime/plugin_metrics_door.hpp"

namespace eco2::runtime {
namespace {

observe::PluginMetrics::Kind kind_of(plugin_host::MetricsDoor::Kind kind) {
    switch (kind) {
        case plugin_host::MetricsDoor::Kind::gauge: return observe::PluginMetrics::Kind::gauge;
        case plugin_host::MetricsDoor::Kind::histogram: return observe::PluginMetrics::Kind::histogram;
        case plugin_host::MetricsDoor::Kind::counter: break;
    }
    return observe::PluginMetrics::Kind::counter;
}

}  // namespace

std::uint64_t PluginMetricsDoor::define(Kind kind, std::string name, std::string help, std::vector<std::string> labels) {
    return metrics_.define(kind_of(kind), name, help, labels);
}

void PluginMetricsDoor::record(std::uint64_t metric, double value, std::span<const std::string_view> label_values) {
    metrics_.record(metric, value, label_values);
}

}  // namespace eco2::runtime
