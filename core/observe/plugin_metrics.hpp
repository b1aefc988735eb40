#pragma once

#include "observe/instruments.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::observe {

/// Metrics that plugins bring. What a plugin may not do is refused or dropped, never passed on.
///
/// Thread-safety: any thread. Lifetime: its Metrics'.
/// Limits:        limits::kPluginMetricsMax metrics, kPluginMetricLabelsMax labels each, kMetricLabelSetsMax label sets each.
class PluginMetrics {
public:
    enum class Kind { counter, gauge, histogram };

    explicit PluginMetrics(prometheus::Registry& registry);
    ~PluginMetrics();

    /// A handle, or 0: refused. `name` is whole, "eco2_plugin_..."; the same definition again gives the same handle.
    /// Refused: another prefix, bad characters, reserved or repeated labels, too many, another definition under the same name.
    std::uint64_t define(Kind kind, const std::string& name, const std::string& help, const std::vector<std::string>& labels);

    /// Counter: adds (negative amounts are dropped); gauge: sets; histogram: observes. An unknown handle, or a number that is
    /// not finite, is dropped.
    void record(std::uint64_t metric, double value, std::span<const std::string_view> label_values);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace eco2::observe
