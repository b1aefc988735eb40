#include "observe/plugin_metrics.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "observe/utf8.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <set>
#include <variant>

namespace eco2::observe {
namespace {

constexpr std::size_t kNameMax = 128;
constexpr std::size_t kHelpMax = 256;
constexpr std::string_view kPrefix = "eco2_plugin_";

bool is_identifier(std::string_view name) noexcept {
    return !name.empty() && name.size() <= kNameMax && (name.front() < '0' || name.front() > '9') &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
           });
}

bool are_good_labels(const std::vector<std::string>& labels) {
    const std::set<std::string> unlike(labels.begin(), labels.end());
    return labels.size() <= limits::kPluginMetricLabelsMax && unlike.size() == labels.size() &&
           std::all_of(labels.begin(), labels.end(), [](const std::string& label) {
               return is_identifier(label) && !label.starts_with("__") && label != "le" && label != "quantile";
           });
}

using AnyFamily = std::variant<Family<Counter>, Family<Gauge>, Family<Histogram>>;

AnyFamily make_family(prometheus::Registry& registry, PluginMetrics::Kind kind, MetricSpec spec) {
    switch (kind) {
        case PluginMetrics::Kind::counter: return Family<Counter>(registry, std::move(spec));
        case PluginMetrics::Kind::gauge: return Family<Gauge>(registry, std::move(spec));
        case PluginMetrics::Kind::histogram: break;
    }
    spec.buckets = geometric_buckets(0.001, 60, 16);
    return Family<Histogram>(registry, std::move(spec));
}

struct Metric {
    PluginMetrics::Kind kind;
    std::string name;
    std::vector<std::string> labels;
    AnyFamily family;
};

}  // namespace

class PluginMetrics::Impl {
public:
    explicit Impl(prometheus::Registry& registry) : registry_(registry) {}

    std::uint64_t define(Kind kind, const std::string& name, const std::string& help, const std::vector<std::string>& labels) {
        if (!is_identifier(name) || !name.starts_with(kPrefix) || name.size() == kPrefix.size() || !are_good_labels(labels)) {
            return 0;
        }
        const std::lock_guard lock(define_mutex_);
        const std::size_t count = count_.load(std::memory_order_relaxed);
        for (std::size_t i = 0; i < count; ++i) {
            if (metrics_[i]->name == name) {
                return metrics_[i]->kind == kind && metrics_[i]->labels == labels ? i + 1 : 0;
            }
        }
        if (count == metrics_.size()) {
            return 0;
        }
        MetricSpec spec{name, shorten(valid_utf8(help), kHelpMax), labels, limits::kMetricLabelSetsMax, {}};
        metrics_[count] = std::make_unique<Metric>(Metric{kind, name, labels, make_family(registry_, kind, std::move(spec))});
        count_.store(count + 1, std::memory_order_release);
        return count + 1;
    }

    void record(std::uint64_t metric, double value, std::span<const std::string_view> label_values) {
        if (metric == 0 || metric > count_.load(std::memory_order_acquire) || !std::isfinite(value)) {
            return;
        }
        AnyFamily& family = metrics_[metric - 1]->family;
        if (auto* counters = std::get_if<Family<Counter>>(&family)) {
            counters->with(label_values).add(value);
        } else if (auto* gauges = std::get_if<Family<Gauge>>(&family)) {
            gauges->with(label_values).set(value);
        } else if (auto* histograms = std::get_if<Family<Histogram>>(&family)) {
            histograms->with(label_values).observe(value);
        }
    }

private:
    prometheus::Registry& registry_;
    std::mutex define_mutex_;
    // Slots are written once, before count_ passes them: recording needs no lock to find its metric.
    std::array<std::unique_ptr<Metric>, limits::kPluginMetricsMax> metrics_;
    std::atomic<std::size_t> count_{0};
};

PluginMetrics::PluginMetrics(prometheus::Registry& registry) : impl_(std::make_unique<Impl>(registry)) {}
PluginMetrics::~PluginMetrics() = default;

std::uint64_t PluginMetrics::define(Kind kind,
                                    const std::string& name,
                                    const std::string& help,
                                    const std::vector<std::string>& labels) {
    return impl_->define(kind, name, help, labels);
}

void PluginMetrics::record(std::uint64_t metric, double value, std::span<const std::string_view> label_values) {
    impl_->record(metric, value, label_values);
}

}  // namespace eco2::observe
