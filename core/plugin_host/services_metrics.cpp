#include "plugin_host/services_metrics.hpp"

#include "plugin_host/abi_values.hpp"
#include "plugin_host/plugin_frame.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

namespace eco2::plugin_host {
namespace {

constexpr std::size_t kLabelsMax = 8;

bool is_metric_name(std::string_view name) {
    return !name.empty() && name.size() <= 100 && (name.front() < '0' || name.front() > '9') &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

std::optional<MetricsDoor::Kind> kind_of(std::int32_t kind) noexcept {
    switch (kind) {
        case ECO2_METRIC_COUNTER: return MetricsDoor::Kind::counter;
        case ECO2_METRIC_GAUGE: return MetricsDoor::Kind::gauge;
        case ECO2_METRIC_HISTOGRAM: return MetricsDoor::Kind::histogram;
        default: return std::nullopt;
    }
}

std::string exported_name(std::string plugin, std::string_view name) {
    std::replace(plugin.begin(), plugin.end(), '-', '_');
    return "eco2_plugin_" + plugin + "_" + std::string(name);
}

}  // namespace

MetricsService::MetricsService(InstanceContext& context)
    : context_(context), table_{sizeof(eco2_metrics_service), 0, this, &MetricsService::define, &MetricsService::record} {}

std::uint64_t MetricsService::refuse(std::string_view name, std::string_view reason) {
    context_.doors().log.warn(
        "metric of a plugin refused",
        {{"plugin", context_.plugin()}, {"instance", context_.id()}, {"metric", name}, {"reason", reason}});
    return 0;
}

std::uint64_t MetricsService::define(void* self,
                                     std::int32_t raw_kind,
                                     eco2_str raw_name,
                                     eco2_str help,
                                     const eco2_str* labels,
                                     std::size_t label_count) noexcept {
    auto& service = *static_cast<MetricsService*>(self);
    const HostFrame frame;
    const auto name = text_of(raw_name);
    const auto kind = kind_of(raw_kind);
    const auto index = service.count_.load();
    if (!service.is_open_) {
        return service.refuse(name, "metrics are defined in create only");
    }
    if (!kind || !is_metric_name(name) || label_count > kLabelsMax || (label_count > 0 && labels == nullptr)) {
        return service.refuse(name, "its kind, name or labels are not allowed");
    }
    if (index == service.metrics_.size()) {
        return service.refuse(name, "too many metrics");
    }
    std::vector<std::string> label_names;
    for (std::size_t i = 0; i < label_count; ++i) {
        label_names.emplace_back(text_of(labels[i]));
        if (!is_metric_name(label_names.back())) {
            return service.refuse(name, "a label's name is not allowed");
        }
    }
    const auto handle = service.context_.doors().metrics.define(
        *kind, exported_name(service.context_.plugin(), name), std::string(text_of(help)), std::move(label_names));
    if (handle == 0) {
        return service.refuse(name, "the host refused it");
    }
    service.metrics_[index].door_handle = handle;
    service.metrics_[index].label_count = label_count;
    service.count_.store(index + 1, std::memory_order_release);
    return index + 1;
}

bool MetricsService::is_within_bound(Metric& metric, const eco2_str* labels) {
    std::string set;
    for (std::size_t i = 0; i < metric.label_count; ++i) {
        set.append(text_of(labels[i]));
        set.push_back('\0');
    }
    const std::lock_guard lock(metric.mutex);
    if (metric.sets.contains(set)) {
        return true;
    }
    if (metric.sets.size() >= limits::kMetricLabelSetsMax) {
        return false;
    }
    metric.sets.insert(std::move(set));
    return true;
}

void MetricsService::record(
    void* self, std::uint64_t handle, double value, const eco2_str* labels, std::size_t label_count) noexcept {
    auto& service = *static_cast<MetricsService*>(self);
    if (handle == 0) {
        return;  // a refused metric: said once, in define
    }
    if (handle > service.count_.load(std::memory_order_acquire) || !std::isfinite(value)) {
        service.context_.note_violation("a metric that was not defined, or a value that is no number", "metrics.record");
        return;
    }
    auto& metric = service.metrics_[handle - 1];
    if (label_count != metric.label_count || (label_count > 0 && labels == nullptr)) {
        service.context_.note_violation("labels other than those defined", "metrics.record");
        return;
    }
    std::array<std::string_view, kLabelsMax> values;
    const bool is_known = label_count == 0 || is_within_bound(metric, labels);
    for (std::size_t i = 0; i < label_count; ++i) {
        values[i] = is_known ? text_of(labels[i]) : std::string_view("other");
    }
    service.context_.doors().metrics.record(metric.door_handle, value, {values.data(), label_count});
}

}  // namespace eco2::plugin_host
