#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace eco2::observe {

/// Handles to time series: cheap to copy, to keep and to record through (an atomic, for histograms a short lock). A default one
/// records nothing.
///
/// Thread-safety: any thread. Lifetime: no longer than the Metrics that gave it.
class Counter {
public:
    Counter() = default;
    explicit Counter(prometheus::Counter& series) : series_(&series) {}
    void add(double amount = 1) const noexcept;
    /// For totals that another part counts: raises the series to `total`. One thread at a time.
    void raise_to(double total) const noexcept;

private:
    prometheus::Counter* series_ = nullptr;
};

class Gauge {
public:
    Gauge() = default;
    explicit Gauge(prometheus::Gauge& series) : series_(&series) {}
    void set(double value) const noexcept;
    void add(double amount) const noexcept;

private:
    prometheus::Gauge* series_ = nullptr;
};

class Histogram {
public:
    Histogram() = default;
    explicit Histogram(prometheus::Histogram& series) : series_(&series) {}
    void observe(double value) const noexcept;

private:
    prometheus::Histogram* series_ = nullptr;
};

/// Where a metric is made, and how.
struct MetricSpec {
    std::string name;
    std::string help;
    std::vector<std::string> labels;
    std::size_t label_sets_max;
    std::vector<double> buckets;  // histograms only
};

/// A metric with labels. `with` finds or makes the series of some label values; keep what it gives where the values are known
/// beforehand, for it looks them up under a shared lock.
///
/// Thread-safety: any thread. Lifetime: no longer than its Metrics.
/// Limits:        beyond `label_sets_max` sets all further ones share the series whose values are all "other"; values are cut
/// to
///                limits::kMetricLabelBytesMax; missing values are "", surplus ones are dropped.
template <class Handle>
class Family {
public:
    Family();
    Family(prometheus::Registry& registry, MetricSpec spec);
    Family(Family&&) noexcept;
    Family& operator=(Family&&) noexcept;
    ~Family();

    Handle with(std::initializer_list<std::string_view> values) { return with(std::span(values.begin(), values.size())); }
    Handle with(std::span<const std::string_view> values);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

extern template class Family<Counter>;
extern template class Family<Gauge>;
extern template class Family<Histogram>;

/// `count` bounds from `least` to `most`, each the same multiple of the one before, rounded to 4 places.
std::vector<double> geometric_buckets(double least, double most, std::size_t count);

}  // namespace eco2::observe
