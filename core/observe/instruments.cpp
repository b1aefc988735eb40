#include "observe/instruments.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "observe/utf8.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <type_traits>

namespace eco2::observe {
namespace {

template <class Handle>
struct SeriesOf;
template <>
struct SeriesOf<Counter> {
    using type = prometheus::Counter;
    static auto builder() { return prometheus::BuildCounter(); }
};
template <>
struct SeriesOf<Gauge> {
    using type = prometheus::Gauge;
    static auto builder() { return prometheus::BuildGauge(); }
};
template <>
struct SeriesOf<Histogram> {
    using type = prometheus::Histogram;
    static auto builder() { return prometheus::BuildHistogram(); }
};

std::string_view value_at(std::span<const std::string_view> values, std::size_t i) {
    return i < values.size() ? values[i].substr(0, 4 * limits::kMetricLabelBytesMax) : std::string_view();
}

}  // namespace

void Counter::add(double amount) const noexcept {
    if (series_ != nullptr && amount > 0 && std::isfinite(amount)) {
        series_->Increment(amount);
    }
}

void Counter::raise_to(double total) const noexcept {
    if (series_ != nullptr) {
        add(total - series_->Value());
    }
}

void Gauge::set(double value) const noexcept {
    if (series_ != nullptr) {
        series_->Set(value);
    }
}

void Gauge::add(double amount) const noexcept {
    if (series_ != nullptr) {
        series_->Increment(amount);
    }
}

void Histogram::observe(double value) const noexcept {
    if (series_ != nullptr && std::isfinite(value)) {
        series_->Observe(value);
    }
}

template <class Handle>
class Family<Handle>::Impl {
public:
    using Series = typename SeriesOf<Handle>::type;

    Impl(prometheus::Registry& registry, MetricSpec spec)
        : spec_(std::move(spec)), family_(SeriesOf<Handle>::builder().Name(spec_.name).Help(spec_.help).Register(registry)) {}

    Handle with(std::span<const std::string_view> values) {
        const std::string key = key_of(values);
        {
            const std::shared_lock lock(mutex_);
            if (const auto found = series_.find(key); found != series_.end()) {
                return Handle(*found->second);
            }
        }
        const std::unique_lock lock(mutex_);
        if (const auto found = series_.find(key); found != series_.end()) {
            return Handle(*found->second);
        }
        if (series_.size() >= spec_.label_sets_max) {
            return Handle(other());
        }
        return Handle(*series_.emplace(key, &make(values)).first->second);
    }

private:
    std::string key_of(std::span<const std::string_view> values) const {
        std::string key;
        for (std::size_t i = 0; i < spec_.labels.size(); ++i) {
            const auto value = value_at(values, i);
            key += std::to_string(value.size());  // so that no two sets of values share a key, whatever is in them
            key += ':';
            key += value;
        }
        return key;
    }

    Series& make(std::span<const std::string_view> values) {
        prometheus::Labels labels;
        for (std::size_t i = 0; i < spec_.labels.size(); ++i) {
            labels[spec_.labels[i]] = shorten(valid_utf8(value_at(values, i)), limits::kMetricLabelBytesMax);
        }
        if constexpr (std::is_same_v<Handle, Histogram>) {
            return family_.Add(labels, spec_.buckets);
        } else {
            return family_.Add(labels);
        }
    }

    Series& other() {
        if (other_ == nullptr) {
            const std::vector<std::string_view> values(spec_.labels.size(), "other");
            other_ = &make(values);
        }
        return *other_;
    }

    const MetricSpec spec_;
    prometheus::Family<Series>& family_;
    std::shared_mutex mutex_;
    std::map<std::string, Series*, std::less<>> series_;  // guarded by mutex_
    Series* other_ = nullptr;                             // guarded by mutex_
};

template <class Handle>
Family<Handle>::Family() = default;
template <class Handle>
Family<Handle>::Family(prometheus::Registry& registry, MetricSpec spec)
    : impl_(std::make_unique<Impl>(registry, std::move(spec))) {}
template <class Handle>
Family<Handle>::Family(Family&&) noexcept = default;
template <class Handle>
Family<Handle>& Family<Handle>::operator=(Family&&) noexcept = default;
template <class Handle>
Family<Handle>::~Family() = default;

template <class Handle>
Handle Family<Handle>::with(std::span<const std::string_view> values) {
    return impl_ ? impl_->with(values) : Handle();
}

template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;

std::vector<double> geometric_buckets(double least, double most, std::size_t count) {
    std::vector<double> out;
    const double step = (std::log(most) - std::log(least)) / static_cast<double>(count - 1);
    for (std::size_t i = 0; i < count; ++i) {
        const double value = std::exp(std::log(least) + static_cast<double>(i) * step);
        out.push_back(std::round(value * 10'000) / 10'000);
    }
    return out;
}

}  // namespace eco2::observe
