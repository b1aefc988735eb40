#pragma once

#include "observe/plugin_metrics.hpp"
#include "plugin_host/plugin_host.hpp"

namespace eco2::runtime {

/// Lets plugins record into the host's metrics.
class PluginMetricsDoor final : public plugin_host::MetricsDoor {
public:
    explicit PluginMetricsDoor(observe::PluginMetrics& metrics) : metrics_(metrics) {}

    std::uint64_t define(Kind kind, std::string name, std::string help, std::vector<std::string> labels) override;
    void record(std::uint64_t metric, double value, std::span<const std::string_view> label_values) override;

private:
    observe::PluginMetrics& metrics_;
};

}  // namespace eco2::runtime
